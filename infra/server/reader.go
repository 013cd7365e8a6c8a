package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// Bounds of reading.
const (
	fetchWait      = 500 * time.Millisecond  // long poll: an empty answer after that
	fetchGrace     = 1500 * time.Millisecond // how much later than that the log counts as away
	fetchBytes     = 4 << 20
	fetchRetryFrom = 5 * time.Millisecond
	fetchRetryUpTo = 200 * time.Millisecond
)

// errLogReplaced stops a server: what it has folded is not what the log holds.
var errLogReplaced = fmt.Errorf("the log was cut or replaced: %w", domain.ErrCorrupt)

// errOvertaken stops a server that was away from control for longer than its
// records are kept: its next start rebuilds from a view.
var errOvertaken = fmt.Errorf("control has gone on without this server: %w", domain.ErrCorrupt)

// batch is what one fetch gave of one partition.
type batch struct {
	at        domain.Mono // when the answer was here
	since     domain.Mono // the log was known not to hold it yet at this moment; zero before the first time
	partition int32
	records   []domain.Record
	stored    []domain.Stored // the same, as they are in the log
	high      int64
	last      snapshot.Fingerprint // of the last record
}

// reader follows all partitions of one topic and hands what it reads to one
// owner, in order. After every interruption it reads the last record again: if
// another one, or none, stands there, it stops with errLogReplaced, or, where
// control's retention has taken it, with errOvertaken.
type reader struct {
	log       Log
	codec     Codec
	landscape string
	kind      domain.TopicKind
	logger    *slog.Logger
	out       chan<- batch
	lost      func(error) // the log does not answer; called once until back
	back      func()
	wait      func() time.Duration // of the long poll
	stride    func() time.Duration // the pause between two fetches; nil for none
	hurry     chan struct{}        // ends a pause

	next   []int64
	last   []snapshot.Fingerprint
	verify []bool
	since  []domain.Mono
	away   bool
}

func newReader(log Log, codec Codec, landscape string, kind domain.TopicKind, from []snapshot.Fingerprint, out chan<- batch, logger *slog.Logger) *reader {
	r := &reader{
		log: log, codec: codec, landscape: landscape, kind: kind, logger: logger, out: out,
		lost: func(error) {}, back: func() {}, wait: func() time.Duration { return fetchWait },
		next: make([]int64, len(from)), last: slices.Clone(from),
		verify: make([]bool, len(from)), since: make([]domain.Mono, len(from)),
	}
	for p, f := range from {
		if !f.Empty() {
			r.next[p], r.verify[p] = f.Offset+1, true
		}
	}
	return r
}

// run reads until ctx ends or the log turns out to be another one.
func (r *reader) run(ctx context.Context) error {
	topic := domain.Topic(r.landscape, r.kind)
	from := make([]domain.FetchFrom, len(r.next))
	retry := fetchRetryFrom
	for ctx.Err() == nil {
		for p := range from {
			from[p] = domain.FetchFrom{Topic: topic, Partition: int32(p), Offset: r.next[p]}
			if r.verify[p] {
				from[p].Offset--
			}
		}
		asked, wait := clock.Boot(), r.wait()
		try, cancel := context.WithTimeout(ctx, wait+fetchGrace)
		answers, err := r.log.Fetch(try, from, wait, fetchBytes)
		cancel()
		if err == nil {
			err = r.take(ctx, asked, answers)
		}
		switch {
		case err == nil:
			if r.away {
				r.away = false
				r.back()
			}
			retry = fetchRetryFrom
			r.rest(ctx)
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, domain.ErrCorrupt):
			return err
		}
		if !r.away {
			r.away = true
			r.logger.Warn("cannot read the log", "topic", topic, "cause", err)
			r.lost(err)
		}
		for p := range r.verify {
			r.verify[p] = !r.last[p].Empty()
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
		retry = min(2*retry, fetchRetryUpTo)
	}
	return ctx.Err()
}

// rest lets a standby read in strides: records that come one by one wake every
// server at once, and a standby gives way to the primary, whose next step the
// device waits for.
func (r *reader) rest(ctx context.Context) {
	if r.stride == nil || r.stride() == 0 {
		return
	}
	select {
	case <-time.After(r.stride()):
	case <-r.hurry:
	case <-ctx.Done():
	}
}

// take checks and hands on what one fetch gave.
func (r *reader) take(ctx context.Context, asked domain.Mono, answers []domain.Fetched) error {
	at := clock.Boot()
	var failed error
	for i := range answers {
		a := &answers[i]
		p := a.Partition
		if a.Err != nil {
			if errors.Is(a.Err, domain.ErrNotFound) && a.HighWatermark >= 0 {
				if r.kind == domain.TopicControl && a.LogStart > r.next[p]-1 && a.HighWatermark >= r.next[p] {
					return fmt.Errorf("retention has taken what stood before %d, and %d was the next to read: %w", a.LogStart, r.next[p], errOvertaken)
				}
				return fmt.Errorf("%s/%d holds %d to %d, but %d is the next to read: %w",
					a.Topic, p, a.LogStart, a.HighWatermark, r.next[p], errLogReplaced)
			}
			failed = a.Err
			continue
		}
		messages := a.Messages
		if r.verify[p] {
			rest, err := r.check(a)
			if err != nil {
				return err
			}
			messages = rest
		}
		b := batch{at: at, since: r.since[p], partition: p, high: a.HighWatermark, last: r.last[p], stored: messages}
		if len(messages) > 0 {
			b.records = make([]domain.Record, len(messages))
			for k := range messages {
				b.records[k] = r.codec.Decode(r.kind, p, messages[k])
			}
			tail := &messages[len(messages)-1]
			r.last[p] = snapshot.FingerprintOf(*tail)
			b.last = r.last[p]
		}
		if !r.verify[p] {
			r.next[p] = max(r.next[p], a.Next)
		}
		if r.next[p] >= a.HighWatermark {
			r.since[p] = asked
		}
		select {
		case r.out <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// Whoever folds this is to begin at once: the next fetch, with which this
	// goroutine would go on first, is in less of a hurry.
	runtime.Gosched()
	return failed
}

// check compares the record that was folded last with what stands there now,
// and returns what comes behind it.
func (r *reader) check(a *domain.Fetched) ([]domain.Stored, error) {
	p, want := a.Partition, r.last[a.Partition]
	switch {
	case a.HighWatermark <= want.Offset:
		return nil, fmt.Errorf("%s/%d ends at %d, but %d was read from it: %w", a.Topic, p, a.HighWatermark, want.Offset, errLogReplaced)
	case len(a.Messages) == 0:
		return nil, nil // not there yet; asked for again
	default:
		if err := want.Check(a.Messages[0]); err != nil {
			return nil, fmt.Errorf("%s/%d: %w: %w", a.Topic, p, err, errLogReplaced)
		}
		r.verify[p] = false
		return a.Messages[1:], nil
	}
}
