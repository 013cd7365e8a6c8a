package server

import (
	"log/slog"
	"testing"

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
