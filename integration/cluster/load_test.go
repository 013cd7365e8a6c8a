package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// sent is a command of a load whose append was acknowledged.
type sent struct {
	cluster.Command
	dest, source int // of a route
}

// load is a stream of commands by bare producers, one for each device, each as
// fast as its appends are acknowledged.
type load struct {
	mu     sync.Mutex
	acked  []sent
	pace   time.Duration // between two commands for a device
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// routesOfLoad are the destinations that a load goes round.
const routesOfLoad = 20

// loadPace bounds a load to some 250 commands a second for each device.
const loadPace = 4 * time.Millisecond

func (s *stage) load() *load { return s.loadAt(loadPace) }

func (s *stage) loadAt(pace time.Duration) *load {
	ctx, cancel := context.WithCancel(s.t.Context())
	l := &load{pace: pace, cancel: cancel}
	l.done.Go(func() {
		l.stream(ctx, s, func(n int) (sent, string, string) {
			dest, source := n%routesOfLoad+1, (n*7)%40+1
			uid := fmt.Sprintf("route-%d", n)
			return sent{cluster.Command{Device: up.VideohubID, UID: uid}, dest, source}, "crosspoint.take.v1", takeJSON(dest, source)
		})
	})
	l.done.Go(func() {
		l.stream(ctx, s, func(n int) (sent, string, string) {
			return sent{Command: cluster.Command{Device: up.GateID, UID: fmt.Sprintf("pulse-%d", n)}}, "verb.invoke.v1", `{"verb":"pulse"}`
		})
	})
	return l
}

// stream ends when an append fails, as the broker is gone, or at stop.
func (l *load) stream(ctx context.Context, s *stage, next func(n int) (one sent, kind, value string)) {
	producer := s.NewProducer()
	for n := 0; ctx.Err() == nil; n++ {
		one, kind, value := next(n)
		if _, err := s.Command(ctx, producer, cluster.CommandHeaders(one.Device, one.UID, kind), value); err != nil {
			return
		}
		l.mu.Lock()
		l.acked = append(l.acked, one)
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(l.pace):
		}
	}
}

// await waits until so many commands are acknowledged.
func (l *load) await(t *testing.T, s *stage, n int) {
	t.Helper()
	s.eventually(fmt.Sprintf("%d commands are acknowledged", n), func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.acked) < n {
			return fmt.Errorf("%d are", len(l.acked))
		}
		return nil
	})
}

// stop ends it and gives what was acknowledged.
func (l *load) stop() []sent {
	l.cancel()
	l.done.Wait()
	return l.acked
}
