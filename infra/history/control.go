package history

import (
	"context"
	"errors"

	"github.com/understudy-io/understudy/domain"
)

// Copies reads what the elections topic keeps of control; adapters/codec does.
type Copies interface {
	Decoder
	Original(domain.Copied) domain.Record
}

// Control hands on the control records of a landscape in their order: what control
// has forgotten as the elections topic has it, without most heartbeats, and from
// there on control itself. first is the first offset that control still holds.
func Control(ctx context.Context, source Source, copies Copies, landscape string, each func(r *domain.Record, copied bool) error) (first int64, err error) {
	control, elections := domain.Topic(landscape, domain.TopicControl), domain.Topic(landscape, domain.TopicElections)
	held, err := source.Bounds(ctx, control)
	if err != nil {
		return 0, err
	}
	first = held[0].Start
	if first > 0 {
		bounds, err := source.Bounds(ctx, elections)
		if err != nil {
			return first, err
		}
		last := int64(-1)
		err = Read(ctx, source, elections, bounds, func(run Run) error {
			for _, r := range copies.DecodeAll(nil, domain.TopicElections, run.Partition, run.Messages) {
				c, ok := r.Payload.(domain.Copied)
				if !ok || !r.Signed || c.Control <= last || c.Control >= first {
					continue // copied twice, or held by control as well
				}
				last = c.Control
				original := copies.Original(c)
				if err := each(&original, true); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return first, err
		}
	}
	return first, Read(ctx, source, control, held, func(run Run) error {
		for _, r := range copies.DecodeAll(nil, domain.TopicControl, run.Partition, run.Messages) {
			if err := each(&r, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// Marks of an epoch are looked for among so many records behind the claim.
const openedWithin = 200_000

// Opened finds the record that opened an epoch in each partition of the log, from
// a time on; nil where there is none.
func Opened(ctx context.Context, source Source, decoder Decoder, landscape string, epoch uint64, since domain.Instant) ([]*domain.Record, error) {
	topic := domain.Topic(landscape, domain.TopicLog)
	bounds, err := Within(ctx, source, topic, Span{Since: since})
	if err != nil {
		return nil, err
	}
	out := make([]*domain.Record, len(bounds))
	for p, b := range bounds {
		only := make([]domain.Bounds, len(bounds))
		only[p] = domain.Bounds{Start: b.Start, End: min(b.End, b.Start+openedWithin)}
		err := Read(ctx, source, topic, only, func(run Run) error {
			for i := range run.Messages {
				kind, _ := run.Messages[i].Header("ce_type")
				if string(kind) != string(domain.TypeEpochOpened) {
					continue
				}
				r := decoder.DecodeAll(nil, domain.TopicLog, run.Partition, run.Messages[i:i+1])[0]
				if r.Signed && r.Epoch >= epoch {
					if r.Epoch == epoch {
						out[p] = &r
					}
					return errEnough
				}
			}
			return nil
		})
		if err != nil && !isEnough(err) {
			return nil, err
		}
	}
	return out, nil
}

func isEnough(err error) bool { return errors.Is(err, errEnough) }
