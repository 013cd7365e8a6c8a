package server_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// severed is a server's way to the log. It can be cut.
type severed struct {
	server.Log
	cut *atomic.Bool
}

func (l severed) away() error {
	if l.cut.Load() {
		return fmt.Errorf("the network is away: %w", domain.ErrTransient)
	}
	return nil
}

func (l severed) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	if err := l.away(); err != nil {
		return nil, err
	}
	out, err := l.Log.Fetch(ctx, from, wait, maxBytes)
	if away := l.away(); away != nil {
		return nil, away
	}
	return out, err
}

func (l severed) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	if err := l.away(); err != nil {
		return nil, err
	}
	return l.Log.Append(ctx, batches)
}

// V25: a router that accepts one connection turns nobody away, whichever way primacy
// moves: planned, forced, or because the primary has lost the log and its lease with it.
func TestADeviceThatAcceptsOneConnectionIsNeverOpenedTwice(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	hub, err := videohub.NewSimulator(videohub.SimOptions{Inputs: 40, Outputs: 40, Clients: 1})
	must(t, err)
	t.Cleanup(func() { _ = hub.Close() })
	cuts := map[string]*atomic.Bool{"A": {}, "B": {}}
	start := func(name string) *member {
		return s.startWith(name, func(o *server.Options) {
			o.Devices = s.devices()
			o.Devices[0].Address, o.Devices[0].StandbyPolling = hub.Addr(), false
			o.Control, o.Data = severed{o.Control, cuts[name]}, severed{o.Data, cuts[name]}
		})
	}
	a := start("A")
	s.primary(a)
	b := start("B")
	other := func(m *member) *member {
		if m == a {
			return b
		}
		return a
	}
	moves := map[string]func(p *member) error{
		"a planned move": func(p *member) error {
			_, err := p.Switchover(s.ctx, "ann", "")
			return err
		},
		"a forced takeover": func(p *member) error {
			to := other(p)
			_, err := to.Takeover(s.ctx, "ann", "a test", to.name)
			return err
		},
		"the log is away": func(p *member) error {
			cuts[p.name].Store(true)
			to := other(p)
			s.eventually(to.name+" takes over", func() error {
				st, err := to.Status(s.ctx)
				if err == nil && st.Server.Role != httpapi.RolePrimary {
					err = fmt.Errorf("it is %s", st.Server.Role)
				}
				return err
			})
			cuts[p.name].Store(false)
			return nil
		},
	}
	first := s.epoch(a)
	for round := range 2 {
		for name, move := range moves {
			if err := move(s.primary(a, b)); err != nil {
				t.Logf("%s: %v", name, err) // on a busy machine primacy moves by itself, too
			}
			p := s.primary(a, b)
			uid := fmt.Sprint(name, round)
			if r := s.submit(p, "videohub-1", uid, domain.Take{Destination: 1, Source: 2 + round}); r.Outcome != domain.Confirmed {
				t.Errorf("%s: a route ended %s %s", name, r.Outcome, r.Detail)
			}
			if n := hub.TurnedAway(); n > 0 {
				t.Fatalf("%s: the router has turned %d connections away", name, n)
			}
		}
	}
	if n := s.epoch(a) - first; n < 4 {
		t.Errorf("primacy has moved %d times, nothing is shown by that", n)
	}
}

// epoch is the one that a server knows.
func (s *stage) epoch(m *member) uint64 {
	s.t.Helper()
	st, err := m.Status(s.ctx)
	must(s.t, err)
	return st.Epoch
}
