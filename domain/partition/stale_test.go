package partition_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Whoever asks for the hash after each record, now and then, or at the end only,
// gets the same one, also when most of what was remembered is forgotten again.
func TestTheHashIsTheSameHoweverSeldomItIsAskedFor(t *testing.T) {
	const commands = 12_000 // more than are listed as stale
	for _, uids := range []int{50, 6_000, commands} {
		limits := partition.Limits{UIDs: uids}
		log := busy(t, limits, commands)
		fold := func(every int) domain.Hash {
			s := partition.New(0, 1, limits)
			for i := range log {
				s.Apply(log[i])
				if every > 0 && i%every == 0 {
					s.Hash()
				}
			}
			return s.Hash()
		}
		want := fold(1)
		for _, every := range []int{700, 20_011, 0} {
			if got := fold(every); got != want {
				t.Errorf("%d UIDs, asked every %d records: %s, want %s", uids, every, got, want)
			}
		}
	}
}

// busy is a log of takes, the router's reports and the outcomes.
func busy(t testing.TB, limits partition.Limits, commands int) []domain.Record {
	c := opened(t, limits)
	for i := range commands {
		uid := fmt.Sprintf("0190f2c4-7d1e-7000-8000-%012d", i)
		w := take(1+i%10, 1+i%20)
		c.wait(time.Millisecond)
		at := domain.Position{Offset: c.offset}
		c.record(domain.Record{Type: w.Type(), UID: uid, Source: "panel-7", Subject: router, Created: c.now, Payload: w})
		c.record(primary(c, router, domain.Reported{Values: []domain.Value{{Target: crosspoint(w.Destination), Value: fmt.Sprint(w.Source)}}}))
		c.record(primary(c, router, domain.Ended{UID: uid, Command: at, Outcome: domain.Confirmed}))
	}
	return c.log
}
