package history

import (
	"bytes"
	"context"
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// MaxFound bounds the records that one search gives.
const MaxFound = 10_000

// Search finds the records of the log that are about a UID: the commands, and
// what servers wrote of them. Only what may be one is decoded. Without a device all
// partitions are read.
func (t *Traveller) Search(ctx context.Context, uid, device string, span Span) ([]domain.Record, error) {
	bounds, err := Within(ctx, t.Source, t.topic(), span)
	if err != nil {
		return nil, err
	}
	for p := range bounds {
		if device != "" && domain.Partition(device, int32(len(bounds))) != int32(p) {
			bounds[p] = domain.Bounds{}
		}
	}
	var found []domain.Record
	err = Read(ctx, t.Source, t.topic(), bounds, func(run Run) error {
		if t.Note != nil {
			t.Note(len(run.Messages))
		}
		for i := range run.Messages {
			m := &run.Messages[i]
			if id, _ := m.Header("ce_id"); string(id) != uid && !bytes.Contains(m.Value, []byte(uid)) {
				continue
			}
			r := t.Decoder.DecodeAll(nil, domain.TopicLog, run.Partition, run.Messages[i:i+1])[0]
			if About(&r) != uid || device != "" && r.Subject != device {
				continue
			}
			if len(found) == MaxFound {
				return fmt.Errorf("more than %d records are about UID %s; look at less of the log with --since, --until or --device: %w", MaxFound, uid, domain.ErrConflict)
			}
			found = append(found, r)
		}
		return nil
	})
	return found, err
}

// Knows says whether any record is of a device, or of a server.
func Knows(ctx context.Context, source Source, landscape, subject string) (bool, error) {
	for _, kind := range []domain.TopicKind{domain.TopicLog, domain.TopicElections, domain.TopicControl} {
		topic := domain.Topic(landscape, kind)
		bounds, err := source.Bounds(ctx, topic)
		if err != nil {
			return false, err
		}
		for p := range bounds {
			if kind == domain.TopicLog && domain.Partition(subject, int32(len(bounds))) != int32(p) {
				bounds[p] = domain.Bounds{}
			}
		}
		err = Read(ctx, source, topic, bounds, func(run Run) error {
			for i := range run.Messages {
				if of, _ := run.Messages[i].Header("ce_subject"); string(of) == subject {
					return errEnough
				}
			}
			return nil
		})
		if err != nil {
			return isEnough(err), unlessEnough(err)
		}
	}
	return false, nil
}

func unlessEnough(err error) error {
	if isEnough(err) {
		return nil
	}
	return err
}

// About is the UID of the command that a record is or is about; empty for none.
func About(r *domain.Record) string {
	switch p := r.Payload.(type) {
	case domain.Started:
		return p.UID
	case domain.Ended:
		return p.UID
	case domain.Answer:
		return p.UID
	case domain.Resolve:
		return p.UID
	}
	if domain.ClassOf(r.Type) == domain.ClassCommand {
		return r.UID
	}
	return ""
}
