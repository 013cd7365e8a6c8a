package lookback_test

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/explain"
)

// derive explains an epoch.
func (r *recorded) derive(t *testing.T, epoch uint64) *explain.Election {
	t.Helper()
	e := explain.NewElection(epoch)
	_, err := history.Control(t.Context(), r.log, r.codec, r.Expected.Landscape, func(rec *domain.Record, copied bool) error {
		e.Apply(rec, copied)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEveryElectionIsDerivedAgain: as the fold of control rules it, and the same
// when control has forgotten and only elections knows.
func TestEveryElectionIsDerivedAgain(t *testing.T) {
	whole, forgetful := record(t), recordFrom(t, 3000)
	winners := make(map[uint64]string)
	s := election.NewState()
	for _, m := range whole.Topics[domain.TopicControl][0] {
		s.Apply(whole.codec.Decode(domain.TopicControl, 0, m))
		if holder, _, ok := s.Holder(); ok {
			winners[s.Epoch()] = holder
		}
	}
	if len(winners) < 10 {
		t.Fatalf("only %d epochs", len(winners))
	}
	voids, gaps := 0, 0
	for epoch, winner := range winners {
		e := whole.derive(t, epoch)
		counting := 0
		for _, c := range e.Claims {
			if c.Counts {
				counting++
			} else if voids++; c.Void == "" {
				t.Errorf("epoch %d: a claim is void for no reason: %+v", epoch, c)
			}
		}
		if e.Winner != winner || counting != 1 || len(e.Members) == 0 || epoch > 1 && e.Before == nil {
			t.Errorf("epoch %d: %q with %d claims that count, want %q: %+v", epoch, e.Winner, counting, winner, e)
		}
		if (e.After == nil) != (epoch == s.Epoch()) {
			t.Errorf("epoch %d of %d ended by %+v", epoch, s.Epoch(), e.After)
		}
		opened, err := history.Opened(t.Context(), whole.log, whole.codec, whole.Expected.Landscape, epoch, domain.InstantOf(e.Won.Time))
		if err != nil {
			t.Fatal(err)
		}
		for p, mark := range opened {
			if mark == nil || mark.Epoch != epoch {
				t.Errorf("epoch %d: partition %d has no mark", epoch, p)
				continue
			}
			if gap, ok := e.Gap(mark.Appended.Time()); ok {
				gaps++
				if gap.Took < 0 {
					t.Errorf("epoch %d: nobody acted for %v", epoch, gap.Took)
				}
			}
		}
		if old := forgetful.derive(t, epoch); old.Winner != winner || len(old.Claims) == 0 {
			t.Errorf("epoch %d of what elections keeps: %q, want %q", epoch, old.Winner, winner)
		}
	}
	if gaps == 0 || voids == 0 {
		t.Errorf("%d void claims, %d gaps: this log shows nothing", voids, gaps)
	}
}
