package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// book is a log with one partition whose contents a test can change.
type book struct {
	Log
	messages []domain.Stored
	start    int64
	failures int
}

func (b *book) Fetch(ctx context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	if b.failures > 0 {
		b.failures--
		return nil, fmt.Errorf("the broker is away: %w", domain.ErrTransient)
	}
	at := from[0].Offset
	out := domain.Fetched{Topic: from[0].Topic, HighWatermark: b.start + int64(len(b.messages)), LogStart: b.start, Next: at}
	switch {
	case at < b.start || at > out.HighWatermark:
		out.Err = fmt.Errorf("offset %d is not there: %w", at, domain.ErrNotFound)
	default:
		out.Messages = b.messages[at-b.start:]
		out.Next = out.HighWatermark
	}
	if len(out.Messages) == 0 && out.Err == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
	return []domain.Fetched{out}, nil
}

// plain decodes nothing: the reader does not look into records.
type plain struct{ Codec }

func (plain) DecodeAll(dst []domain.Record, _ domain.TopicKind, p int32, messages []domain.Stored) []domain.Record {
	for _, m := range messages {
		dst = append(dst, domain.Record{Position: domain.Position{Partition: p, Offset: m.Offset}})
	}
	return dst
}

func message(offset int64, text string) domain.Stored {
	return domain.Stored{Offset: offset, Message: domain.Message{Value: []byte(text)}}
}

// read runs a reader over the book, from a place where it was before, until it
// has handed on want records or has stopped by itself.
func read(t *testing.T, b *book, kind domain.TopicKind, from domain.Fingerprint, want int) ([]domain.Record, error) {
	t.Helper()
	out := make(chan batch, 100)
	r := newReader(b, plain{}, "test", kind, []domain.Fingerprint{from}, out, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	var got []domain.Record
	for {
		select {
		case one := <-out:
			if got = append(got, one.records...); len(got) >= want {
				cancel()
				return got, nil
			}
		case err := <-ended:
			return got, err
		}
	}
}

func TestAReaderGoesOnBehindTheRecordThatItReadLast(t *testing.T) {
	b := &book{messages: []domain.Stored{message(0, "a"), message(1, "b"), message(2, "c")}, failures: 3}
	got, err := read(t, b, domain.TopicLog, domain.FingerprintOf(b.messages[0]), 2)
	if err != nil || len(got) != 2 || got[0].Position.Offset != 1 {
		t.Fatalf("read %v, %v", got, err)
	}
}

func TestAReaderStopsWhenTheLogIsNotTheOneThatItHasRead(t *testing.T) {
	last := domain.FingerprintOf(message(5, "what was folded last"))
	for _, c := range []struct {
		name string
		kind domain.TopicKind
		book book
	}{
		{"another record stands at its place", domain.TopicLog, book{start: 4, messages: []domain.Stored{message(4, "x"), message(5, "y"), message(6, "z")}}},
		{"the log ends before it", domain.TopicLog, book{messages: []domain.Stored{message(0, "x")}}},
		{"the log begins behind it", domain.TopicLog, book{start: 9, messages: []domain.Stored{message(9, "x")}}},
		{"the log is empty", domain.TopicLog, book{}},
		{"control is empty", domain.TopicControl, book{}},
		{"control was cut: the next start rebuilds from a view", domain.TopicControl, book{start: 6, messages: []domain.Stored{message(6, "z")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, &c.book, c.kind, last, 1)
			if !errors.Is(err, domain.ErrCorrupt) {
				t.Fatalf("handed on %v, ended with %v", got, err)
			}
		})
	}
}
