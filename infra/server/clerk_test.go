package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/clerk"
)

// refusingLog refuses each append with an error.
type refusingLog struct {
	Log
	err     error
	appends atomic.Int64
}

func (l *refusingLog) Append(context.Context, []domain.Batch) ([]domain.Appended, error) {
	l.appends.Add(1)
	return nil, l.err
}

type plainCodec struct{ Codec }

func (plainCodec) Encode(domain.TopicKind, int32, domain.Record) (domain.Message, error) {
	return domain.Message{}, nil
}

// An append that can never succeed is tried once, any other again.
func TestTheClerkGivesUpWhatTheLogRefuses(t *testing.T) {
	for class, tries := range map[error]int64{domain.ErrInvalid: 1, domain.ErrTransient: 2} {
		t.Run(class.Error(), func(t *testing.T) {
			log := &refusingLog{err: fmt.Errorf("no permission: %w", class)}
			var gaveUp atomic.Int64
			k := &clerkLoop{
				log: log, codec: plainCodec{}, logger: slog.New(slog.DiscardHandler), gaveUp: &gaveUp,
				machine: clerk.New(newScribe("A"), nil), inbox: newMailbox[clerk.Input](),
			}
			ctx := t.Context()
			k.step(ctx, clerk.Do{Errand: clerk.Chore{Chore: partition.Chore{Kind: partition.Again, Payload: domain.Take{}}}})
			for k.machine.NextWake() > 0 && log.appends.Load() < tries {
				time.Sleep(time.Millisecond)
				k.step(ctx, clerk.Timer{})
			}
			if got := log.appends.Load(); got != tries || (gaveUp.Load() == 1) != (tries == 1) {
				t.Errorf("it tried %d times, and gave up %d times", got, gaveUp.Load())
			}
		})
	}
}

// endless is a log that gives as much as it is asked for, of records of 1 KiB; a single
// one comes in any case.
type endless struct {
	Log
	given int
}

func (e *endless) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, most int) ([]domain.Fetched, error) {
	f := domain.Fetched{Topic: from[0].Topic, Partition: from[0].Partition}
	for size := 0; size == 0 || size+1024 <= most; size += 1024 {
		f.Messages = append(f.Messages, domain.Stored{Offset: from[0].Offset + int64(len(f.Messages)), Message: domain.Message{Value: make([]byte, 1024)}})
	}
	e.given = len(f.Messages)
	return []domain.Fetched{f}, nil
}

// To read one record again is not to read all that stands behind it.
func TestOneRecordIsReadAgainAlone(t *testing.T) {
	log := &endless{}
	if _, err := readStored(t.Context(), log, "test", domain.Position{Offset: 7}); err != nil || log.given > 1 {
		t.Errorf("%d records came for one: %v", log.given, err)
	}
}
