package history

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Cut is a moment of a log: the next offset of each partition, by its number. All
// records below it are of the past.
type Cut []int64

// String gives the form that people read and type: "0:120,1:88".
func (c Cut) String() string {
	parts := make([]string, len(c))
	for p, next := range c {
		parts[p] = domain.Position{Partition: int32(p), Offset: next}.String()
	}
	return strings.Join(parts, ",")
}

// MarshalText gives String.
func (c Cut) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText gave.
func (c *Cut) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCut(string(text), strings.Count(string(text), ",")+1)
	return err
}

// ParseCut reads the form that String writes, of so many partitions.
func ParseCut(text string, partitions int) (Cut, error) {
	out := slices.Repeat(Cut{-1}, partitions)
	for part := range strings.SplitSeq(text, ",") {
		at, err := domain.ParsePosition(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("cut %q: %w: %w", text, err, domain.ErrInvalid)
		}
		if int(at.Partition) >= partitions || out[at.Partition] >= 0 {
			return nil, fmt.Errorf("cut %q: partition %d is there twice, or the log has no such one; it has %d: %w", text, at.Partition, partitions, domain.ErrInvalid)
		}
		out[at.Partition] = at.Offset
	}
	if p := slices.Index(out, -1); p >= 0 {
		return nil, fmt.Errorf("cut %q: partition %d is missing; give all %d: %w", text, p, partitions, domain.ErrInvalid)
	}
	return out, nil
}

// Edge is where a cut goes through a partition: the records before and behind it.
type Edge struct {
	Partition int32     `json:"partition"`
	Next      int64     `json:"next"`             // the first offset that is not in it
	Last      *Appended `json:"last,omitempty"`   // the last record in it
	Behind    *Appended `json:"behind,omitempty"` // the first one that is not
}

// Appended is a record's offset and append time.
type Appended struct {
	Offset int64     `json:"offset"`
	Time   time.Time `json:"time"`
}

// CutAt is the cut at a time: all records that were appended at it or before.
// Each partition ends before its first record with a later append time.
func CutAt(ctx context.Context, source Source, topic string, at domain.Instant) (Cut, error) {
	return cutAt(ctx, source, topic, at, false)
}

// CutSince is CutAt, and the beginning of the log where that is younger: nothing was then.
// Where the beginning was removed nobody knows what was.
func CutSince(ctx context.Context, source Source, topic string, at domain.Instant) (Cut, error) {
	return cutAt(ctx, source, topic, at, true)
}

func cutAt(ctx context.Context, source Source, topic string, at domain.Instant, young bool) (Cut, error) {
	bounds, err := source.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	offsets, err := source.OffsetsAt(ctx, topic, at+1)
	if err != nil {
		return nil, err
	}
	out := make(Cut, len(bounds))
	past, whole := false, true
	for p, b := range bounds {
		whole = whole && b.Start == 0
		out[p] = min(max(offsets[p], b.Start), b.End)
		past = past || out[p] > b.Start
	}
	if !past && (!young || !whole) {
		first, err := earliest(ctx, source, topic, bounds)
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%v is before the first record of %s%s; give a later time: %w", at, topic, first, domain.ErrNotFound)
	}
	return out, nil
}

// earliest says from when the first record is.
func earliest(ctx context.Context, source Source, topic string, bounds []domain.Bounds) (string, error) {
	var first domain.Instant
	for p, b := range bounds {
		m, err := At(ctx, source, topic, int32(p), b.Start, b.End)
		if err != nil {
			return "", err
		}
		if m != nil && (first == 0 || m.Appended < first) {
			first = m.Appended
		}
	}
	if first == 0 {
		return ", which has none", nil
	}
	return fmt.Sprintf(", which is from %v", first), nil
}

// CutBehind is the cut right behind a record: its own partition ends with it, the
// others at its append time.
func CutBehind(ctx context.Context, source Source, topic string, at domain.Position) (Cut, domain.Instant, error) {
	bounds, err := source.Bounds(ctx, topic)
	if err != nil {
		return nil, 0, err
	}
	if int(at.Partition) >= len(bounds) {
		return nil, 0, fmt.Errorf("position %s: %s has partitions 0 to %d: %w", at, topic, len(bounds)-1, domain.ErrNotFound)
	}
	b := bounds[at.Partition]
	if at.Offset < b.Start || at.Offset >= b.End {
		return nil, 0, fmt.Errorf("position %s: partition %d of %s holds %d up to, not including, %d: %w", at, at.Partition, topic, b.Start, b.End, domain.ErrNotFound)
	}
	m, err := At(ctx, source, topic, at.Partition, at.Offset, b.End)
	if err != nil {
		return nil, 0, err
	}
	if m == nil || m.Offset != at.Offset {
		return nil, 0, fmt.Errorf("position %s of %s holds no record: %w", at, topic, domain.ErrNotFound)
	}
	cut, err := CutAt(ctx, source, topic, m.Appended)
	if err != nil {
		return nil, 0, err
	}
	cut[at.Partition] = at.Offset + 1
	return cut, m.Appended, nil
}

// At reads the first record at or behind an offset, and before end; nil for none.
func At(ctx context.Context, source Source, topic string, p int32, offset, end int64) (*domain.Stored, error) {
	if offset >= end {
		return nil, nil
	}
	bounds := make([]domain.Bounds, p+1)
	bounds[p] = domain.Bounds{Start: offset, End: end}
	f := fetcher{source: source, topic: topic, bounds: bounds, next: make([]int64, p+1), bytes: 1}
	f.next[p] = offset
	var found *domain.Stored
	err := f.all(ctx, func(r Run) error {
		if len(r.Messages) == 0 {
			return nil
		}
		found = &r.Messages[0]
		return errEnough
	})
	if err != nil && found == nil {
		return nil, err
	}
	return found, nil
}

// Edges says where a cut goes through the log.
func Edges(ctx context.Context, source Source, topic string, cut Cut) ([]Edge, error) {
	bounds, err := source.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make([]Edge, len(cut))
	for p, next := range cut {
		out[p] = Edge{Partition: int32(p), Next: next}
		for _, of := range []struct {
			to       **Appended
			from, up int64
		}{{&out[p].Last, max(next-1, bounds[p].Start), next}, {&out[p].Behind, next, bounds[p].End}} {
			m, err := At(ctx, source, topic, int32(p), of.from, of.up)
			if err != nil {
				return nil, err
			}
			if m != nil {
				*of.to = &Appended{m.Offset, m.Appended.Time()}
			}
		}
	}
	return out, nil
}
