package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func largeRecord(t *testing.T, l Log) {
	big := bytes.Repeat([]byte("0123456789abcdef"), domain.MaxValue/16)
	appendAll(t, l, batch(LogTopic, 4, string(big)))
	appendAll(t, l, batch(LogTopic, 4, "small"))
	got := readUntil(t, l, 2, 1, LogTopic, 4)[4] // a byte is asked for: a record comes all the same
	if !bytes.Equal(got[0].Value, big) {
		t.Fatalf("a record of %d bytes came back with %d, or changed", len(big), len(got[0].Value))
	}
	want(t, "the next value", string(got[1].Value), "small")
}

func tooLarge(t *testing.T, l Log) {
	huge := batch(LogTopic, 4, string(make([]byte, 3<<20)))
	out, err := l.Append(t.Context(), []domain.Batch{batch(LogTopic, 3, "beside"), huge, batch(LogTopic, 4, "behind")})
	if !errors.Is(err, domain.ErrInvalid) || !errors.Is(out[1].Err, domain.ErrInvalid) {
		t.Fatalf("too large: %v, wanted %v", err, domain.ErrInvalid)
	}
	if errors.Is(out[1].Err, domain.ErrUnknownFate) {
		t.Fatalf("too large is known not to have landed, and said: %v", out[1].Err)
	}
	if out[0].Err != nil {
		t.Fatalf("the batch beside it: %v", out[0].Err)
	}
	if !errors.Is(out[2].Err, domain.ErrNotSent) {
		t.Fatalf("the batch behind it: %v, wanted %v", out[2].Err, domain.ErrNotSent)
	}
	appendAll(t, l, batch(LogTopic, 4, "after"))
	want(t, "values", values(readUntil(t, l, 1, 1<<20, LogTopic, 4)[4]), []string{"after"})
	want(t, "values beside", values(readUntil(t, l, 1, 1<<20, LogTopic, 3)[3]), []string{"beside"})
}

func emptyBatch(t *testing.T, l Log) {
	if _, err := l.Append(t.Context(), []domain.Batch{{Topic: ControlTopic}}); !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("got %v, wanted %v", err, domain.ErrInvalid)
	}
}

func unknownTopic(t *testing.T, l Log) {
	const nowhere = "understudy.nowhere.log"
	out, err := l.Append(t.Context(), []domain.Batch{batch(nowhere, 0, "lost"), batch(LogTopic, Partitions, "lost"), batch(LogTopic, 0, "kept")})
	if !errors.Is(err, domain.ErrNotFound) || !errors.Is(out[0].Err, domain.ErrNotFound) || !errors.Is(out[1].Err, domain.ErrNotFound) || out[2].Err != nil {
		t.Fatalf("append: %v; wanted two of three not found", out)
	}
	fetched, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: nowhere}, {Topic: LogTopic}}, patience, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range fetched {
		if f.Topic == nowhere {
			found = errors.Is(f.Err, domain.ErrNotFound)
		} else if f.Err != nil {
			t.Fatal(f.Err)
		}
	}
	if !found {
		t.Fatalf("fetch: %+v; wanted %v for %s", fetched, domain.ErrNotFound, nowhere)
	}
	want(t, "values", values(readUntil(t, l, 1, 1<<20, LogTopic, 0)[0]), []string{"kept"})
}

func outOfRange(t *testing.T, l Log) {
	appendAll(t, l, batch(ControlTopic, 0, "a", "b"))
	fetched, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic, Offset: 5}}, time.Second, 1<<20)
	if !errors.Is(err, domain.ErrNotFound) || len(fetched) != 1 {
		t.Fatalf("got %+v, %v; wanted %v", fetched, err, domain.ErrNotFound)
	}
	want(t, "bounds", domain.Bounds{Start: fetched[0].LogStart, End: fetched[0].HighWatermark}, domain.Bounds{End: 2})
}

func appendTime(t *testing.T, l Log) {
	before := domain.InstantOf(time.Now().Add(-time.Minute))
	after := domain.InstantOf(time.Now().Add(time.Minute))
	appendAll(t, l, batch(ControlTopic, 0, "a", "b"))
	appendAll(t, l, batch(ControlTopic, 0, "c"))
	got := readUntil(t, l, 3, 1<<20, ControlTopic, 0)[0]
	for _, m := range got {
		if m.Appended < before || m.Appended > after {
			t.Fatalf("offset %d was appended at %v", m.Offset, m.Appended)
		}
	}
	want(t, "time within a batch", got[0].Appended, got[1].Appended)
	if got[2].Appended < got[1].Appended {
		t.Fatalf("time went back from %v to %v", got[1].Appended, got[2].Appended)
	}
}

