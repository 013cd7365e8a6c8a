package partition

import (
	"strconv"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// kind is a device with one verb, of a partition that owns all.
func kind(device, verb string) domain.Definition {
	return domain.Definition{Device: device, Driver: domain.DriverHTTP, Verbs: []domain.Verb{{Name: verb, Args: []string{"to"}}}}
}

// configure folds a definition as the primary of epoch 1 writes it.
func configure(t *testing.T, s *State, c domain.Configured) {
	t.Helper()
	if s.Epoch() == 0 {
		s.Apply(domain.Record{
			Position: domain.Position{Offset: s.Next()}, Type: domain.TypeEpochOpened, Signed: true, Epoch: 1, Sequence: 1,
			Source: domain.ServerSource("A"), Subject: "A", UID: "o", Payload: domain.EpochOpened{Server: "A", Incarnation: "a"},
		})
	}
	ch := s.Apply(domain.Record{
		Position: domain.Position{Offset: s.Next()}, Type: domain.TypeConfigured, Signed: true, Epoch: 1, Sequence: s.Sequence() + 1,
		Source: domain.ServerSource("A"), Subject: c.Definition.Device, UID: "c" + strconv.FormatInt(s.Next(), 10), Payload: c,
	})
	if ch.Verdict != Applied {
		t.Fatalf("%s: %v", c.Definition.Device, ch.Verdict)
	}
}

func TestDevicesOfAKindShareTheirVerbs(t *testing.T) {
	s := New(0, 1, Limits{})
	first := func(device string) *domain.Verb {
		d, ok := s.Device(device)
		if !ok {
			t.Fatalf("no device %s", device)
		}
		return &d.Definition.Verbs[0]
	}
	for _, device := range []string{"a", "b", "c"} {
		configure(t, s, domain.Configured{Definition: kind(device, "level")})
	}
	if first("a") != first("b") || first("b") != first("c") {
		t.Error("each has verbs of its own")
	}
	configure(t, s, domain.Configured{Definition: kind("b", "gain")})
	if first("b").Name != "gain" || first("a").Name != "level" || len(s.verbs) != 2 {
		t.Errorf("b has %q, a %q, of %d lists", first("b").Name, first("a").Name, len(s.verbs))
	}
	restored, err := Restore(s.Export())
	if err != nil {
		t.Fatal(err)
	}
	if len(restored.verbs) != 2 || restored.verbs[string(verbs(nil, kind("", "level").Verbs))].uses != 2 {
		t.Errorf("restored with %d lists", len(restored.verbs))
	}
	for _, device := range []string{"a", "b", "c"} {
		configure(t, s, domain.Configured{Definition: kind(device, ""), Removed: true})
	}
	if len(s.verbs) != 0 {
		t.Errorf("%d lists are left of devices that are gone", len(s.verbs))
	}
}
