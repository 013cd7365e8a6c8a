package core

import (
	"slices"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/device"
)

// A one-shot was written ahead in epoch 2, in which this server was primary, and the next
// primary finds it in doubt.
func TestADoubtThatIsNoneForThisServerIsResolved(t *testing.T) {
	def := domain.Definition{Device: "gate", Driver: domain.DriverHTTP, OnReconnect: domain.Adopt, Verbs: []domain.Verb{{
		Name: "pulse", Effect: domain.OneShot, Method: "POST", URL: "/pulse",
	}}}
	word := Unsent{Device: "gate", Unsent: device.Unsent{Epoch: 2, UIDs: []string{"u1"}}}
	for name, test := range map[string]struct {
		startedIn, by uint64
		outcome       domain.Outcome
		late          bool // the word comes behind the doubt
		want          bool
	}{
		"by the next primary":           {2, 3, domain.InDoubt, false, true},
		"before this server says so":    {2, 3, domain.InDoubt, true, true},
		"by itself, in a later term":    {2, 4, domain.InDoubt, false, true},
		"another server had started it": {3, 4, domain.InDoubt, false, false},
		"it failed":                     {2, 2, domain.Failed, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, 1, def).mark(0, 2, "A").fact(0, 2, "gate", domain.Configured{Definition: def})
			p.command(0, "u1", "gate", domain.Invoke{Verb: "pulse"})
			at := domain.Position{Offset: int64(len(p.logs[0]) - 1)}
			if test.startedIn > 2 {
				p.mark(0, test.startedIn, "B")
			}
			p.fact(0, test.startedIn, "gate", domain.Started{UID: "u1", Command: at})
			if !test.late {
				p.step(word)
			}
			if test.by > test.startedIn {
				p.mark(0, test.by, "C")
			}
			p.fact(0, test.by, "gate", domain.Ended{UID: "u1", Command: at, Outcome: test.outcome})
			if test.late {
				p.step(word)
			}
			said := slices.ContainsFunc(p.last, func(e Effect) bool {
				v, ok := e.(Testify)
				return ok && v.Device == "gate" && v.UID == "u1" && v.As == domain.ResolvedNotDone && v.Reason != ""
			})
			if said != test.want {
				t.Errorf("it says so: %v, want %v: %+v", said, test.want, p.last)
			}
			if p.step(word); len(p.m.unsent) > 0 && test.outcome != domain.InDoubt {
				t.Errorf("it keeps %v in mind", p.m.unsent)
			}
		})
	}
}
