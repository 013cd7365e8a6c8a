package server_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/server"
)

// host is a clock from outside that a test can have jump.
type host struct{ ahead atomic.Int64 }

func (h *host) Now() (time.Duration, error) { return clock.Boot() + time.Duration(h.ahead.Load()), nil }

// G2: a hypervisor stops the machine with its clocks, by which the lease lives on.
func TestAMachineThatWasStoppedWithItsClockHasNoLease(t *testing.T) {
	s := newStage(t)
	var outside host
	var told notes
	a := s.startWith("A", func(o *server.Options) {
		told.take(o)
		o.Outside = &outside
		o.Election.TTL = 10 * time.Second // by its own clock
		o.Election.MaxTTL = 10 * time.Second
	})
	s.primary(a)
	outside.ahead.Add(int64(time.Minute))
	s.eventually("A has lost its lease and taken it up anew", func() error {
		for _, words := range []string{"this machine was stopped with its clock for 1m0s", "nobody else has held the epoch"} {
			if len(told.find(words)) == 0 {
				return fmt.Errorf("it did not say %q", words)
			}
		}
		return nil
	})
	if n := len(told.find("has jumped")); n != 1 {
		t.Errorf("it was told %d times: %s", n, strings.Join(told.find("has jumped"), "; "))
	}
	if r := s.submit(a, "gate-1", "after", domain.Invoke{Verb: "pulse"}); r.Outcome != domain.Confirmed {
		t.Errorf("a pulse ended %s %s", r.Outcome, r.Reason)
	}
}
