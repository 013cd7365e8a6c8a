package explore

import (
	"reflect"
	"testing"

	"github.com/understudy-io/understudy/domain/election"
)

// A field that is left out of the digest under a name that it had once would be in
// it again, and every state would be another one.
func TestWhatIsLeftOutOfTheDigestIsThere(t *testing.T) {
	missing := map[string]bool{"pace.fixed": true}
	for name := range leftOut {
		missing[name] = true
	}
	var look func(reflect.Type)
	look = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			delete(missing, t.Name()+"."+f.Name)
			if f.Type.Kind() == reflect.Struct {
				look(f.Type)
			}
		}
	}
	look(reflect.TypeFor[election.Server]())
	for name := range missing {
		t.Errorf("there is no field %s any more", name)
	}
}

func TestEqualStatesHaveEqualDigestsAndOthersHaveOthers(t *testing.T) {
	land := landscape(three, AllFaults...)
	one, two := land.begin(), land.begin()
	if one.digest() != two.digest() {
		t.Fatal("the same beginning has two digests")
	}
	one.faults = 1
	for _, mv := range one.moves(&Bounds{Ticks: 5, Records: 100}) {
		if next := one.after(mv); next == nil || next.digest() == one.digest() {
			t.Errorf("%s changes nothing", mv)
		}
	}
	if one.digest() != two.digest() {
		t.Error("a move changed the state that it was made from")
	}
}
