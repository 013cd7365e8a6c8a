package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/reader"
)

// What was folded is given back empty, and the next batch has nothing of it.
func TestABatchThatWasFoldedLeavesItsListAndNothingElse(t *testing.T) {
	out := make(chan batch, 1)
	r := newReader(nil, plain{}, "test", domain.TopicLog, nil, out, slog.New(slog.DiscardHandler))
	messages := func(n int) (list []domain.Stored) {
		for i := range n {
			list = append(list, message(int64(i), "x"))
		}
		return list
	}
	for _, n := range []int{100, 3, 0, 50} {
		if err := r.hand(t.Context(), reader.Hand{Messages: messages(n)}); err != nil {
			t.Fatal(err)
		}
		b := <-out
		if len(b.records) != n || b.Messages != nil {
			t.Fatalf("%d records and %d messages of %d", len(b.records), len(b.Messages), n)
		}
		list := b.records
		for i := range list {
			if list[i] != (domain.Record{Position: domain.Position{Offset: int64(i)}}) {
				t.Fatalf("record %d is %+v", i, list[i])
			}
			list[i].Payload = domain.Tick{}
		}
		b.folded()
		for i := range list {
			if list[i].Payload != nil {
				t.Fatal("a list that waits for its next use holds on to what was folded")
			}
		}
	}
}

// What was read and waits to be folded is bounded by its memory, not only by how many
// batches it is: a producer can make one that takes a hundred megabytes.
func TestAReaderWaitsWhereMuchWaitsToBeFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := make(chan batch, 16)
		r := newReader(nil, plain{}, "test", domain.TopicLog, nil, out, slog.New(slog.DiscardHandler))
		value := string(make([]byte, maxBacklog/2+1))
		handed := make(chan error, 8)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for offset := range int64(4) {
				handed <- r.hand(ctx, reader.Hand{Messages: []domain.Stored{message(offset, value)}})
			}
		}()
		synctest.Wait()
		if len(out) != 2 {
			t.Fatalf("%d batches wait to be folded, wanted 2", len(out))
		}
		b := <-out
		b.folded()
		synctest.Wait()
		if len(out) != 2 || len(handed) != 3 {
			t.Fatalf("with one of them folded %d wait, %d were handed on; wanted 2 and 3", len(out), len(handed))
		}
		cancel()
		synctest.Wait()
		for len(handed) > 1 {
			<-handed
		}
		if err := <-handed; !errors.Is(err, context.Canceled) {
			t.Fatalf("at the end: %v, wanted %v", err, context.Canceled)
		}
	})
}
