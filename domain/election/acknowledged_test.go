package election

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func acknowledged(by string, revision uint64) written {
	return written{by, domain.RevisionAcknowledged{Incarnation: by, Revision: revision, Hash: "00ff", At: 7}}
}

func folded(history ...written) (*State, Ruling) {
	s := NewState()
	var last Ruling
	for i, w := range history {
		last = s.Apply(domain.Record{
			Position: domain.Position{Offset: int64(i)}, Subject: w.by[:1], Signed: true, Type: w.p.Type(), Payload: w.p,
		})
	}
	return s, last
}

func TestAMembersWordAboutARevisionIsItsOwnAndNeverOlder(t *testing.T) {
	for name, test := range map[string]struct {
		history []written
		want    uint64
		void    bool
	}{
		"it is noted":                             {[]written{join("a1"), acknowledged("a1", 3)}, 3, false},
		"a later one takes its place":             {[]written{join("a1"), acknowledged("a1", 3), acknowledged("a1", 4)}, 4, false},
		"an earlier one that lands late does not": {[]written{join("a1"), acknowledged("a1", 4), acknowledged("a1", 3)}, 4, true},
		"a new process has said nothing":          {[]written{join("a1"), acknowledged("a1", 4), join("a2")}, 0, false},
		"nor does the old one speak for it":       {[]written{join("a1"), join("a2"), acknowledged("a1", 4)}, 0, true},
		"of no revision nothing is said":          {[]written{join("a1"), acknowledged("a1", 0)}, 0, true},
	} {
		s, ruling := folded(test.history...)
		m, _ := s.Member("a")
		if m.Acknowledged.Revision != test.want || (ruling.Void != "") != test.void || ruling.Counts && test.want > 0 {
			t.Errorf("%s: revision %d, %+v", name, m.Acknowledged.Revision, ruling)
		}
		back, err := Restore(s.Export())
		if err != nil || back.Hash() != s.Hash() {
			t.Errorf("%s: a view forgets it: %v", name, err)
		}
	}
}

// An append may be lost: it is repeated, until the log gives it back.
func TestAnAcknowledgementIsRepeatedUntilItIsReadBack(t *testing.T) {
	s := NewServer(Config{Member: "a", Incarnation: "a1"})
	now, at := domain.Mono(0), int64(0)
	step := func(in Input) (said int) {
		now += 10 * time.Millisecond
		for _, e := range s.Step(now, in) {
			if a, ok := e.(Append); ok && a.Type == domain.TypeAcknowledged {
				said++
			}
		}
		return said
	}
	receive := func(p domain.Payload) int {
		at++
		return step(Received{domain.Record{Position: domain.Position{Offset: at - 1}, Subject: "a", Signed: true, Type: p.Type(), Payload: p}})
	}
	word := domain.RevisionAcknowledged{Incarnation: "a1", Revision: 3, Hash: "00ff"}
	step(Start{})
	step(CaughtUp{})
	if step(Health{Acknowledged: word}) != 0 {
		t.Error("it speaks before it has joined")
	}
	if receive(domain.Joined{Incarnation: "a1"}) != 1 || step(Timer{}) != 0 {
		t.Error("it does not say it once when it has joined")
	}
	now += joinRetry
	if step(Timer{}) != 1 {
		t.Error("it does not repeat what was lost")
	}
	receive(word)
	now += joinRetry
	if step(Timer{}) != 0 {
		t.Error("it repeats what the log has given back")
	}
	word.Revision++
	if step(Health{Acknowledged: word}) != 1 {
		t.Error("it does not say the next one at once")
	}
	receive(word)
	word.Revision++
	for i, why := range []string{"part 0 is gone", "part 1 is gone", "the disk is full"} {
		word.Failure = why
		if said := step(Health{Acknowledged: word}); (said == 1) != (i == 0) {
			t.Errorf("that it cannot, because %s, it says %d times", why, said)
		}
		if i == 0 {
			receive(word)
		}
		now += joinRetry
		if step(Timer{}) != 0 {
			t.Errorf("%s: each text is another record", why)
		}
	}
	if m, _ := s.State().Member("a"); m.Applied != 4 || m.Acknowledged.Revision != 5 {
		t.Errorf("it has gone over to %d, and its last word is %+v", m.Applied, m.Acknowledged)
	}
	word.Failure = ""
	if step(Health{Acknowledged: word}) != 1 || receive(word) != 0 {
		t.Error("it does not say once that it could at last")
	}
	if m, _ := s.State().Member("a"); m.Applied != 5 {
		t.Errorf("it has gone over to %d", m.Applied)
	}
}
