package memlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Log is one server's access to a Cluster.
type Log struct {
	cluster *Cluster

	mu      sync.Mutex // taken before the cluster's
	closed  bool
	cut     bool
	decide  func(domain.Batch) Fate
	delay   func() time.Duration
	delayed []domain.Batch
	horizon map[place]int64 // what a frozen Log sees ends here; nil sees all
	changed chan struct{}   // closed when what this Log may see has changed
}

type place struct {
	topic string
	id    int32
}

// Append appends each batch as one unit. The result has an entry for each
// batch; the error joins theirs. Behind a batch that failed, those of the same
// partition are not tried.
func (l *Log) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	out := make([]domain.Appended, len(batches))
	broken := make(map[place]bool)
	var faults []error
	for i := range batches {
		b := &batches[i]
		at := place{b.Topic, b.Partition}
		err := l.acceptable(ctx, b)
		if err == nil && broken[at] {
			err = fmt.Errorf("%w: not tried, because a batch before it in the same call failed: %w", domain.ErrNotSent, domain.ErrTransient)
		}
		if err == nil {
			out[i], err = l.land(b)
		}
		if err != nil {
			broken[at] = true
			out[i] = domain.Appended{Err: fmt.Errorf("append to %s/%d: %w", b.Topic, b.Partition, err)}
			faults = append(faults, out[i].Err)
		}
	}
	return out, errors.Join(faults...)
}

func (l *Log) acceptable(ctx context.Context, b *domain.Batch) error {
	switch {
	case l.closed:
		return errClosed
	case l.cut:
		return fmt.Errorf("%w: %w", domain.ErrNotSent, errCut)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w: %w", domain.ErrNotSent, domain.ErrTransient, ctx.Err())
	case len(b.Messages) == 0:
		return fmt.Errorf("%w: a batch without messages", domain.ErrInvalid)
	}
	if n := sizeOf(b.Messages); n > MaxBatchBytes {
		return fmt.Errorf("%w: a batch of %d bytes, the limit is %d; append less at once", domain.ErrInvalid, n, MaxBatchBytes)
	}
	_, err := l.cluster.at(b.Topic, b.Partition)
	return err
}

// land gives a batch its fate.
func (l *Log) land(b *domain.Batch) (domain.Appended, error) {
	fate := Lands
	if l.decide != nil {
		fate = l.decide(*b)
	}
	switch fate {
	case Fails:
		return domain.Appended{}, errFailed
	case Lost:
		return domain.Appended{}, errFate
	case Delayed:
		kept := *b
		kept.Messages = make([]domain.Message, len(b.Messages))
		for i := range b.Messages {
			kept.Messages[i] = copied(&b.Messages[i])
		}
		l.delayed = append(l.delayed, kept)
		return domain.Appended{}, errFate
	}
	done, err := l.cluster.add(b)
	if err == nil && fate == Doubled {
		_, err = l.cluster.add(b)
	}
	if err == nil && fate == AnswerLost {
		err = errFate
	}
	return done, err
}

// Warm does nothing: memory is always warm.
func (l *Log) Warm(_ context.Context, topic string) error {
	if _, err := l.bounds(topic); err != nil {
		return fmt.Errorf("warm connection for %q: %w", topic, err)
	}
	return nil
}

// Bounds gives the bounds of each partition of a topic, by its number.
func (l *Log) Bounds(_ context.Context, topic string) ([]domain.Bounds, error) {
	out, err := l.bounds(topic)
	if err != nil {
		return nil, fmt.Errorf("bounds of %q: %w", topic, err)
	}
	return out, nil
}

func (l *Log) bounds(topic string) ([]domain.Bounds, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	if l.cut {
		return nil, errCut
	}
	if _, err := l.cluster.at(topic, 0); err != nil {
		return nil, err
	}
	out := make([]domain.Bounds, len(l.cluster.topics[topic]))
	for id := range out {
		p := &l.cluster.topics[topic][id]
		out[id] = domain.Bounds{Start: p.start, End: l.seen(place{topic, int32(id)}, p)}
	}
	return out, nil
}

// seen is where the partition ends for this Log.
func (l *Log) seen(at place, p *partition) int64 {
	if l.horizon == nil {
		return p.end()
	}
	return max(p.start, min(l.horizon[at], p.end()))
}

// Close ends the calls that wait. The records stay with the Cluster.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake()
	return nil
}
