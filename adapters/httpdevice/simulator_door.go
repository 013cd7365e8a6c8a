package httpdevice

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// door is the simulator's listening socket. It can be shut, so that connections
// are refused, and its connections can be kept from being read.
type door struct {
	sim *Simulator

	mu       sync.Mutex // guards the following
	server   *http.Server
	listener net.Listener // nil while refusing
	at       net.Addr
	conns    map[*heldConn]struct{}
	hold     bool
	closed   bool
	serving  sync.WaitGroup
}

func (d *door) open(address string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		return fmt.Errorf("the simulator is started already: %w", domain.ErrConflict)
	}
	d.server = &http.Server{Handler: d.sim.Handler(), ReadHeaderTimeout: time.Minute}
	d.conns = make(map[*heldConn]struct{})
	return d.listen(address)
}

// listen is called with the lock held.
func (d *door) listen(address string) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	d.listener, d.at = ln, ln.Addr()
	d.serving.Add(1)
	go func() {
		defer d.serving.Done()
		_ = d.server.Serve(&heldListener{ln, d}) // ends when the listener is closed
	}()
	return nil
}

func (d *door) address() net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

// behave makes the socket act as the fault wants.
func (d *door) behave(m FaultMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server == nil || d.closed {
		return nil
	}
	d.hold = m == FaultHalfOpen
	if m == FaultRefuse {
		if d.listener != nil {
			_ = d.listener.Close() // it is only told to stop
			d.listener = nil
		}
		for c := range d.conns {
			socket.Abort(c.Conn)
		}
		return nil
	}
	if d.listener == nil {
		return d.listen(d.at.String())
	}
	return nil
}

func (d *door) shut() error {
	d.mu.Lock()
	if d.server == nil || d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	for c := range d.conns {
		socket.Abort(c.Conn)
	}
	d.mu.Unlock()
	err := d.server.Close() // closes connections, each of which takes the lock
	d.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (d *door) holding() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hold
}

type heldListener struct {
	net.Listener
	door *door
}

func (l *heldListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	h := &heldConn{Conn: c, door: l.door}
	l.door.mu.Lock()
	defer l.door.mu.Unlock()
	if l.door.listener != l.Listener || l.door.closed { // accepted while the door was being shut
		socket.Abort(c)
	}
	l.door.conns[h] = struct{}{}
	return h, nil
}

// heldConn gives its server nothing to read while the door holds. The clients
// see a connection that stands and says nothing.
type heldConn struct {
	net.Conn
	door *door
}

func (c *heldConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil && c.door.holding() {
		changed := c.door.sim.changed()
		if !c.door.holding() {
			break
		}
		<-changed
	}
	return n, err
}

func (c *heldConn) Close() error {
	c.door.mu.Lock()
	delete(c.door.conns, c)
	c.door.mu.Unlock()
	return c.Conn.Close()
}

func (s *Simulator) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faulted
}
