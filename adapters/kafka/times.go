package kafka

import (
	"context"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
)

// OffsetsAt gives, for each partition of a topic by its number, the first offset
// whose record was appended at a time or later; where there is none, the end.
// Kafka counts milliseconds: a time between two stands for the later one.
func (l *Log) OffsetsAt(ctx context.Context, topic string, at domain.Instant) ([]int64, error) {
	bounds, err := l.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	ms := int64(at) / 1e6
	if int64(at)%1e6 > 0 {
		ms++
	}
	ms = max(ms, 0) // below it are Kafka's words for first and last
	ask := make([]kafkago.OffsetRequest, len(bounds))
	for p := range bounds {
		ask[p] = kafkago.OffsetRequest{Partition: p, Timestamp: ms}
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.QueryTimeout)
	defer cancel()
	answer, err := l.client().ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{topic: ask}})
	if err != nil {
		return nil, fmt.Errorf("offsets of %q at %v: %w", topic, at, callError(err))
	}
	out := make([]int64, len(bounds))
	for p, b := range bounds {
		out[p] = b.End
	}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("offsets of %q at %v: %w", topic, at, callError(p.Error))
		}
		if p.Partition < 0 || p.Partition >= len(out) {
			continue
		}
		for offset := range p.Offsets { // one; none, or -1, where no record is that late
			if offset >= 0 {
				out[p.Partition] = max(offset, bounds[p.Partition].Start)
			}
		}
	}
	return out, nil
}
