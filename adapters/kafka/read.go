package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Fetch asks for what stands behind offsets, and returns as soon as there is
// something from any partition, at the latest after wait.
//
// Each broker gets one request for all its partitions. The result has an entry
// for each partition that has been answered. Where partitions lie at several
// brokers, those that still wait when another has messages are left out, and
// their request stays open: the next Fetch with the same offsets for them
// takes it up. So go on from Fetched.Next of what came, and ask for the rest
// as before.
//
// maxBytes bounds each broker's answer; a single larger batch comes anyway.
// Messages share memory with the whole answer: who keeps one keeps all.
//
// A fault of one partition is in its entry. Reading below the start or behind
// the end of a partition is domain.ErrNotFound, with the true bounds. The
// error of the call is set if no partition could be answered. After a fault,
// wait a little before asking again: Fetch returns at once with it.
func (l *Log) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	wanted, err := fetchable(from, wait, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	asking, cancel := context.WithTimeout(ctx, l.cfg.QueryTimeout)
	brokers, faults, err := l.reading.leaders(asking, wanted)
	cancel()
	if err != nil {
		l.reading.renew()
		return nil, fmt.Errorf("fetch: %w", callError(err))
	}
	var out []domain.Fetched
	groups := make(map[int32][]domain.FetchFrom)
	for i := range from {
		if faults[i] != nil {
			out = append(out, failed(from[i].Topic, from[i].Partition, from[i].Offset, faults[i]))
			continue
		}
		groups[brokers[i]] = append(groups[brokers[i]], from[i])
	}
	ready := make(chan *poll, len(groups))
	for broker, group := range groups {
		p, err := l.takePoll(ctx, broker, group, wait, maxBytes, ready)
		if err != nil {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		defer l.leavePoll(p)
	}
	if out, err = gather(ctx, ready, out); err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	return l.complete(ctx, out, len(from))
}

func fetchable(from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]partition, error) {
	if wait < 0 || maxBytes < 1 {
		return nil, fmt.Errorf("%w: wait %v must not be negative, and max bytes %d not below 1", domain.ErrInvalid, wait, maxBytes)
	}
	wanted := make([]partition, len(from))
	seen := make(map[partition]bool, len(from))
	for i := range from {
		wanted[i] = partition{from[i].Topic, from[i].Partition}
		if seen[wanted[i]] {
			return nil, fmt.Errorf("%w: %s/%d is asked for twice", domain.ErrInvalid, from[i].Topic, from[i].Partition)
		}
		seen[wanted[i]] = true
	}
	return wanted, nil
}

// gather waits for the first poll that has something, and takes along what
// else is there. Without anything it waits for all.
func gather(ctx context.Context, ready <-chan *poll, out []domain.Fetched) ([]domain.Fetched, error) {
	enough := len(out) > 0
	for range cap(ready) {
		var p *poll
		if enough {
			select {
			case p = <-ready:
			default:
				return out, nil
			}
		} else {
			select {
			case p = <-ready:
			case <-ctx.Done():
				return nil, callError(ctx.Err())
			}
		}
		more, some := p.outcome()
		out = append(out, more...)
		enough = enough || some
	}
	return out, nil
}

// complete gives the entries that read outside of the log its true bounds, and
// says when nothing could be answered at all.
func (l *Log) complete(ctx context.Context, out []domain.Fetched, asked int) ([]domain.Fetched, error) {
	bounds := make(map[string][]domain.Bounds)
	var faults []error
	for i := range out {
		f := &out[i]
		if f.Err == nil {
			continue
		}
		if outOfRange(f.Err) {
			if bounds[f.Topic] == nil {
				bounds[f.Topic], _ = l.Bounds(ctx, f.Topic) // without them the entry says what it can
			}
			if b := bounds[f.Topic]; int(f.Partition) < len(b) {
				f.LogStart, f.HighWatermark = b[f.Partition].Start, b[f.Partition].End
				f.Err = fmt.Errorf("%w; it holds %d up to, not including, %d", f.Err, f.LogStart, f.HighWatermark)
			}
		}
		faults = append(faults, f.Err)
	}
	if asked > 0 && len(faults) == asked {
		return out, errors.Join(faults...)
	}
	return out, nil
}
