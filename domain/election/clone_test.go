package election

import (
	"reflect"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// A field that Clone forgets would be shared by two machines: one would change
// the other.
func TestACloneIsEqualAndSharesNothing(t *testing.T) {
	w := newWorld()
	a := w.start(Config{Member: "a", Incarnation: "a1"}, 1, nil)
	w.start(Config{Member: "b", Incarnation: "b1"}, 1, nil)
	w.run(time.Second)
	w.start(Config{Member: "b", Incarnation: "b2"}, 1, nil) // so that b1 is retired
	w.run(time.Second)
	w.write("a", time.Millisecond, domain.Policy{By: "ops", Order: domain.OrderDesignated, Members: []string{"a"}, FailBack: domain.FailBackAuto})
	w.write("a", time.Millisecond, domain.Invited{ID: "t", Hash: HashOfToken("secret"), Until: 1 << 62, By: "ops"})
	w.run(time.Second)
	a.fillAll()

	a.machine.out = nil
	clone := a.machine.Clone()
	clone.cfg.Policy, a.machine.cfg.Policy = nil, nil // functions are never equal
	if !reflect.DeepEqual(a.machine, clone) {
		t.Fatalf("a clone differs:\n%+v\n%+v", a.machine, clone)
	}
	noSharing(t, "Server", reflect.ValueOf(a.machine), reflect.ValueOf(clone))
}

// fillAll makes sure that nothing which could be shared is empty.
func (p *process) fillAll() {
	p.machine.flight.add(p.machine.n+1, p.clock())
	p.machine.reckon(p.machine.n+1, time.Second)
	p.machine.health.Reaches = []string{"router"}
}

func noSharing(t *testing.T, path string, a, b reflect.Value) {
	t.Helper()
	switch a.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if a.IsNil() {
			if a.Type() != reflect.TypeFor[[]Effect]() {
				t.Errorf("%s is empty: nothing is known of it", path)
			}
			return
		}
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", path)
			return
		}
	}
	switch a.Kind() {
	case reflect.Pointer:
		noSharing(t, path, a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			noSharing(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Map:
		for _, k := range a.MapKeys() {
			noSharing(t, path+"["+k.String()+"]", a.MapIndex(k), b.MapIndex(k))
		}
	case reflect.Slice:
		for i := range a.Len() {
			noSharing(t, path, a.Index(i), b.Index(i))
		}
	}
}
