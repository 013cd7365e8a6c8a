package server_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// counted is a log that counts what is read of the elections topic.
type counted struct {
	server.Log
	records atomic.Int64
}

func (c *counted) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	out, err := c.Log.Fetch(ctx, from, wait, maxBytes)
	for _, f := range out {
		if f.Topic == domain.Topic("test", domain.TopicElections) {
			c.records.Add(int64(len(f.Messages)))
		}
	}
	return out, err
}

// The elections topic is kept for ever: whoever asks for the history again is answered
// from what has been read, and what is new.
func TestTheHistoryIsReadOnce(t *testing.T) {
	s := newStage(t)
	log := &counted{}
	a := s.startWith("A", func(o *server.Options) { log.Log, o.Data = o.Data, log })
	b := s.start("B")
	first := s.primary(a, b)
	known := func(epochs int) (read int64) {
		t.Helper()
		log.records.Store(0)
		s.eventually("the history has all epochs", func() error {
			terms, err := a.History(s.ctx)
			if err == nil && len(terms) < epochs {
				err = domain.ErrTransient
			}
			return err
		})
		return log.records.Load()
	}
	if known(1) == 0 {
		t.Fatal("nothing is read at first")
	}
	s.quiet()
	before, err := a.History(s.ctx)
	must(t, err)
	if n := known(1); n > 0 {
		t.Errorf("%d records are read again", n)
	}
	other := b
	if first == b {
		other = a
	}
	_, err = first.Switchover(s.ctx, "ann", other.name)
	must(t, err)
	all := int64(len(s.read(domain.TopicElections)))
	if n := known(len(before) + 1); n == 0 || n >= all {
		t.Errorf("%d records are read for one more epoch, of %d", n, all)
	}
	after, err := a.History(s.ctx)
	must(t, err)
	if got := after[:len(before)-1]; !slices.Equal(got, before[:len(before)-1]) {
		t.Errorf("what had been told is told otherwise: %+v", got)
	}
}

// quiet waits until nothing more is copied.
func (s *stage) quiet() {
	s.t.Helper()
	n, since := -1, time.Now()
	s.eventually("nothing more is copied", func() error {
		if now := len(s.read(domain.TopicElections)); now != n {
			n, since = now, time.Now()
		}
		if time.Since(since) < 300*time.Millisecond {
			return domain.ErrTransient
		}
		return nil
	})
}
