package codec

import (
	"maps"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// takeV0 stands for an old shape: ports counted from 0, other names.
type takeV0 struct{ out, in int }

func readTakeV0(r *reader) (t takeV0) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "out":
			t.out = int(r.int32())
		case "in":
			t.in = int(r.int32())
		default:
			o.unknown()
		}
	}
	return t
}

func TestAnOldVersionIsLiftedToTheOneOfToday(t *testing.T) {
	c := New("main", Keyring{})
	types := maps.Clone(registry)
	// A type that ClassOf knows has to stand for the old name here.
	types[domain.TypeLock] = upcast(readTakeV0, func(old takeV0) domain.Take {
		return domain.Take{Destination: old.out + 1, Source: old.in + 1}
	})
	c.types = recordTypes(types)
	m, err := New("main", Keyring{}).EncodeJSON(domain.Record{
		UID: "u", Source: "/s", Subject: "d", Payload: domain.SetLock{Destination: 1, State: domain.LockOn},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Value = []byte(`{"out":4,"in":11}`)
	r := c.Decode(domain.TopicLog, 0, domain.Stored{Message: m})
	if want := (domain.Take{Destination: 5, Source: 12}); r.Payload != want || r.Type != domain.TypeTake {
		t.Errorf("got %s %+v, defect %q (%s)", r.Type, r.Payload, r.Defect, r.Detail)
	}
}

func TestEveryTypeThatHasAClassHasADecoder(t *testing.T) {
	for ty, read := range registry {
		if domain.ClassOf(ty) == domain.ClassUnknown {
			t.Errorf("%s is read but domain.ClassOf does not know it", ty)
		}
		if p := read(&reader{b: []byte{0x80}}); p.Type() != ty {
			t.Errorf("the decoder of %s makes a %s", ty, p.Type())
		}
	}
}
