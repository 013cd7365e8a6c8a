package server_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// slowLog takes its time for every append.
type slowLog struct {
	server.Log
	takes time.Duration
}

func (l slowLog) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	select {
	case <-time.After(l.takes):
	case <-ctx.Done():
		return make([]domain.Appended, len(batches)), fmt.Errorf("%w: %w", domain.ErrNotSent, ctx.Err())
	}
	return l.Log.Append(ctx, batches)
}

// TestAPlannedMoveLeavesNothingInDoubt: also where the log is so slow that at
// each moment a one-shot has been written ahead and not been sent.
func TestAPlannedMoveLeavesNothingInDoubt(t *testing.T) {
	const pulses, takes = 8, 80 * time.Millisecond // above the time that a contested primary has
	s := newStage(t)
	var members []*member
	for _, name := range []string{"A", "B"} {
		members = append(members, s.startWith(name, func(o *server.Options) {
			o.Data = slowLog{o.Data, takes}
			o.Election.TTL = time.Second // a busy machine must not make it a failover
		}))
	}
	first := s.primary(members...)
	var asked sync.WaitGroup
	defer asked.Wait()
	for i := range pulses {
		asked.Go(func() {
			uid := fmt.Sprint("p", i)
			if r := s.submit(first, "gate-1", uid, domain.Invoke{Verb: "pulse"}); r.Outcome != domain.Confirmed {
				t.Errorf("%s ended %s %s %s", uid, r.Outcome, r.Reason, r.Detail)
			}
		})
	}
	s.eventually("the gate pulses", func() error {
		if s.gate.State().Pulses == 0 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	if _, err := first.Switchover(s.ctx, "somebody", ""); err != nil {
		t.Fatal(err)
	}
	asked.Wait()
	if n := s.gate.State().Pulses; n != pulses {
		t.Errorf("the gate pulsed %d times, wanted %d", n, pulses)
	}
}
