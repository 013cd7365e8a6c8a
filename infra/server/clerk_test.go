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
