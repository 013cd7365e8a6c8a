package server_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// road is a server's way to the devices. It can be cut.
type road struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (r *road) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("no route to %s", address)}
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		r.conns = append(r.conns, c)
	}
	return c, err
}

func (r *road) isCut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

// P16: a primary that works and heartbeats, and does not reach a router that a standby
// does, is followed by that one.
func TestAPrimaryThatHasLostADeviceIsFollowed(t *testing.T) {
	t.Parallel()
	const unreachedAfter = 500 * time.Millisecond
	s := newStage(t)
	roads := map[string]*road{"A": {}, "B": {}}
	start := func(name string) *member {
		return s.startWith(name, func(o *server.Options) {
			o.Election.UnreachedAfter = unreachedAfter
			o.Drivers[domain.DriverVideohub] = videohub.New(videohub.Options{Logger: s.logger, Dial: roads[name].dial})
		})
	}
	a := start("A")
	s.primary(a)
	b := start("B")
	s.primary(a, b)
	contests := func() (found []httpapi.Term) {
		history, err := a.History(s.ctx)
		must(t, err)
		for _, term := range history {
			if strings.Contains(term.Evidence, "unreachable") {
				found = append(found, term)
			}
		}
		return found
	}
	// What nobody reaches is no reason to go on elsewhere.
	roads["A"].isCut(true)
	roads["B"].isCut(true)
	s.eventually("both miss the router", func() error {
		st, err := a.Status(s.ctx)
		if err != nil {
			return err
		}
		for _, m := range st.Servers {
			if m.Missing == nil || *m.Missing != 1 {
				return fmt.Errorf("%s misses %v", m.Name, m.Missing)
			}
		}
		return nil
	})
	time.Sleep(2 * unreachedAfter)
	if got := contests(); len(got) != 0 {
		t.Errorf("the primary was contested: %+v", got)
	}
	roads["B"].isCut(false)
	s.follows(b)
	if got := contests(); len(got) != 1 || got[0].Server != "B" || !strings.Contains(got[0].Evidence, "B reaches videohub-1; missed devices") {
		t.Errorf("the history says %+v", got)
	}
}
