package httpdevice

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/understudy-io/understudy/domain"
)

// gatedConn is the socket of a device's actions. It lets bytes through while a
// gate is set and says yes, asked anew for each write to the kernel. With a TCP
// socket that write does not wait: a device that reads slowly must not get bytes
// long after the gate was asked for them. What the kernel does not take whole ends
// the connection: its valve would not be asked for the rest.
type gatedConn struct {
	net.Conn
	raw     syscall.RawConn             // nil if the connection is no socket
	gate    atomic.Pointer[domain.Gate] // nil refuses
	written atomic.Int64                // bytes since the gate was set
}

// errNoRequest keeps whatever is not an action's own bytes from the wire.
var errNoRequest = fmt.Errorf("no request is under way: %w", domain.ErrFenced)

func newGatedConn(conn net.Conn) *gatedConn {
	c := &gatedConn{Conn: conn}
	if socket, ok := conn.(syscall.Conn); ok && canWriteRaw {
		if raw, err := socket.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c
}

func (c *gatedConn) set(gate domain.Gate) {
	c.written.Store(0)
	c.gate.Store(&gate)
}

func (c *gatedConn) unset() { c.gate.Store(nil) }

func (c *gatedConn) Write(p []byte) (total int, err error) {
	for first := true; first || len(p) > 0; first = false {
		part := p[:min(len(p), maxWrite)]
		gate := c.gate.Load()
		if gate == nil {
			return total, errNoRequest
		}
		n, err := c.writeOnce(part, *gate)
		total += n
		c.written.Add(int64(n))
		if err != nil {
			return total, err
		}
		p = p[n:]
	}
	return total, nil
}

// errNotWhole ends a connection whose buffer is full.
var errNotWhole = errors.New("the device does not take what it was sent before")

// writeOnce asks the gate and hands bytes to the kernel, with nothing in between.
func (c *gatedConn) writeOnce(p []byte, gate domain.Gate) (n int, err error) {
	if c.raw == nil {
		if err := gate(); err != nil {
			return 0, err
		}
		return c.Conn.Write(p)
	}
	failed := c.raw.Write(func(fd uintptr) bool {
		n, err = writeRaw(fd, p, gate)
		return true
	})
	if err = errors.Join(failed, err); err == nil && n < len(p) {
		err = errNotWhole
	}
	if errors.Is(err, errNotWhole) {
		abort(c.Conn)
	}
	return n, err
}

// classify names what a failed write means for the action.
func (c *gatedConn) classify(err error) error {
	switch {
	case c.written.Load() > 0:
		// Whatever the cause, some bytes left: its own class must not show.
		return fmt.Errorf("%s: %w", err.Error(), domain.ErrUnknownFate)
	case errors.Is(err, domain.ErrFenced):
		return err
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		// The kernel's valve: the lease was over when the bytes came to it.
		return fmt.Errorf("the kernel refused the write: %w: %w", err, domain.ErrFenced)
	}
	return fmt.Errorf("%w: %w", err, domain.ErrNotSent)
}

// abort ends a TCP connection at once: what its kernel buffer still holds is
// thrown away (RST), not sent.
func abort(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // a connection that is gone cannot linger
	}
	_ = c.Close()
}