func fidelity(t *testing.T, l Log) {
	wanted := []domain.Message{
		{},
		{Key: []byte{}, Value: []byte{}},
		{Key: []byte("key")},
		{Value: []byte("value")},
		{Headers: []domain.Header{{Key: "ce_id", Value: nil}, {Key: "ce_id", Value: []byte{}}, {Key: "", Value: []byte("x")}}},
		{Key: []byte{0, 0xff}, Value: bytes.Repeat([]byte{0}, 300), Headers: []domain.Header{{Key: "größe", Value: []byte{1, 2, 3}}}},
	}
	appendAll(t, l, domain.Batch{Topic: LogTopic, Partition: 7, Messages: wanted})
	for i, m := range readUntil(t, l, len(wanted), 1<<20, LogTopic, 7)[7] {
		want(t, fmt.Sprint("message ", i), m.Message, wanted[i])
	}
}

func reuse(t *testing.T, l Log) {
	value := []byte("first")
	b := domain.Batch{Topic: ControlTopic, Messages: []domain.Message{{Value: value}}}
	appendAll(t, l, b)
	copy(value, "other")
	appendAll(t, l, b)
	want(t, "values", values(readUntil(t, l, 2, 1<<20, ControlTopic, 0)[0]), []string{"first", "other"})
}

func concurrent(t *testing.T, l Log) {
	const writers, each = 8, 20
	var writing sync.WaitGroup
	defer writing.Wait()
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				_, err := l.Append(ctx, []domain.Batch{batch(ControlTopic, 0, fmt.Sprint(w, ".", i, "a"), fmt.Sprint(w, ".", i, "b"))})
				cancel()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := values(readUntil(t, l, 2*writers*each, 1<<20, ControlTopic, 0)[0])
	writing.Wait()
	next := make(map[string]int)
	for i := 0; i < len(got); i += 2 {
		var w, n int
		if _, err := fmt.Sscanf(got[i], "%d.%da", &w, &n); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(w, ".", n, "b"); got[i+1] != want {
			t.Fatalf("behind %q stands %q: a batch was torn", got[i], got[i+1])
		}
		key := fmt.Sprint(w)
		if n != next[key] {
			t.Fatalf("writer %d: %d came where %d was due", w, n, next[key])
		}
		next[key]++
	}
}

func cancelled(t *testing.T, l Log) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := l.Fetch(ctx, []domain.FetchFrom{{Topic: ControlTopic}}, patience, 1<<20)
		done <- err
	}()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, wanted %v", err, context.Canceled)
		}
	case <-time.After(patience / 2):
		t.Fatal("a cancelled reader still waits")
	}
	appendAll(t, l, batch(ControlTopic, 0, "a"))
	want(t, "values", values(readUntil(t, l, 1, 1<<20, ControlTopic, 0)[0]), []string{"a"})
}

func warm(t *testing.T, l Log) {
	for range 3 {
		if err := l.Warm(t.Context(), LogTopic); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Bounds(t.Context(), LogTopic)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "bounds", got, make([]domain.Bounds, Partitions))
}

func closes(t *testing.T, l Log) {
	done := make(chan error, 1)
	go func() {
		_, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic}}, patience, 1<<20)
		done <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err == nil {
			t.Fatal("a reader of a closed log got an answer")
		}
	case <-time.After(patience / 2):
		t.Fatal("a reader of a closed log still waits")
	}
	if _, err := l.Append(t.Context(), []domain.Batch{batch(ControlTopic, 0, "a")}); !errors.Is(err, domain.ErrNotSent) {
		t.Fatalf("append: %v, wanted %v", err, domain.ErrNotSent)
	}
	if _, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic}}, 0, 1<<20); err == nil {
		t.Fatal("fetch from a closed log gave no error")
	}
}

func askedTwice(t *testing.T, l Log) {
	_, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic}, {Topic: ControlTopic, Offset: 1}}, 0, 1<<20)
	if !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("got %v, wanted %v", err, domain.ErrInvalid)
	}
}
