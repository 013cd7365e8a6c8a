package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
)

func text(s string) domain.Message { return domain.Message{Key: []byte("k"), Value: []byte(s)} }

func batch(topic string, partition int32, values ...string) domain.Batch {
	b := domain.Batch{Topic: topic, Partition: partition}
	for _, v := range values {
		b.Messages = append(b.Messages, text(v))
	}
	return b
}

func appendAll(t *testing.T, l Log, batches ...domain.Batch) []domain.Appended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := l.Append(ctx, batches)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	if len(out) != len(batches) {
		t.Fatalf("append of %d batches gave %d results", len(batches), len(out))
	}
	return out
}

// readUntil reads partitions from their starts until n messages have come.
func readUntil(t *testing.T, l Log, n, maxBytes int, topic string, partitions ...int32) map[int32][]domain.Stored {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	next := make(map[int32]int64)
	got := make(map[int32][]domain.Stored)
	for count := 0; count < n; {
		var from []domain.FetchFrom
		for _, p := range partitions {
			from = append(from, domain.FetchFrom{Topic: topic, Partition: p, Offset: next[p]})
		}
		fetched, err := l.Fetch(ctx, from, time.Second, maxBytes)
		if err != nil {
			t.Fatalf("fetch after %d of %d messages: %v", count, n, err)
		}
		for _, f := range fetched {
			if f.Err != nil {
				t.Fatal(f.Err)
			}
			if k := len(f.Messages); k > 0 && f.Next != f.Messages[k-1].Offset+1 {
				t.Fatalf("next is %d behind offset %d", f.Next, f.Messages[k-1].Offset)
			}
			got[f.Partition] = append(got[f.Partition], f.Messages...)
			next[f.Partition] = f.Next
			count += len(f.Messages)
		}
	}
	return got
}

func values(messages []domain.Stored) []string {
	var out []string
	for i := range messages {
		out = append(out, string(messages[i].Value))
	}
	return out
}

func want(t *testing.T, what string, got, wanted any) {
	t.Helper()
	if d := cmp.Diff(wanted, got); d != "" {
		t.Fatalf("%s (- wanted, + got):\n%s", what, d)
	}
}

func readsBack(t *testing.T, l Log) {
	var wanted []string
	for i := range 50 {
		v := fmt.Sprint("v", i)
		wanted = append(wanted, v)
		appendAll(t, l, batch(ControlTopic, 0, v))
	}
	want(t, "values", values(readUntil(t, l, 50, 1<<20, ControlTopic, 0)[0]), wanted)
}

func offsets(t *testing.T, l Log) {
	first := appendAll(t, l, batch(ControlTopic, 0, "a", "b", "c"))
	second := appendAll(t, l, batch(ControlTopic, 0, "d"))
	want(t, "first offset", first[0].Offset, int64(0))
	want(t, "second offset", second[0].Offset, int64(3))
	for i, m := range readUntil(t, l, 4, 1<<20, ControlTopic, 0)[0] {
		want(t, "offset read", m.Offset, int64(i))
	}
}

func manyPartitions(t *testing.T, l Log) {
	var batches []domain.Batch
	for p := range int32(Partitions) {
		batches = append(batches, batch(LogTopic, p, fmt.Sprint("to ", p)))
	}
	batches = append(batches, batch(ControlTopic, 0, "to control"))
	for range 3 {
		for i, a := range appendAll(t, l, batches...) {
			if a.Err != nil {
				t.Fatalf("batch %d: %v", i, a.Err)
			}
		}
	}
	for p := range int32(Partitions) {
		v := fmt.Sprint("to ", p)
		want(t, "values", values(readUntil(t, l, 3, 1<<20, LogTopic, p)[p]), []string{v, v, v})
	}
}

