package relay

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const (
	// dialTimeout bounds a connect to the target.
	dialTimeout = 2 * time.Second
	// maxLinks bounds the connections that are open at once, those that a cut
	// left behind included. Beyond it new ones are reset.
	maxLinks = 1024
	// acceptPause is the wait after an accept that failed, so that a lack of
	// file descriptors does not become a busy loop.
	acceptPause = 10 * time.Millisecond
)

// Relay passes TCP connections on to one target.
type Relay struct {
	listener net.Listener
	target   string
	logger   *slog.Logger
	done     chan struct{} // closed by Close
	wg       sync.WaitGroup
	mode     atomic.Value // Mode; read for every piece of data
	delay    atomic.Int64 // nanoseconds, of every piece

	mu     sync.Mutex // guards what follows and every change of mode
	links  map[*link]struct{}
	closed bool
}

// New listens at an address and passes connections on to target. A port 0 takes
// a free one.
func New(listen, target string, logger *slog.Logger) (*Relay, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("relay to %s: %w: %w", target, domain.ErrConflict, err)
	}
	r := &Relay{listener: l, target: target, logger: logger, done: make(chan struct{}), links: make(map[*link]struct{})}
	r.mode.Store(Forward)
	r.wg.Go(r.accept)
	return r, nil
}

// Address is the host:port at which the relay listens.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Mode is what is being lost.
func (r *Relay) Mode() Mode { return r.mode.Load().(Mode) }

// Cut begins to lose what the mode says.
func (r *Relay) Cut(m Mode) error {
	if _, err := ParseMode(string(m)); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mode.Store(m)
	if m == Reset {
		r.resetAll()
	}
	r.logger.Warn("relay cut", "mode", m, "target", r.target)
	return nil
}

// MaxDelay bounds how slow a relay can be made.
const MaxDelay = 10 * time.Second

// Slow makes every piece of data late by d, one after the other, as on a slow
// link. Nothing is lost, so no connection is reset, and Heal ends it.
func (r *Relay) Slow(d time.Duration) error {
	if d < 0 || d > MaxDelay {
		return fmt.Errorf("delay %v: give 0 to %v: %w", d, MaxDelay, domain.ErrInvalid)
	}
	r.delay.Store(int64(d))
	r.logger.Warn("relay slow", "delay", d, "target", r.target)
	return nil
}

// Heal passes new connections on again and resets those that lived through a
// cut: they have lost bytes.
func (r *Relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay.Store(0)
	if r.Mode() == Forward {
		return
	}
	r.resetAll()
	r.mode.Store(Forward)
	r.logger.Warn("relay healed", "target", r.target)
}

// Close resets all connections and waits until nothing of the relay runs.
func (r *Relay) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.done)
	r.resetAll()
	r.mu.Unlock()
	err := r.listener.Close()
	r.wg.Wait()
	return err
}

// resetAll needs mu.
func (r *Relay) resetAll() {
	for l := range r.links {
		l.reset()
	}
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			select {
			case <-r.done:
				return
			case <-time.After(acceptPause):
			}
			r.logger.Warn("relay cannot accept a connection; it goes on", "cause", err)
			continue
		}
		r.take(client.(*net.TCPConn))
	}
}

// take begins to serve a new connection, as the present mode says.
func (r *Relay) take(client *net.TCPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := newLink(r, client)
	if r.closed || r.Mode() == Reset || len(r.links) >= maxLinks {
		l.reset()
		return
	}
	r.links[l] = struct{}{}
	l.nowhere = r.Mode() == Drop
	r.wg.Go(l.run)
}

func (r *Relay) forget(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, l)
}
