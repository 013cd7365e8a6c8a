package memlog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const topic = "understudy.test.control"

func cluster() *Cluster {
	now := domain.Instant(0)
	return New(func() domain.Instant { now += domain.Millis(1); return now }, map[string]int32{topic: 1})
}

func send(t *testing.T, l *Log, value string) error {
	t.Helper()
	_, err := l.Append(t.Context(), []domain.Batch{{Topic: topic, Messages: []domain.Message{{Value: []byte(value)}}}})
	return err
}

func read(t *testing.T, l *Log, from int64) (values string) {
	t.Helper()
	got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Offset: from}}, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got[0].Messages {
		values += string(m.Value)
	}
	return values
}

func TestFates(t *testing.T) {
	for name, test := range map[string]struct {
		fate Fate
		err  error
		at   string // what stands in the log at once
		in   string // and after Deliver
	}{
		"lands":            {fate: Lands, at: "ax", in: "ax"},
		"fails":            {fate: Fails, err: domain.ErrNotSent, at: "a", in: "a"},
		"is lost":          {fate: Lost, err: domain.ErrUnknownFate, at: "a", in: "a"},
		"loses its answer": {fate: AnswerLost, err: domain.ErrUnknownFate, at: "ax", in: "ax"},
		"comes late":       {fate: Delayed, err: domain.ErrUnknownFate, at: "a", in: "abx"},
		"is doubled":       {fate: Doubled, at: "axx", in: "axx"},
	} {
		t.Run(name, func(t *testing.T) {
			c := cluster()
			a, b := c.Open(), c.Open()
			if err := send(t, a, "a"); err != nil {
				t.Fatal(err)
			}
			a.OnAppend(func(domain.Batch) Fate { return test.fate })
			if err := send(t, a, "x"); !errors.Is(err, test.err) || (err != nil && !errors.Is(err, domain.ErrTransient)) {
				t.Fatalf("append: %v, wanted %v", err, test.err)
			}
			if got := read(t, b, 0); got != test.at {
				t.Fatalf("the log holds %q, wanted %q", got, test.at)
			}
			if a.Delayed() > 0 {
				if err := send(t, b, "b"); err != nil { // the others are not affected
					t.Fatal(err)
				}
			}
			a.Deliver(-1)
			if got := read(t, b, 0); got != test.in {
				t.Fatalf("in the end the log holds %q, wanted %q", got, test.in)
			}
		})
	}
}

func TestOneLogIsCutOffAndTheOthersAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster()
		a, b := c.Open(), c.Open()
		done := make(chan error, 1)
		go func() {
			_, err := a.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic}}, time.Hour, 1<<20)
			done <- err
		}()
		synctest.Wait()
		a.Unreachable(true)
		if err := <-done; !errors.Is(err, domain.ErrTransient) {
			t.Fatalf("the waiting reader: %v, wanted %v", err, domain.ErrTransient)
		}
		if err := send(t, a, "x"); !errors.Is(err, domain.ErrNotSent) {
			t.Fatalf("append: %v, wanted %v", err, domain.ErrNotSent)
		}
		if _, err := a.Bounds(t.Context(), topic); !errors.Is(err, domain.ErrTransient) {
			t.Fatalf("bounds: %v, wanted %v", err, domain.ErrTransient)
		}
		if err := send(t, b, "b"); err != nil {
			t.Fatal(err)
		}
		a.Unreachable(false)
		if got := read(t, a, 0); got != "b" {
			t.Fatalf("connected again it reads %q", got)
		}
	})
}

func TestAFrozenReaderLags(t *testing.T) {
	c := cluster()
	a, b := c.Open(), c.Open()
	for _, v := range []string{"1", "2"} {
		if err := send(t, a, v); err != nil {
			t.Fatal(err)
		}
	}
	b.Freeze()
	for _, v := range []string{"3", "4", "5"} {
		if err := send(t, a, v); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, b, 0); got != "12" {
		t.Fatalf("frozen it reads %q", got)
	}
	b.Reveal(topic, 0, 2)
	if got := read(t, b, 0); got != "1234" {
		t.Fatalf("two more make %q", got)
	}
	b.Thaw()
	if got := read(t, b, 0); got != "12345" {
		t.Fatalf("thawed it reads %q", got)
	}
}

func TestASlowAnswerComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := cluster().Open()
		l.SlowFetch(func() time.Duration { return time.Minute })
		if err := send(t, l, "a"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if got := read(t, l, 0); got != "a" || time.Since(begun) != time.Minute {
			t.Fatalf("read %q after %v", got, time.Since(begun))
		}
	})
}

func TestRetentionAndLoss(t *testing.T) {
	c := cluster()
	l := c.Open()
	for _, v := range []string{"0", "1", "2", "3"} {
		if err := send(t, l, v); err != nil {
			t.Fatal(err)
		}
	}
	c.Expire(topic, 0, 2)
	got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Offset: 1}}, 0, 1<<20)
	if !errors.Is(err, domain.ErrNotFound) || got[0].LogStart != 2 || got[0].HighWatermark != 4 {
		t.Fatalf("below the start: %+v, %v", got, err)
	}
	if got := read(t, l, 2); got != "23" {
		t.Fatalf("from the start: %q", got)
	}
	c.Cut(topic, 0, 3)
	if _, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Offset: 4}}, 0, 1<<20); !errors.Is(err, domain.ErrNotFound) {
		t.Fatalf("behind a cut: %v, wanted %v", err, domain.ErrNotFound)
	}
	if err := send(t, l, "x"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, l, 2); got != "2x" {
		t.Fatalf("another record at the same offset: %q", got)
	}
}

func TestAFrozenReaderIsNoOutOfRange(t *testing.T) {
	c := cluster()
	a, b := c.Open(), c.Open()
	b.Freeze()
	if err := send(t, a, "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: 1}}, time.Hour, 1<<20); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, wanted %v: its own append may be ahead of what it sees", err, context.Canceled)
	}
}
