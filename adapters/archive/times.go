package archive

import (
	"context"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// OffsetsAt gives, for each partition of a topic by its number, the first offset
// whose record was appended at a time or later; where there is none, the end.
func (l *Log) OffsetsAt(ctx context.Context, topic string, at domain.Instant) ([]int64, error) {
	bounds, err := l.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(bounds))
	for p, b := range bounds {
		if out[p], err = l.offsetAt(ctx, place{topic, int32(p)}, b.End, at); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// offsetAt reads the first file that goes so far.
func (l *Log) offsetAt(ctx context.Context, of place, end int64, at domain.Instant) (int64, error) {
	t := time.Unix(0, int64(at))
	for _, f := range l.manifest.filesOf(of) {
		if f.Records == 0 || f.Last.Before(t) {
			continue
		}
		c := l.records([]File{f}, f.From)
		for {
			if err := ctx.Err(); err != nil {
				_ = c.close()
				return 0, err
			}
			messages, err := c.read(bufferBytes)
			if err != nil || len(messages) == 0 {
				_ = c.close()
				if err != nil {
					return 0, err
				}
				break
			}
			for i := range messages {
				if messages[i].Appended >= at {
					return messages[i].Offset, c.close()
				}
			}
		}
	}
	return end, nil
}
