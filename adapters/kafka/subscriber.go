package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/understudy-io/understudy/domain"
)

// SubscriberConfig says what a Subscriber reads, and from where.
type SubscriberConfig struct {
	// Partitions to read; nil means all that the topic has at the start.
	Partitions []int32
	// From gives the offset to begin at, given what the partition holds. Nil
	// begins at the first retained record.
	From func(topic string, partition int32, holds domain.Bounds) int64
	// Wait bounds one fetch; longer costs nothing but a slower end. Default 1 s.
	Wait time.Duration
	// MaxBytes bounds what is read ahead. Default 1 MiB.
	MaxBytes int
	// RedeliverAfter is the pause before a message that was refused (Nack)
	// comes again, so that one that always fails does not keep a core busy.
	// Default 100 ms.
	RedeliverAfter time.Duration
	// RetryAfter is the pause after a failed fetch. Default 100 ms.
	RetryAfter time.Duration
}

// Subscriber reads a Log as Watermill messages, one at a time: the next one
// comes when the one before has been acknowledged, and one that was refused
// comes again. It keeps no position: whoever must go on after a restart stores
// PlaceOf the acknowledged message and gives it in SubscriberConfig.From.
type Subscriber struct {
	log *Log
	cfg SubscriberConfig

	mu      sync.Mutex
	closed  bool
	cancels []context.CancelFunc
	running sync.WaitGroup
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber reads from a log. The log stays the caller's to close.
func NewSubscriber(log *Log, cfg SubscriberConfig) *Subscriber {
	if cfg.Wait == 0 {
		cfg.Wait = time.Second
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 20
	}
	if cfg.RedeliverAfter == 0 {
		cfg.RedeliverAfter = 100 * time.Millisecond
	}
	if cfg.RetryAfter == 0 {
		cfg.RetryAfter = 100 * time.Millisecond
	}
	return &Subscriber{log: log, cfg: cfg}
}

// Subscribe begins to read a topic. The channel is closed when ctx ends or the
// subscriber or its log is closed, and when the log turns out to have been cut.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	bounds, err := s.log.Bounds(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	var from []domain.FetchFrom
	for id, b := range bounds {
		if p := int32(id); s.cfg.Partitions == nil || slices.Contains(s.cfg.Partitions, p) {
			f := domain.FetchFrom{Topic: topic, Partition: p, Offset: b.Start}
			if s.cfg.From != nil {
				f.Offset = s.cfg.From(topic, p, b)
			}
			from = append(from, f)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("subscribe to %s: %w: the subscriber is closed", topic, domain.ErrConflict)
	}
	ctx, cancel := context.WithCancel(ctx)
	s.cancels = append(s.cancels, cancel)
	out := make(chan *message.Message)
	s.running.Go(func() {
		defer cancel()
		defer close(out)
		s.read(ctx, from, out)
	})
	return out, nil
}

// Close ends all subscriptions, and waits until their channels are closed.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, cancel := range s.cancels {
		cancel()
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// read delivers until ctx ends.
func (s *Subscriber) read(ctx context.Context, from []domain.FetchFrom, out chan<- *message.Message) {
	failing := false
	for {
		fetched, err := s.log.Fetch(ctx, from, s.cfg.Wait, s.cfg.MaxBytes)
		if ctx.Err() != nil || errors.Is(err, errClosed) {
			return
		}
		for i := range fetched {
			f := &fetched[i]
			k := slices.IndexFunc(from, func(w domain.FetchFrom) bool { return w.Topic == f.Topic && w.Partition == f.Partition })
			if f.Err != nil {
				err = f.Err
				if !s.onward(&from[k], f) {
					return
				}
				continue
			}
			for m := range f.Messages {
				if !s.deliver(ctx, f, &f.Messages[m], out) {
					return
				}
			}
			from[k].Offset = f.Next
		}
		if err != nil && !failing {
			s.log.logger.Warn("subscription waits for the log", "cause", err)
		}
		failing = err != nil
		if failing && !pause(ctx, s.cfg.RetryAfter) {
			return
		}
	}
}

// onward handles a partition that could not be read; false ends the
// subscription. Records that retention has removed are passed over, aloud.
func (s *Subscriber) onward(from *domain.FetchFrom, f *domain.Fetched) bool {
	switch {
	case !errors.Is(f.Err, domain.ErrNotFound) || f.LogStart < 0:
	case from.Offset < f.LogStart:
		s.log.logger.Error("subscription missed records that retention removed", "partition", f.Partition, "offset", from.Offset, "cause", f.Err)
		from.Offset = f.LogStart
	default:
		s.log.logger.Error("subscription ends: the log was cut or replaced", "partition", f.Partition, "offset", from.Offset, "cause", f.Err)
		return false
	}
	return true
}

// deliver hands a record out until it is acknowledged; false if ctx ended.
func (s *Subscriber) deliver(ctx context.Context, f *domain.Fetched, r *domain.Stored, out chan<- *message.Message) bool {
	for {
		own, cancel := context.WithCancel(ctx)
		m := fromRecord(own, f.Topic, f.Partition, r)
		acknowledged := false
		select {
		case out <- m:
			select {
			case <-m.Acked():
				acknowledged = true
			case <-m.Nacked():
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
		cancel()
		if acknowledged || ctx.Err() != nil {
			return acknowledged && ctx.Err() == nil
		}
		if !pause(ctx, s.cfg.RedeliverAfter) {
			return false
		}
	}
}
