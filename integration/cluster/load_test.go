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

// load is a stream of commands by bare producers, each as fast as its pace and the
// acknowledgements of its appends let it.
type load struct {
	mu     sync.Mutex
	acked  []sent
	pace   time.Duration // between two commands of a producer
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// routesOfLoad are the destinations that a load goes round.
const routesOfLoad = 20

// loadPace bounds a load to some 250 commands a second for each device.
const loadPace = 4 * time.Millisecond

// load is in order on each device.
func (s *stage) load() *load { return s.loadBy(1, loadPace) }

// loadBy has some producers send to each device, which together keep the pace also
// where an append takes longer than that. What several send is in no order.
func (s *stage) loadBy(producers int, pace time.Duration) *load {
	ctx, cancel := context.WithCancel(s.t.Context())
	l := &load{pace: time.Duration(producers) * pace, cancel: cancel}
	for p := range producers {
		l.done.Go(func() {
			l.stream(ctx, s, func(n int) (sent, string, string) {
				n = n*producers + p
				dest, source := n%routesOfLoad+1, (n*7)%40+1
				uid := fmt.Sprintf("route-%d", n)
				return sent{cluster.Command{Device: up.VideohubID, UID: uid}, dest, source}, "crosspoint.take.v1", takeJSON(dest, source)
			})
		})
		l.done.Go(func() {
			l.stream(ctx, s, func(n int) (sent, string, string) {
				uid := fmt.Sprintf("pulse-%d", n*producers+p)
				return sent{Command: cluster.Command{Device: up.GateID, UID: uid}}, "verb.invoke.v1", `{"verb":"pulse"}`
			})
		})
	}
	return l
}

// stream sends at its pace as long as an append takes less than that. It ends when
// one fails, as the broker is gone, or at stop.
func (l *load) stream(ctx context.Context, s *stage, next func(n int) (one sent, kind, value string)) {
	producer := s.NewProducer()
	due := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		due = due.Add(l.pace)
		if now := time.Now(); due.Before(now) {
			due = now // what an outage held up is not made up for
		}
		one, kind, value := next(n)
		if _, err := s.Command(ctx, producer, cluster.CommandHeaders(one.Device, one.UID, kind), value); err != nil {
			return
		}
		l.mu.Lock()
		l.acked = append(l.acked, one)
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(due)):
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
