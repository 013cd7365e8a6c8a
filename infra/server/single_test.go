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
	moves := map[string]func(p *member){
		"a planned move": func(p *member) {
			_, err := p.Switchover(s.ctx, "ann", "")
			must(t, err)
		},
		"a forced takeover": func(p *member) {
			to := other(p)
			_, err := to.Takeover(s.ctx, "ann", "a test", to.name)
			must(t, err)
		},
		"the log is away": func(p *member) {
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
		},
	}
	for round := range 2 {
		for name, move := range moves {
			before := s.primary(a, b)
			move(before)
			p := s.primary(a, b)
			if p == before {
				t.Errorf("%s: %s is primary still", name, p.name)
			}
			uid := fmt.Sprint(name, round)
			if r := s.submit(p, "videohub-1", uid, domain.Take{Destination: 1, Source: 2 + round}); r.Outcome != domain.Confirmed {
				t.Errorf("%s: a route ended %s %s", name, r.Outcome, r.Detail)
			}
			if n := hub.TurnedAway(); n > 0 {
				t.Fatalf("%s: the router has turned %d connections away", name, n)
			}
		}
	}
}
