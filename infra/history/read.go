package history

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Source is the log of a landscape, to be read: adapters/kafka and
// adapters/archive are ones. Fetch keeps the contract of domain.Fetched.
type Source interface {
	// Bounds are those of each partition of a topic, by its number.
	Bounds(ctx context.Context, topic string) ([]domain.Bounds, error)
	// Fetch gives what stands behind offsets, at the latest after wait.
	Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error)
	// OffsetsAt gives the first offset of each partition that was appended at a
	// time or later; where there is none, the end.
	OffsetsAt(ctx context.Context, topic string, at domain.Instant) ([]int64, error)
}

const (
	fetchBytes = 4 << 20
	fetchWait  = 500 * time.Millisecond
	ahead      = 4 // answers that may wait to be handled
	retries    = 10
	retryPause = 200 * time.Millisecond
)

// Run is a run of records of one partition, in their order.
type Run struct {
	Partition int32
	Messages  []domain.Stored // they share memory: who keeps one keeps all
	Next      int64           // the offset after what was read, also of what holds no record
}

// Read hands on the records of a topic that stand in bounds, by the number of the
// partition. While one run is handled the next ones are fetched. A fault of
// the brokers is tried again, with a bound; an error of each ends it.
func Read(ctx context.Context, source Source, topic string, bounds []domain.Bounds, each func(Run) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	runs := make(chan Run, ahead)
	var fetching sync.WaitGroup
	var failed error
	fetching.Go(func() {
		defer close(runs)
		f := fetcher{source: source, topic: topic, bounds: bounds, next: make([]int64, len(bounds)), bytes: fetchBytes}
		for p, b := range bounds {
			f.next[p] = b.Start
		}
		failed = f.all(ctx, func(r Run) error {
			select {
			case runs <- r:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	var err error
	for run := range runs {
		if err == nil {
			if err = each(run); err != nil {
				cancel()
			}
		}
	}
	fetching.Wait()
	if err != nil {
		return err
	}
	return failed
}

type fetcher struct {
	source   Source
	topic    string
	bounds   []domain.Bounds
	next     []int64
	bytes    int // of one answer
	failures int // in a row
}

// errEnough ends a fetcher that has what it was for.
var errEnough = errors.New("enough")

func (f *fetcher) all(ctx context.Context, each func(Run) error) error {
	for {
		var from []domain.FetchFrom
		for p, b := range f.bounds {
			if f.next[p] < b.End {
				from = append(from, domain.FetchFrom{Topic: f.topic, Partition: int32(p), Offset: f.next[p]})
			}
		}
		if len(from) == 0 {
			return nil
		}
		answers, err := f.source.Fetch(ctx, from, fetchWait, f.bytes)
		var failed []error
		for i := range answers {
			if answers[i].Err != nil {
				failed = append(failed, answers[i].Err)
			} else if err := f.hand(&answers[i], each); err != nil {
				return err
			}
		}
		if err == nil { // else it says the same
			err = errors.Join(failed...)
		}
		if err := f.judge(ctx, err); err != nil {
			return err
		}
	}
}

// hand hands on an answer, without what stands behind the bounds.
func (f *fetcher) hand(a *domain.Fetched, each func(Run) error) error {
	end := f.bounds[a.Partition].End
	messages := a.Messages
	for len(messages) > 0 && messages[len(messages)-1].Offset >= end {
		messages = messages[:len(messages)-1]
	}
	next := min(max(f.next[a.Partition], a.Next), end)
	if next == f.next[a.Partition] {
		return nil
	}
	f.next[a.Partition] = next
	return each(Run{Partition: a.Partition, Messages: messages, Next: next})
}

// judge says whether to go on after an answer.
func (f *fetcher) judge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		f.failures = 0
		return nil
	}
	f.failures++
	lasting := errors.Is(err, domain.ErrNotFound) || errors.Is(err, domain.ErrCorrupt) || errors.Is(err, domain.ErrInvalid)
	if lasting || f.failures > retries {
		return fmt.Errorf("read %s: %w", f.topic, err)
	}
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
