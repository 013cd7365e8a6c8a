package server_test

import (
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/core"
)

func (w *world) pulse(uid string, p int32) {
	w.append(p, domain.Record{UID: uid, Source: "/test", Subject: gate, Created: w.clocks().Wall, Payload: domain.Invoke{Verb: "pulse"}})
}

// outcomes are those of each command, as the log has them.
func (w *world) outcomes() map[string][]domain.Outcome {
	out := make(map[string][]domain.Outcome)
	for _, records := range w.log {
		for _, r := range records {
			if ended, ok := r.Payload.(domain.Ended); ok {
				out[ended.UID] = append(out[ended.UID], ended.Outcome)
			}
		}
	}
	return out
}

func (w *world) wants(outcome map[string]domain.Outcome) {
	w.t.Helper()
	got := w.outcomes()
	for uid, want := range outcome {
		if !slices.Equal(got[uid], []domain.Outcome{want}) {
			w.t.Errorf("%s has the outcomes %v, wanted %s", uid, got[uid], want)
		}
	}
}

func newWorld(t *testing.T) *world { return &world{t: t, now: time.Hour} }

// All machines together: the log goes in, the device is driven, the log has it.
func TestACommandGoesThroughAllMachines(t *testing.T) {
	w := newWorld(t)
	a := w.start("A")
	w.run(2 * time.Second)
	if !a.core.Acting() {
		t.Fatal("A does not act")
	}
	owner := domain.Partition(gate, partitions)
	w.pulse("p", owner)
	w.pulse("p", owner)                   // a repeat
	w.pulse("lost", (owner+1)%partitions) // forwarded to where it belongs
	w.pulse("later", owner)
	w.run(time.Second)
	confirmed := domain.Confirmed
	w.wants(map[string]domain.Outcome{"p": confirmed, "lost": confirmed, "later": confirmed})
	if want := []string{"p@A", "later@A", "lost@A"}; !slices.Equal(w.pulses, want) {
		t.Errorf("the gate got %v, wanted %v", w.pulses, want)
	}
}

// G1, G3, G5: what the one has not done the other does, nothing twice, and both
// hold the same state.
func TestATakeoverThroughAllMachines(t *testing.T) {
	for name, end := range map[string]func(w *world, a *host){
		"a kill that the guard has seen": func(w *world, a *host) {
			a.dead = true
			w.appendControl(domain.Record{UID: w.uid(), Subject: "A", Payload: domain.Died{Incarnation: "A1", Exit: "signal: killed"}})
		},
		"a host that falls silent": func(_ *world, a *host) { a.dead = true },
		"a switchover": func(_ *world, a *host) {
			a.toCore(core.Finish{Then: []core.Effect{core.Control{Input: election.Release{Reason: "asked for"}}}})
		},
		"a contest": func(_ *world, a *host) {
			a.toControl(control.Election{Input: election.Contest{By: "ann", Reason: "asked for", To: "B"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.start("A")
			w.run(2 * time.Second)
			b, c := w.start("B"), w.start("C")
			w.run(2 * time.Second)
			owner := domain.Partition(gate, partitions)
			w.pulse("before", owner)
			w.run(time.Second)
			end(w, a)
			w.pulse("meanwhile", owner)
			w.run(2 * time.Second)
			w.pulse("after", owner)
			w.run(2 * time.Second)
			pulses, meanwhile := 3, domain.Confirmed
			if name == "a contest" { // it was written ahead, and nobody can tell whether it was sent
				pulses, meanwhile = 2, domain.InDoubt
			}
			w.wants(map[string]domain.Outcome{"before": domain.Confirmed, "meanwhile": meanwhile, "after": domain.Confirmed})
			if n := len(w.pulses); n != pulses || w.pulses[n-1] == "after@A" {
				t.Errorf("the gate got %v", w.pulses)
			}
			for p := range partitions {
				if x, y := b.core.States()[p], c.core.States()[p]; x.Next() != y.Next() || x.Hash() != y.Hash() {
					t.Errorf("in partition %d B and C hold other states", p)
				}
			}
		})
	}
}
