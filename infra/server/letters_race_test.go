package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// overtaken is a log in which somebody else is faster to decide about a dead letter.
type overtaken struct {
	server.Log
	by func()
}

func (o *overtaken) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	if by := o.by; by != nil && strings.HasSuffix(batches[0].Topic, "."+domain.TopicDeadLetter.String()) {
		o.by = nil
		by()
	}
	return o.Log.Append(ctx, batches)
}

// Two servers decide about a letter that both have read as open: the first decision in the
// log counts, and whoever made the other one is told so. A discarded command is not done.
func TestOfTwoDecisionsAboutADeadLetterTheFirstCounts(t *testing.T) {
	s := newStage(t)
	a, slow := s.start("A"), new(overtaken)
	b := s.startWith("B", func(o *server.Options) { slow.Log, o.Data = o.Data, slow })
	s.primary(a, b)
	l := s.log()

	letter := s.bury(l, "late-1", asItIs)
	slow.by = func() {
		_, err := a.Discard(s.ctx, "anna", letter, "a test")
		must(t, err)
	}
	if r, err := b.Requeue(s.ctx, "otto", letter, "x"); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "was discarded by anna") {
		t.Errorf("discarded first, and requeued: %+v %v", r, err)
	}
	if n := s.gate.State().Pulses; n != 0 {
		t.Errorf("a discarded action was done %d times", n)
	}

	letter = s.bury(l, "late-2", asItIs)
	slow.by = func() {
		_, err := a.Requeue(s.ctx, "anna", letter, "this version knows it")
		must(t, err)
	}
	if d, err := b.Discard(s.ctx, "otto", letter, "x"); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "was requeued by anna") {
		t.Errorf("requeued first, and discarded: %+v %v", d, err)
	}

	letter = s.bury(l, "late-3", asItIs)
	slow.by = func() {
		_, err := a.Requeue(s.ctx, "anna", letter, "this version knows it")
		must(t, err)
	}
	if r, err := b.Requeue(s.ctx, "otto", letter, "too"); err != nil || r.Outcome != domain.Confirmed {
		t.Errorf("both requeue: %+v %v", r, err)
	}
	if n := s.gate.State().Pulses; n != 2 {
		t.Errorf("two letters were requeued, and %d actions done", n)
	}
}

// The same without a referee: whatever the order, one of the two is told that it was late,
// and what was discarded is not done.
func TestTwoServersThatRaceForADeadLetterAgree(t *testing.T) {
	s := newStage(t)
	a, b := s.start("A"), s.start("B")
	s.primary(a, b)
	l := s.log()
	requeued := uint64(0)
	for i := range 60 {
		letter := s.bury(l, fmt.Sprintf("late-%d", i), asItIs)
		var both sync.WaitGroup
		var discarding, requeuing error
		var r httpapi.Result
		both.Go(func() {
			time.Sleep(time.Duration(i%9) * 200 * time.Microsecond)
			_, discarding = a.Discard(s.ctx, "anna", letter, "x")
		})
		both.Go(func() {
			time.Sleep(time.Duration(8-i%9) * 200 * time.Microsecond)
			r, requeuing = b.Requeue(s.ctx, "otto", letter, "x")
		})
		both.Wait()
		switch {
		case discarding == nil && errors.Is(requeuing, domain.ErrConflict):
		case errors.Is(discarding, domain.ErrConflict) && requeuing == nil && r.Outcome == domain.Confirmed:
			requeued++
		default:
			t.Errorf("letter %d: discarding ends with %v, requeuing with %v", letter, discarding, requeuing)
		}
	}
	if n := s.gate.State().Pulses; n != requeued {
		t.Errorf("%d letters were requeued, and %d actions done", requeued, n)
	}
}
