package cluster_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/drill"
)

// drillRuns are few: what is asked here is whether a takeover is right. How fast
// it is, is measured on a quiet machine with many runs.
const drillRuns = 2

// TestNoDrillFindsWhatMustNotBe: whichever way the primary ends, nothing is lost,
// doubled, out of order, or sent by the old one.
func TestNoDrillFindsWhatMustNotBe(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: each drill takes some seconds")
	}
	for _, kind := range drill.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			s := common(t)
			before, policy := s.epoch(), s.policy()
			r := read[drill.Report](s, s.cli(0, "drill", "failover", "--kind", string(kind), "--runs", fmt.Sprint(drillRuns), "--yes", "-o", "json"))
			if r.Kind != kind || r.Runs != drillRuns || r.Commands < 100 || r.Outcomes[domain.Confirmed] < 100 {
				t.Errorf("this is no drill %s of %d runs: %+v", kind, drillRuns, r)
			}
			if kind == drill.Freeze && r.Valve != "kernel" {
				t.Logf("without the kernel's valve: %d stale actions", r.Stale)
				r.Stale, r.OutOfOrder, r.Doubled = 0, 0, 0 // the hole that it closes
			}
			for what, n := range map[string]int{
				"lost": r.Lost, "doubled": r.Doubled, "out of order": r.OutOfOrder, "stale": r.Stale,
				"confirmed and not received": r.Unsent, "more than one outcome": r.Repeated, "without a takeover": r.Unfinished,
			} {
				if n != 0 {
					t.Errorf("%s: %d", what, n)
				}
			}
			if kind == drill.FailBack {
				if now := s.policy(); !reflect.DeepEqual(now, policy) {
					t.Errorf("the policy was %+v, and is %+v", policy, now)
				}
			}
			if (kind == drill.Switchover || kind == drill.FailBack) && r.InDoubt != 0 {
				t.Errorf("a planned move leaves %d in doubt", r.InDoubt)
			}
			takeovers := uint64(drillRuns)
			if kind == drill.Observe {
				takeovers = 0 // nothing is done to the primary
			}
			if after := s.epoch(); after < before+takeovers {
				t.Errorf("epoch %d after %d takeovers from epoch %d", after, takeovers, before)
			}
			s.heal()
			s.proven()
		})
	}
}

// policy is who comes next, whoever has said so.
func (s *stage) policy() httpapi.Policy {
	s.t.Helper()
	p := read[httpapi.Policy](s, s.cli(0, "cluster", "policy", "-o", "json"))
	p.By = ""
	return p
}

func (s *stage) epoch() uint64 {
	s.t.Helper()
	st, err := s.Status(s.t.Context(), s.primary())
	s.no(err)
	return st.Epoch
}
