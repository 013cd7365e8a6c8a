package emission_test

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
)

// walk feeds one queue a random history and checks at each step: one-shots are
// sent at most once and only after their write-ahead, actions leave in log
// order, and in the end each command has one outcome.
func walk(t *testing.T, seed int64) {
	t.Helper()
	rnd := rand.New(rand.NewSource(seed))
	q := emission.NewQueue(emission.Settings{ConfirmWithin: 300 * time.Millisecond, Window: 1 + rnd.Intn(4), Polled: rnd.Intn(2) == 0}, nil)
	now := time.Second
	order := map[string]int{}
	oneShot, counted, left, outcomes := map[string]bool{}, map[string]bool{}, map[string]int{}, map[string]int{}
	queryable, fresh := map[string]bool{}, false
	highest := -1
	var inFlight []uint64
	var feed func(in emission.Input)
	feed = func(in emission.Input) {
		var next emission.Input
		a, isAnswer := in.(emission.Answer)
		fresh = isAnswer && a.Verdict == domain.Fresh
		for _, e := range q.Step(now, in) {
			switch e := e.(type) {
			case emission.Start:
				if rnd.Intn(10) > 0 {
					counted[e.UID] = true
					defer feed(emission.StartCounts{UID: e.UID})
				}
			case emission.End:
				outcomes[e.UID]++
			case emission.Read:
				if rnd.Intn(5) > 0 {
					defer feed(emission.Answer{Answered: domain.Answered{Ref: e.Ref, Verdict: domain.Fresh}})
				}
			case emission.Emit:
				if queryable[e.UID] && !fresh {
					t.Fatalf("seed %d: %s was sent without a reading of the device", seed, e.UID)
				}
				res := emission.Result([]int{0, 0, 0, 0, 1, 2, 3}[rnd.Intn(7)])
				if oneShot[e.UID] && !counted[e.UID] {
					t.Fatalf("seed %d: %s was sent before its write-ahead counted", seed, e.UID)
				}
				if res == emission.Sent || res == emission.UnknownFate {
					left[e.UID]++
					if oneShot[e.UID] {
						if left[e.UID] > 1 {
							t.Fatalf("seed %d: one-shot %s left twice", seed, e.UID)
						}
						if order[e.UID] < highest {
							t.Fatalf("seed %d: %s left after a newer action", seed, e.UID)
						}
					}
					highest = max(highest, order[e.UID])
					inFlight = append(inFlight, e.Ref)
				}
				next = emission.Emitted{Ref: e.Ref, Result: res}
			}
		}
		if next != nil {
			feed(next)
			return
		}
		if wake := q.NextWake(); wake != 0 && wake <= now {
			t.Fatalf("seed %d: at %s it wants to be woken at %s: the loop around it would spin", seed, now, wake)
		}
	}
	for i := range 200 {
		now += time.Duration(rnd.Intn(40)) * time.Millisecond
		switch rnd.Intn(9) {
		case 0, 1, 2:
			uid := fmt.Sprintf("u%d", i)
			order[uid] = i
			w := emission.Work{UID: uid, Effect: domain.Absolute, Read: now, Deadline: now + time.Duration(rnd.Intn(2000))*time.Millisecond}
			switch rnd.Intn(4) {
			case 0:
				w.Effect, oneShot[uid] = domain.OneShot, true
			case 1:
				w.Effect, queryable[uid] = domain.Queryable, true
				fallthrough
			default:
				w.Wishes = []domain.Value{value(1+rnd.Intn(3), fmt.Sprint(rnd.Intn(3)))}
			}
			feed(emission.Accept{Work: w})
		case 3:
			feed(emission.LinkDown{})
		case 4:
			feed(emission.LinkUp{})
		case 5:
			feed(emission.Report{Values: []domain.Value{value(1+rnd.Intn(3), fmt.Sprint(rnd.Intn(3)))}, Full: rnd.Intn(4) == 0})
		case 6:
			if len(inFlight) > 0 {
				ref := inFlight[rnd.Intn(len(inFlight))]
				feed(emission.Answer{Answered: domain.Answered{Ref: ref, Verdict: domain.Verdict(rnd.Intn(4))}})
			}
		case 7:
			feed(emission.Resume{})
		default:
			feed(emission.Timer{})
		}
	}
	for range 100 {
		now += time.Second
		feed(emission.Resume{})
		feed(emission.LinkUp{})
	}
	if q.Len() != 0 {
		t.Fatalf("seed %d: %d commands never got an outcome", seed, q.Len())
	}
	for uid := range order {
		if outcomes[uid] != 1 {
			t.Fatalf("seed %d: %s has %d outcomes", seed, uid, outcomes[uid])
		}
	}
}
