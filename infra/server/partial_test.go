package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// partial is a log that a server reaches but for one partition.
type partial struct {
	server.Log
	lost  int32
	reads atomic.Value // what becomes of a read of it: whole, hangs or fails
	mute  atomic.Bool  // it takes no writes
}

type trouble string

const (
	whole trouble = "whole"
	hangs trouble = "hangs"
	fails trouble = "fails"
)

func (p *partial) is(t trouble) bool { return p.reads.Load() == t }

// Fetch leaves the partition out, as a broker does that does not answer while
// others do, or gives an error for it.
func (p *partial) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	if p.is(whole) {
		return p.Log.Fetch(ctx, from, wait, maxBytes)
	}
	rest := slices.DeleteFunc(slices.Clone(from), func(f domain.FetchFrom) bool { return f.Partition == p.lost })
	out, err := p.Log.Fetch(ctx, rest, wait, maxBytes)
	if i := slices.IndexFunc(from, func(f domain.FetchFrom) bool { return f.Partition == p.lost }); i >= 0 && p.is(fails) {
		out = append(out, domain.Fetched{
			Topic: from[i].Topic, Partition: p.lost, Next: from[i].Offset, HighWatermark: -1,
			Err: fmt.Errorf("its broker is away: %w", domain.ErrTransient),
		})
	}
	return out, err
}

func (p *partial) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	if p.mute.Load() && slices.ContainsFunc(batches, func(b domain.Batch) bool { return b.Partition == p.lost }) {
		return nil, fmt.Errorf("its broker is away: %w", domain.ErrTransient)
	}
	return p.Log.Append(ctx, batches)
}

// startOn starts a server that may lose the partition of videohub-1.
func (s *stage) startOn(name string, stallAfter time.Duration) (*member, *partial) {
	p := &partial{lost: domain.Partition("videohub-1", partitions)}
	p.reads.Store(whole)
	m := s.startWith(name, func(o *server.Options) {
		p.Log, o.Data = o.Data, p
		o.Election.StallAfter = stallAfter
	})
	return m, p
}

// follows waits until b, and nobody else, is the primary, and lets it work.
func (s *stage) follows(b *member) {
	s.t.Helper()
	s.eventually(b.name+" takes over", func() error {
		st, err := b.Status(s.ctx)
		if err == nil && st.Server.Role != httpapi.RolePrimary {
			err = fmt.Errorf("%s is primary in epoch %d", st.Primary, st.Epoch)
		}
		return err
	})
	if r := s.submit(b, "videohub-1", "after", domain.Take{Destination: 2, Source: 7}); r.Outcome != domain.Confirmed {
		s.t.Errorf("a route afterwards is %q", r.Outcome)
	}
}

func TestAPrimaryThatCannotReadSomeOfTheLogIsFollowed(t *testing.T) {
	t.Parallel()
	for _, how := range []trouble{hangs, fails} {
		t.Run("it "+string(how), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			a, log := s.startOn("A", 0)
			s.primary(a)
			b, _ := s.startOn("B", 0)
			s.primary(a, b)
			log.reads.Store(how)
			s.eventually("A tells that it cannot read it, and B shows that", func() error {
				own, err := a.Status(s.ctx)
				if err != nil {
					return err
				}
				if !strings.Contains(strings.Join(own.Server.Reasons, " "), "cannot read") {
					return fmt.Errorf("A's reasons: %q", own.Server.Reasons)
				}
				seen, err := b.Status(s.ctx)
				if err != nil {
					return err
				}
				for _, m := range seen.Servers {
					if m.Name == "A" && (m.Ready || m.Lag != domain.LagUnknown) {
						return fmt.Errorf("B shows A as ready: %t, lag %d", m.Ready, m.Lag)
					}
				}
				return nil
			})
			s.follows(b)
			log.reads.Store(whole)
			if p := s.primary(a, b); p != b {
				t.Errorf("%s is primary once all is well; nobody asked for a fail-back", p.name)
			}
		})
	}
}

// What all servers have lost, no takeover brings back.
func TestAPartitionThatNobodyReachesIsNoReasonForATakeover(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a, one := s.startOn("A", 0)
	s.primary(a)
	b, two := s.startOn("B", 0)
	s.primary(a, b)
	before, err := b.Status(s.ctx)
	must(t, err)
	one.reads.Store(fails)
	two.reads.Store(fails)
	for until := time.Now().Add(4 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		st, err := b.Status(s.ctx)
		must(t, err)
		if st.Epoch != before.Epoch {
			t.Fatalf("epoch %d follows on %d", st.Epoch, before.Epoch)
		}
	}
	one.reads.Store(whole)
	two.reads.Store(whole)
	s.primary(a, b)
	if r := s.submit(a, "videohub-1", "after", domain.Take{Destination: 2, Source: 7}); r.Outcome != domain.Confirmed {
		t.Errorf("a route afterwards is %q", r.Outcome)
	}
}

func TestAPrimaryThatCannotWriteSomeOfTheLogIsFollowed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a, log := s.startOn("A", time.Second)
	s.primary(a)
	b, _ := s.startOn("B", time.Second)
	s.primary(a, b)
	log.mute.Store(true)
	s.append(domain.TopicLog, log.lost, domain.Record{
		Type: domain.TypeTake, UID: "waiting", Source: "/test", Subject: "videohub-1",
		Created: domain.InstantOf(time.Now()), Payload: domain.Take{Destination: 3, Source: 9},
	})
	s.follows(b)
}
