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

// fate: what an append says of itself is true, also where its caller gave up
// before the answer: from before a byte left until after all was done.
func fate(t *testing.T, l Log) {
	const tries, before = 120, 10
	began := time.Now()
	for range before {
		appendAll(t, l, batch(ControlTopic, 0, "before"))
	}
	step := max(50*time.Microsecond, time.Since(began)/before/10)
	said := make(map[string]error)
	for i := range tries {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%30)*step)
		value := fmt.Sprint("try ", i)
		_, said[value] = l.Append(ctx, []domain.Batch{batch(ControlTopic, 0, value)})
		cancel()
	}
	appendAll(t, l, batch(ControlTopic, 0, "last"))
	landed := make(map[string]int)
	for next := int64(0); landed["last"] == 0; {
		fetched, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic, Offset: next}}, time.Second, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fetched[0].Messages {
			landed[string(m.Value)]++
		}
		next = fetched[0].Next
	}
	var acknowledged, notSent, unknown int
	for value, err := range said {
		n := landed[value]
		switch {
		case err == nil:
			acknowledged++
			if n != 1 {
				t.Errorf("%s was acknowledged, and is there %d times", value, n)
			}
		case errors.Is(err, domain.ErrUnknownFate):
			unknown++
			if n > 1 {
				t.Errorf("%s, of unknown fate, is there %d times", value, n)
			}
		case errors.Is(err, domain.ErrNotSent):
			notSent++
			if n != 0 {
				t.Errorf("%s was not sent, and is there %d times: %v", value, n, err)
			}
		default:
			t.Errorf("%s: nothing is said of its fate: %v", value, err)
		}
	}
	t.Logf("%d acknowledged, %d not sent, %d of unknown fate", acknowledged, notSent, unknown)
}

// late: who comes late reads what others have read as it was written.
func late(t *testing.T, l Log) {
	const count = 40
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		for i := range count {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := l.Append(ctx, []domain.Batch{batch(LogTopic, 3, fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))})
			cancel()
			if err != nil {
				t.Error(err)
			}
		}
	})
	live := readUntil(t, l, 2*count, 1<<20, LogTopic, 3)[3]
	writing.Wait()
	want(t, "read afterwards", readUntil(t, l, 2*count, 700, LogTopic, 3)[3], live)
	for _, m := range []domain.Stored{live[0], live[count], live[2*count-1]} {
		fetched, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: LogTopic, Partition: 3, Offset: m.Offset}}, time.Second, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "read again by its offset", fetched[0].Messages[0], m)
	}
}

// largeBatches: as much as one call may carry, to all partitions.
func largeBatches(t *testing.T, l Log) {
	const messages, each = 200, 8 << 10 // below the 2 MiB of a batch
	all := make([]int32, Partitions)
	var batches []domain.Batch
	for p := range int32(Partitions) {
		all[p] = p
		b := domain.Batch{Topic: LogTopic, Partition: p}
		for i := range messages {
			b.Messages = append(b.Messages, text(fmt.Sprintf("%d.%d %s", p, i, bytes.Repeat([]byte{'x'}, each))))
		}
		batches = append(batches, b)
	}
	appendAll(t, l, batches...)
	got := readUntil(t, l, messages*Partitions, 4<<20, LogTopic, all...)
	for p := range int32(Partitions) {
		for i, m := range got[p] {
			if !bytes.Equal(m.Value, batches[p].Messages[i].Value) {
				t.Fatalf("partition %d: message %d is another one", p, i)
			}
		}
	}
}

// fence: marks that a new primary has appended to every partition part what
// was there before from what an old one still writes, once for all.
func fence(t *testing.T, l Log) {
	ctx, stop := context.WithCancel(t.Context())
	var old sync.WaitGroup
	defer old.Wait()
	defer stop()
	for p := range int32(Partitions) {
		old.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, _ = l.Append(ctx, []domain.Batch{batch(LogTopic, p, fmt.Sprint("old ", n))})
			}
		})
		readUntil(t, l, 1, 1<<20, LogTopic, p) // it writes
	}
	var marks []domain.Batch
	for p := range int32(Partitions) {
		marks = append(marks, batch(LogTopic, p, "mark"))
	}
	opened := appendAll(t, l, marks...)
	below := make([][]domain.Stored, Partitions)
	for p := range int32(Partitions) {
		at := opened[p].Offset
		all := readUntil(t, l, int(at)+1, 1<<20, LogTopic, p)[p]
		below[p] = all[:at]
		want(t, "the record at the mark", string(all[at].Value), "mark")
	}
	stop()
	old.Wait()
	for p := range int32(Partitions) {
		at := opened[p].Offset
		all := readUntil(t, l, int(at)+1, 1<<20, LogTopic, p)[p]
		want(t, "what stands below the mark", all[:at], below[p])
		want(t, "its last record", string(all[at-1].Value[:3]), "old")
	}
}

// retention: what is cut away is not found, and says where the log begins; the
// rest, and what comes, stands where it stood. So whoever holds a view of
// everything below goes on from there.
func retention(t *testing.T, s Subject) {
	for _, v := range []string{"a", "b", "c", "d", "e"} {
		appendAll(t, s, batch(ControlTopic, 0, v))
	}
	appendAll(t, s, batch(LogTopic, 0, "elsewhere"))
	const view = 3 // covers a, b and c
	s.cut(t, view)
	fetched, err := s.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic, Offset: view - 1}, {Topic: LogTopic}}, time.Second, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fetched {
		switch {
		case f.Topic == LogTopic:
			want(t, "values elsewhere", values(f.Messages), []string{"elsewhere"})
		case !errors.Is(f.Err, domain.ErrNotFound) || f.LogStart != view || f.HighWatermark != 5:
			t.Fatalf("below the cut: %+v, %v; wanted %v and the bounds 3 and 5", f, f.Err, domain.ErrNotFound)
		}
	}
	s.reads(t, view, "d", "e")
	s.bounds(t, view, 5)

	s.cut(t, 5) // of everything
	s.bounds(t, 5, 5)
	want(t, "the offset of what comes", appendAll(t, s, batch(ControlTopic, 0, "f"))[0].Offset, int64(5))
	s.reads(t, 5, "f")
}

func (s Subject) cut(t *testing.T, before int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Cut(ctx, ControlTopic, 0, before); err != nil {
		t.Fatal("cut:", err)
	}
}

func (s Subject) reads(t *testing.T, from int64, wanted ...string) {
	t.Helper()
	fetched, err := s.Fetch(t.Context(), []domain.FetchFrom{{Topic: ControlTopic, Offset: from}}, time.Second, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want(t, fmt.Sprint("values from ", from), values(fetched[0].Messages), wanted)
}

func (s Subject) bounds(t *testing.T, start, end int64) {
	t.Helper()
	got, err := s.Bounds(t.Context(), ControlTopic)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "bounds", got, []domain.Bounds{{Start: start, End: end}})
}
