package videohub

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// doorkeeper is a listener that says whether the link may connect.
type doorkeeper struct {
	*listener
	open  atomic.Bool
	asked chan struct{}
}

func (d *doorkeeper) MayConnect() error {
	select {
	case d.asked <- struct{}{}:
	default:
	}
	if d.open.Load() {
		return nil
	}
	return errors.New("no lease")
}

// V25: the sink is asked before each connection, and a router is left alone meanwhile.
func TestALinkConnectsOnlyWhenItMay(t *testing.T) {
	sim := simulator(t, SimOptions{})
	door := &doorkeeper{listener: &listener{values: map[domain.Target]string{}}, asked: make(chan struct{})}
	l, err := New(quick()).Open(definition(sim.Addr()), door)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for range 3 {
		select {
		case <-door.asked:
		case <-time.After(5 * time.Second):
			t.Fatal("nobody asks")
		}
	}
	if n := sim.Clients(); n != 0 {
		t.Errorf("%d connections are made", n)
	}
	door.open.Store(true)
	door.awaitUp(t)
}
