package videohub

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

const (
	maxSimQueue     = 4096            // blocks that wait for one client
	simWriteTimeout = 5 * time.Second // a client that does not read is dropped
)

// simClient is one connection to the simulator: a reader that carries out
// requests, and a writer, so that a slow client holds nobody up.
type simClient struct {
	sim       *Simulator
	conn      net.Conn
	name      string // its address and port
	host      string // its address: the owner of its locks
	greeted   bool   // under sim.mu
	assembler assembler
	once      sync.Once
	gone      chan struct{}
	out       chan outgoing
}

type outgoing struct {
	due   time.Time
	bytes []byte
}

func newSimClient(s *Simulator, conn net.Conn) *simClient {
	name := conn.RemoteAddr().String()
	host, _, err := net.SplitHostPort(name)
	if err != nil {
		host = name
	}
	return &simClient{
		sim: s, conn: conn, name: name, host: host,
		assembler: assembler{keepRaw: true},
		gone:      make(chan struct{}), out: make(chan outgoing, maxSimQueue),
	}
}

// queue never blocks: a client that is too slow is dropped.
func (c *simClient) queue(delay time.Duration, bytes []byte) {
	o := outgoing{bytes: bytes}
	if delay > 0 {
		o.due = time.Now().Add(delay)
	}
	select {
	case c.out <- o:
	default:
		c.end()
	}
}

func (c *simClient) end() {
	c.once.Do(func() {
		close(c.gone)
		_ = c.conn.Close()
	})
}

// read carries out what the client asks for until the connection ends.
func (c *simClient) read() {
	defer c.sim.running.Done()
	defer c.leave()
	buf := make([]byte, 64<<10)
	for {
		if !c.lockThawed() {
			return
		}
		_ = c.conn.SetReadDeadline(time.Time{})
		c.sim.mu.Unlock()
		n, err := c.conn.Read(buf)
		if n > 0 {
			at := c.sim.opts.Now()
			if c.assembler.feed(buf[:n], func(b block) error { c.sim.request(c, b, at); return nil }) != nil {
				return
			}
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// leave records what came of a request that never ended.
func (c *simClient) leave() {
	c.end()
	if rest := c.assembler.rest(); len(rest) > 0 {
		c.sim.journal.add(entry{at: c.sim.opts.Now(), client: c.name, raw: string(rest)})
	}
	c.sim.mu.Lock()
	delete(c.sim.clients, c)
	select {
	case c.sim.left <- struct{}{}:
	default:
	}
	c.sim.mu.Unlock()
}

// lockThawed takes sim.mu once the simulator is not frozen (half-open): nothing
// is read or done before, so what the client sends stays in the kernel. False
// means that the client is gone, and nothing is locked.
func (c *simClient) lockThawed() bool {
	for {
		c.sim.mu.Lock()
		if c.sim.fault.Mode != FaultHalfOpen {
			return true
		}
		changed := c.sim.changed
		c.sim.mu.Unlock()
		select {
		case <-changed:
		case <-c.gone:
			return false
		}
	}
}

// interrupt makes a blocked read return, to see that the fault has changed; under
// sim.mu.
func (c *simClient) interrupt() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }

func (c *simClient) writeOut() {
	defer c.sim.running.Done()
	defer c.end()
	for {
		select {
		case <-c.gone:
			return
		case o := <-c.out:
			if !c.waitUntil(o.due) {
				return
			}
			_ = c.conn.SetWriteDeadline(time.Now().Add(simWriteTimeout))
			if _, err := c.conn.Write(o.bytes); err != nil {
				return
			}
		}
	}
}

func (c *simClient) waitUntil(due time.Time) bool {
	if due.IsZero() {
		return true
	}
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.gone:
		return false
	}
}
