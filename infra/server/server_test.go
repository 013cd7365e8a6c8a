package server_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/server"
)

func TestARouteGoesThroughTheLogToTheDeviceAndBack(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	r := s.submit(a, "videohub-1", "u1", domain.Take{Destination: 5, Source: 12})
	if r.Outcome != domain.Confirmed {
		t.Fatalf("outcome %s %s %s", r.Outcome, r.Reason, r.Detail)
	}
	if got := s.hub.Source(5); got != 12 {
		t.Fatalf("the router has source %d on destination 5", got)
	}
}

func TestAStandbyTakesOverAndHoldsTheSameState(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b, c := s.start("B"), s.start("C")
	first := s.primary(a, b, c)
	if r := s.submit(c, "videohub-1", "u1", domain.Take{Destination: 1, Source: 2}); r.Outcome != domain.Confirmed {
		t.Fatalf("outcome %+v", r)
	}
	if r := s.submit(b, "gate-1", "p1", domain.Invoke{Verb: "pulse"}); r.Outcome != domain.Confirmed {
		t.Fatalf("outcome %+v", r)
	}
	first.stop()
	must(t, s.end(first))
	second := s.primary(b, c)
	if r := s.submit(second, "videohub-1", "u2", domain.Take{Destination: 1, Source: 3}); r.Outcome != domain.Confirmed || r.Server != second.name {
		t.Fatalf("outcome %+v", r)
	}
	again := s.submit(c, "gate-1", "p1", domain.Invoke{Verb: "pulse"})
	if again.Outcome != domain.Confirmed || !again.Duplicate {
		t.Fatalf("the repeat got %+v", again)
	}
	if n := s.gate.State().Pulses; n != 1 {
		t.Fatalf("the gate pulsed %d times", n)
	}
}

// stuck is a log whose appends do not come back for a while, whoever calls them off.
type stuck struct {
	server.Log
	is       atomic.Bool
	underWay atomic.Int64
}

func (s *stuck) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	if s.is.Load() {
		s.underWay.Add(1)
		defer s.underWay.Add(-1)
		time.Sleep(core.FinishLimit + 1500*time.Millisecond) // longer than a server takes to leave
	}
	return s.Log.Append(ctx, batches)
}

// Whoever has ended a server closes its connections next.
func TestAServerHasEndedWhenItsAppendsHave(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	control := &stuck{}
	a := s.startWith("A", func(o *server.Options) { control.Log, o.Control = o.Control, control })
	s.primary(a)
	control.is.Store(true)
	s.eventually("an append is stuck", func() error {
		if control.underWay.Load() == 0 {
			return errors.New("none is")
		}
		return nil
	})
	a.stop()
	must(t, s.end(a))
	if n := control.underWay.Load(); n > 0 {
		t.Errorf("it has ended, and %d of its appends have not", n)
	}
}
