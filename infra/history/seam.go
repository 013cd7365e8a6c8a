package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Join makes one history of two: what old holds comes from it, and what follows
// from young, such as a folder and the log whose beginning was removed since.
// Where both hold a record they must agree: the first and the last one of old are compared.
func Join(ctx context.Context, old, young Source, topics []string) (Source, error) {
	j := &joined{old: old, young: young, topics: make(map[string][]domain.Bounds)}
	for _, topic := range topics {
		before, err := old.Bounds(ctx, topic)
		if errors.Is(err, domain.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		after, err := young.Bounds(ctx, topic)
		if err != nil {
			return nil, err
		}
		if len(before) != len(after) {
			return nil, fmt.Errorf("%s has %d partitions in the folder and %d at the brokers; is it of another landscape? %w", topic, len(before), len(after), domain.ErrConflict)
		}
		for p := range before {
			if err := fits(ctx, old, young, topic, int32(p), before[p], after[p]); err != nil {
				return nil, err
			}
		}
		j.topics[topic] = before
	}
	return j, nil
}

func fits(ctx context.Context, old, young Source, topic string, p int32, before, after domain.Bounds) error {
	if before.End < after.Start && before.Start != before.End {
		return fmt.Errorf("%s/%d: the folder ends at offset %d, the brokers begin at %d, what is between is lost; take a later folder: %w", topic, p, before.End, after.Start, domain.ErrNotFound)
	}
	return sameEnds(ctx, old, young, topic, p, before, after)
}

type joined struct {
	old, young Source
	topics     map[string][]domain.Bounds // of old
}

// inOld says whether an offset is read from old.
func (j *joined) inOld(topic string, p int32, offset int64) bool {
	b := j.topics[topic]
	return int(p) < len(b) && offset >= b[p].Start && offset < b[p].End
}

func (j *joined) Bounds(ctx context.Context, topic string) ([]domain.Bounds, error) {
	out, err := j.young.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	out = slices.Clone(out)
	for p, b := range j.topics[topic] {
		if b.Start < b.End {
			out[p].Start, out[p].End = min(out[p].Start, b.Start), max(out[p].End, b.End)
		}
	}
	return out, nil
}

func (j *joined) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	var before, after []domain.FetchFrom
	for _, f := range from {
		if j.inOld(f.Topic, f.Partition, f.Offset) {
			before = append(before, f)
		} else {
			after = append(after, f)
		}
	}
	if len(before) > 0 { // the rest is asked for next: the old one never waits
		return j.old.Fetch(ctx, before, 0, maxBytes)
	}
	return j.young.Fetch(ctx, after, wait, maxBytes)
}

func (j *joined) OffsetsAt(ctx context.Context, topic string, at domain.Instant) ([]int64, error) {
	out, err := j.young.OffsetsAt(ctx, topic, at)
	if err != nil || j.topics[topic] == nil {
		return out, err
	}
	before, err := j.old.OffsetsAt(ctx, topic, at)
	if err != nil {
		return nil, err
	}
	for p, b := range j.topics[topic] {
		if before[p] < b.End {
			out[p] = before[p]
		}
	}
	return out, nil
}
