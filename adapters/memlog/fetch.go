package memlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Fetch asks for what stands behind offsets, and returns as soon as there is
// something from any partition, at the latest after wait. A fault of one
// partition is in its entry; the error is set if none could be answered.
func (l *Log) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	if wait < 0 || maxBytes < 1 {
		return nil, fmt.Errorf("fetch: %w: wait %v must not be negative, and max bytes %d not below 1", domain.ErrInvalid, wait, maxBytes)
	}
	asked := make(map[place]bool, len(from))
	for _, f := range from {
		if at := (place{f.Topic, f.Partition}); asked[at] {
			return nil, fmt.Errorf("fetch: %w: %s/%d is asked for twice", domain.ErrInvalid, f.Topic, f.Partition)
		} else {
			asked[at] = true
		}
	}
	var timeout <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timeout = t.C
	}
	for last := wait == 0; ; {
		out, some, grown, changed, err := l.look(from, maxBytes)
		if err != nil {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		if some || last {
			return l.answer(ctx, out)
		}
		select {
		case <-grown:
		case <-changed:
		case <-timeout:
			last = true
		case <-ctx.Done():
			return nil, fmt.Errorf("fetch: %w: %w", domain.ErrTransient, ctx.Err())
		}
	}
}

// look reads what is there now, and gives what ends a wait for more.
func (l *Log) look(from []domain.FetchFrom, maxBytes int) (out []domain.Fetched, some bool, grown, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	if l.closed {
		return nil, false, nil, nil, errClosed
	}
	if l.cut {
		return nil, false, nil, nil, errCut
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	left := maxBytes
	for _, f := range from {
		got := l.read(f, &left)
		some = some || got.Err != nil || len(got.Messages) > 0
		out = append(out, got)
	}
	return out, some, l.cluster.grown, l.changed, nil
}

// read reads one partition, taking what it reads from the bytes that are left;
// the first message comes whatever its size.
func (l *Log) read(f domain.FetchFrom, left *int) domain.Fetched {
	out := domain.Fetched{Topic: f.Topic, Partition: f.Partition, Next: f.Offset, HighWatermark: -1, LogStart: -1}
	p, err := l.cluster.at(f.Topic, f.Partition)
	if err != nil {
		out.Err = fmt.Errorf("fetch %s/%d at %d: %w", f.Topic, f.Partition, f.Offset, err)
		return out
	}
	end := l.seen(place{f.Topic, f.Partition}, p)
	out.HighWatermark, out.LogStart = end, p.start
	if f.Offset < p.start || f.Offset > p.end() {
		out.Err = fmt.Errorf("fetch %s/%d at %d: %w: the log does not hold this offset; it holds %d up to, not including, %d",
			f.Topic, f.Partition, f.Offset, domain.ErrNotFound, p.start, end)
		return out
	}
	for out.Next < end && *left > 0 {
		m := p.records[out.Next-p.start]
		*left -= messageSize(&m.Message)
		out.Messages = append(out.Messages, m)
		out.Next++
	}
	return out
}

// answer hands out what was read, late if told so.
func (l *Log) answer(ctx context.Context, out []domain.Fetched) ([]domain.Fetched, error) {
	l.mu.Lock()
	delay := l.delay
	l.mu.Unlock()
	var faults []error
	some := false
	for i := range out {
		some = some || len(out[i].Messages) > 0
		if out[i].Err != nil {
			faults = append(faults, out[i].Err)
		}
	}
	if some && delay != nil {
		t := time.NewTimer(delay())
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("fetch: %w: %w", domain.ErrTransient, ctx.Err())
		}
	}
	if len(out) > 0 && len(faults) == len(out) {
		return out, errors.Join(faults...)
	}
	return out, nil
}
