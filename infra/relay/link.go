package relay

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// pieceSize is how much is read and passed on at a time.
const pieceSize = 64 << 10

// link is one connection through the relay.
type link struct {
	relay   *Relay
	client  *net.TCPConn
	nowhere bool // accepted during a cut: there is no target behind it

	mu     sync.Mutex
	target *net.TCPConn
	gone   chan struct{} // closed by reset
}

func newLink(r *Relay, client *net.TCPConn) *link {
	return &link{relay: r, client: client, gone: make(chan struct{})}
}

func (l *link) ended() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

func (l *link) run() {
	defer l.relay.forget(l)
	if l.nowhere {
		l.swallow(l.client)
		return
	}
	conn, err := net.DialTimeout("tcp", l.relay.target, dialTimeout)
	if err != nil {
		l.reset()
		return
	}
	if !l.join(conn.(*net.TCPConn)) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pass(l.target, l.client, outward) })
	both.Go(func() { l.pass(l.client, l.target, inward) })
	both.Wait()
	l.reset()
}

// join adds the target's side, unless the link was reset meanwhile.
func (l *link) join(target *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended() {
		abort(target)
		return false
	}
	l.target = target
	return true
}

// pass carries one direction until it ends. From the first piece that is lost
// on, all is: a stream with a gap would be garbage.
func (l *link) pass(to, from *net.TCPConn, d direction) {
	piece := make([]byte, pieceSize)
	for {
		n, err := from.Read(piece)
		if d := time.Duration(l.relay.delay.Load()); d > 0 && !l.late(d) {
			return
		}
		if l.relay.Mode().loses(d) {
			l.swallow(from)
			return
		}
		if n > 0 {
			if _, err := to.Write(piece[:n]); err != nil {
				l.reset()
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite()
			return
		case err != nil:
			l.reset()
			return
		}
	}
}

// late waits, unless the link is reset meanwhile.
func (l *link) late(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.gone:
		return false
	}
}

// swallow reads and forgets, so that the sender notices nothing, until the
// connection ends; then it keeps the link, because that end is lost as well.
func (l *link) swallow(from io.Reader) {
	_, _ = io.Copy(io.Discard, from)
	<-l.gone
}

// reset ends both sides at once.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended() {
		return
	}
	close(l.gone)
	for _, c := range []*net.TCPConn{l.client, l.target} {
		if c != nil {
			abort(c)
		}
	}
}

// abort closes with a reset instead of an orderly end.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
