package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// doubtful is a log whose first appends time out, though they may have landed.
type doubtful struct {
	Log
	mu       sync.Mutex
	timeouts int
	appended [][]string // what each append held
}

func (d *doubtful) Append(_ context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var held []string
	for _, b := range batches {
		for _, m := range b.Messages {
			held = append(held, string(m.Value))
		}
	}
	d.appended = append(d.appended, held)
	if len(d.appended) <= d.timeouts {
		return nil, fmt.Errorf("no answer in time: %w", domain.ErrUnknownFate)
	}
	return make([]domain.Appended, len(batches)), nil
}

// numbered writes of a record where it belongs in its epoch.
type numbered struct{ Codec }

func (numbered) Encode(_ domain.TopicKind, p int32, r domain.Record) (domain.Message, error) {
	return domain.Message{Value: fmt.Appendf(nil, "%s %d/%d.%d", r.Subject, p, r.Epoch, r.Sequence)}, nil
}

// A record of the primary that is given up would be lost, and so would be all that
// comes after it in its partition: the fold takes no sequence but the next.
func TestAnAppendOfUnknownFateIsRepeatedWithItsSequencesUntilItLands(t *testing.T) {
	log := &doubtful{timeouts: 3}
	flushed := make(chan uint64, 2)
	j := &journalLoop{
		log: log, codec: numbered{}, epoch: 7, logger: slog.New(slog.DiscardHandler),
		machine: journal.New(newScribe("A"), 7, 2), inbox: newMailbox[journal.Input](),
		flushed: func(id uint64) { flushed <- id },
	}
	say := func(p int32, subject string) journal.Entry {
		return journal.Entry{Partition: p, Subject: subject, Payload: domain.Tick{}}
	}
	j.add(say(0, "a"), say(0, "b"))
	j.add(say(1, "c"))

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	var done sync.WaitGroup
	done.Go(func() { j.run(ctx) })
	empty := func(id uint64) {
		j.flush(id)
		select {
		case <-flushed:
		case <-ctx.Done():
			t.Error("it does not run empty")
		}
	}
	empty(1)
	j.add(say(0, "d"))
	empty(2)
	cancel()
	done.Wait()

	first := []string{"a 0/7.1", "b 0/7.2", "c 1/7.1"}
	want := [][]string{first, first, first, first, {"d 0/7.3"}}
	if !slices.EqualFunc(log.appended, want, slices.Equal) {
		t.Errorf("appended %v, want %v", log.appended, want)
	}
}
