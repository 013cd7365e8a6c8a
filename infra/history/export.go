package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/domain"
)

// Kinds are the topics that make up the history of a landscape.
var Kinds = []domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter}

// Span is a stretch of time: records appended at Since or later, and before
// Until. Zero is without that end.
type Span struct{ Since, Until domain.Instant }

// Ranges are the offsets of all topics that lie in a span.
func Ranges(ctx context.Context, source Source, landscape string, span Span) ([]archive.Range, error) {
	var out []archive.Range
	for _, kind := range Kinds {
		topic := domain.Topic(landscape, kind)
		bounds, err := Within(ctx, source, topic, span)
		if err != nil {
			return nil, err
		}
		for p, b := range bounds {
			out = append(out, archive.Range{Topic: topic, Partition: int32(p), From: b.Start, To: b.End})
		}
	}
	return out, nil
}

// Within are the bounds of the records of a topic that lie in a span.
func Within(ctx context.Context, source Source, topic string, span Span) ([]domain.Bounds, error) {
	bounds, err := source.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	for _, end := range []struct {
		at  domain.Instant
		set func(b *domain.Bounds, offset int64)
	}{
		{span.Since, func(b *domain.Bounds, offset int64) { b.Start = max(b.Start, offset) }},
		{span.Until, func(b *domain.Bounds, offset int64) { b.End = min(b.End, offset) }},
	} {
		if end.at == 0 {
			continue
		}
		offsets, err := source.OffsetsAt(ctx, topic, end.at)
		if err != nil {
			return nil, err
		}
		for p := range bounds {
			end.set(&bounds[p], offsets[p])
		}
	}
	for p := range bounds {
		bounds[p].End = max(bounds[p].Start, bounds[p].End)
	}
	return bounds, nil
}

// Export writes all that a writer's head asks for and its folder does not hold
// yet. What is interrupted goes on with the same call.
func Export(ctx context.Context, source Source, w *archive.Writer, note func(records int)) (archive.Manifest, error) {
	topics := make(map[string][]domain.Bounds)
	var order []string
	for _, r := range w.Head().Parts {
		if topics[r.Topic] == nil {
			order = append(order, r.Topic)
		}
		for int(r.Partition) >= len(topics[r.Topic]) {
			topics[r.Topic] = append(topics[r.Topic], domain.Bounds{})
		}
		topics[r.Topic][r.Partition] = domain.Bounds{Start: w.Next(r.Topic, r.Partition), End: r.To}
	}
	for _, topic := range order {
		var unwritten error
		err := Read(ctx, source, topic, topics[topic], func(run Run) error {
			note(len(run.Messages))
			unwritten = w.Append(topic, run.Partition, run.Messages, run.Next)
			return unwritten
		})
		if err != nil {
			m, closing := w.Close() // what was written is kept
			if unwritten == nil {   // else it says the same
				err = errors.Join(err, closing)
			}
			return m, fmt.Errorf("export %s: %w", topic, err)
		}
	}
	return w.Close()
}