func samePartition(t *testing.T, l Log) {
	out := appendAll(t, l, batch(LogTopic, 1, "a", "b"), batch(LogTopic, 2, "x"), batch(LogTopic, 1, "c"), batch(LogTopic, 1, "d"))
	want(t, "offsets", []int64{out[0].Offset, out[1].Offset, out[2].Offset, out[3].Offset}, []int64{0, 0, 2, 3})
	want(t, "values", values(readUntil(t, l, 4, 1<<20, LogTopic, 1)[1]), []string{"a", "b", "c", "d"})
}

func readsMany(t *testing.T, l Log) {
	all := make([]int32, Partitions)
	for p := range int32(Partitions) {
		all[p] = p
		appendAll(t, l, batch(LogTopic, p, fmt.Sprint(p, "a"), fmt.Sprint(p, "b")))
	}
	got := readUntil(t, l, 2*Partitions, 1<<20, LogTopic, all...)
	for p := range int32(Partitions) {
		want(t, "values", values(got[p]), []string{fmt.Sprint(p, "a"), fmt.Sprint(p, "b")})
	}
}

func wakes(t *testing.T, l Log) {
	type result struct {
		fetched []domain.Fetched
		err     error
	}
	const wait = patience
	done := make(chan result, 1)
	begun := time.Now()
	go func() {
		f, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: LogTopic, Partition: 0}, {Topic: LogTopic, Partition: 6}}, wait, 1<<20)
		done <- result{f, err}
	}()
	appendAll(t, l, batch(LogTopic, 6, "news"))
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	var got []string
	for _, f := range r.fetched {
		got = append(got, values(f.Messages)...)
	}
	want(t, "values", got, []string{"news"})
	if took := time.Since(begun); took > wait/2 {
		t.Fatalf("the reader slept %v with news waiting", took)
	}
}

func waits(t *testing.T, l Log) {
	const wait = 200 * time.Millisecond
	begun := time.Now()
	fetched, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic}}, wait, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < wait*9/10 {
		t.Fatalf("returned after %v without news, wait is %v", took, wait)
	}
	want(t, "answer", fetched, []domain.Fetched{{Topic: ControlTopic}})
}

func polls(t *testing.T, l Log) {
	begun := time.Now()
	for range 10 {
		if _, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic}}, 0, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took > patience/2 {
		t.Fatalf("ten answers took %v", took)
	}
}

func smallBites(t *testing.T, l Log) {
	var wanted []string
	for i := range 20 {
		b := domain.Batch{Topic: ControlTopic}
		for k := range 5 {
			v := fmt.Sprintf("%d.%d %s", i, k, bytes.Repeat([]byte("x"), 100))
			wanted = append(wanted, v)
			b.Messages = append(b.Messages, text(v))
		}
		appendAll(t, l, b)
	}
	want(t, "values", values(readUntil(t, l, 100, 1, ControlTopic, 0)[0]), wanted)

	// Beginning in the middle of a batch gives no record before it.
	fetched, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic, Offset: 7}}, time.Second, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "first offset", fetched[0].Messages[0].Offset, int64(7))
}

func bounds(t *testing.T, l Log) {
	appendAll(t, l, batch(LogTopic, 2, "a", "b"), batch(LogTopic, 5, "c"))
	got, err := l.Bounds(t.Context(), LogTopic)
	if err != nil {
		t.Fatal(err)
	}
	wanted := make([]domain.Bounds, Partitions)
	wanted[2].End, wanted[5].End = 2, 1
	want(t, "bounds", got, wanted)
	if _, err := l.Bounds(t.Context(), "understudy.nowhere.log"); !errors.Is(err, domain.ErrNotFound) {
		t.Fatalf("bounds of an unknown topic: %v, wanted %v", err, domain.ErrNotFound)
	}
}

func caughtUp(t *testing.T, l Log) {
	for i := range 3 {
		appendAll(t, l, batch(ControlTopic, 0, "a", "b"))
		end := int64(2 * (i + 1))
		fetched, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic, Offset: end - 2}}, time.Second, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "high watermark", fetched[0].HighWatermark, end)
		want(t, "next", fetched[0].Next, end)
	}
}
