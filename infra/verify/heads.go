package verify

import (
	"context"
	"fmt"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

// newestControl is how far back in control the newest signed checkpoint is looked for;
// older ones are in elections.
const newestControl = 20_000

// NewestHead finds the newest signed checkpoint in the log.
func NewestHead(ctx context.Context, landscape string, from Source, c *codec.Codec) (signed []byte, err error) {
	newest := int64(-1)
	take := func(r *domain.Record) {
		if v, ok := r.Payload.(domain.Signed); ok && r.Signed && r.Position.Offset > newest {
			newest, signed = r.Position.Offset, v.Note
		}
	}
	for _, kind := range []domain.TopicKind{domain.TopicElections, domain.TopicControl} {
		err := each(ctx, landscape, kind, 0, from, func(b domain.Bounds) int64 {
			if kind == domain.TopicControl {
				return max(b.Start, b.End-newestControl)
			}
			return b.Start
		}, func(m *domain.Stored) error {
			r := c.Decode(kind, 0, *m)
			if copied, ok := r.Payload.(domain.Copied); ok && r.Signed {
				r = c.Original(copied)
			}
			take(&r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if signed == nil {
		return nil, fmt.Errorf("landscape %s has no signed checkpoint: make a key with `understudy keys signing` and name it on all servers as signing_key_file: %w", landscape, domain.ErrNotFound)
	}
	return signed, nil
}

// each hands on the records of one partition, from where begin says up to its end.
func each(ctx context.Context, landscape string, kind domain.TopicKind, partition int32, from Source, begin func(domain.Bounds) int64, take func(*domain.Stored) error) error {
	topic := domain.Topic(landscape, kind)
	bounds, err := from.Bounds(ctx, topic)
	if err != nil {
		return fmt.Errorf("read %s: is the log up, the landscape's name right, and may this user read it? %w", topic, err)
	}
	if int(partition) >= len(bounds) {
		return fmt.Errorf("%s has no partition %d: %w", topic, partition, domain.ErrNotFound)
	}
	ctx, cancel := context.WithCancel(ctx)
	b := bounds[partition]
	b.Start = begin(b)
	r := newReader(landscape, kind, partition, b)
	done := make(chan struct{})
	go func() { r.run(ctx, from); close(done) }()
	defer func() { cancel(); <-done }()
	for {
		messages, err := r.take(b.End)
		if err != nil || len(messages) == 0 {
			return err
		}
		for i := range messages {
			if err := take(&messages[i]); err != nil {
				return err
			}
		}
	}
}

func fromStart(b domain.Bounds) int64 { return b.Start }
