package election

import (
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// A lease is over by the clock before another server can get the next epoch. Where
// the log says that the holder's term has ended all the same, because somebody wrote
// what is not true, it stops at once.
func TestAHolderThatReadsTheEndOfItsTermStopsAtOnce(t *testing.T) {
	for name, end := range map[string]domain.Payload{
		"it is said to have died":     domain.Died{Incarnation: "a1"},
		"it is said to have left":     domain.Left{Incarnation: "a1"},
		"it is said to have released": domain.Release{Incarnation: "a1", Epoch: 1},
		"another has the next epoch":  domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 1 << 20, N: 1, TTL: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			a := w.start(Config{Member: "a", Incarnation: "a1"}, 1, nil)
			w.run(100 * time.Millisecond)
			b := w.start(Config{Member: "b", Incarnation: "b1"}, 1, nil)
			w.run(100 * time.Millisecond)
			if !a.acts() || b.acts() {
				t.Fatal("a is not the primary")
			}
			subject := "a"
			if c, ok := end.(domain.Claim); ok {
				subject, c.Seen = "b", w.oracle.Heard()
				end = c
			}
			r := domain.Record{Subject: subject, UID: "end", Signed: true, Type: end.Type(), Payload: end}
			r.Position.Offset = a.machine.State().Next()
			effects := a.machine.Step(a.clock(), Received{r})
			lost := slices.IndexFunc(effects, func(e Effect) bool { _, ok := e.(Lost); return ok })
			if lost != 0 || a.machine.LeaseEnd() != 0 || !slices.Contains(effects, Effect(Lease{})) {
				t.Errorf("it is told %+v, with a lease until %s; want it to stop first of all", effects, a.machine.LeaseEnd())
			}
		})
	}
}
