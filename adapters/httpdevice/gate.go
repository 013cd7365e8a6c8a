package httpdevice

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// gatedConn is the socket of a device's actions, as net.Conn, so that TLS can stand on
// it. It lets bytes through while a gate is set and says yes, asked anew for each write to
// the kernel. What the kernel does not take whole ends the connection.
type gatedConn struct {
	*socket.Conn
	gate    atomic.Pointer[domain.Gate] // nil refuses
	written atomic.Int64                // bytes since the gate was set
}

// errNoRequest keeps whatever is not an action's own bytes from the wire.
var errNoRequest = fmt.Errorf("no request is under way: %w", domain.ErrFenced)

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
		n, err := c.Send(part, *gate)
		total += n
		c.written.Add(int64(n))
		if errors.Is(err, socket.ErrFull) {
			c.Abort() // at once: the kernel's valve would not be asked for the rest
		}
		if err != nil {
			return total, err
		}
		p = p[n:]
	}
	return total, nil
}

// classify names what a failed write means for the action.
func (c *gatedConn) classify(err error) error {
	switch {
	case c.written.Load() > 0:
		// Whatever the cause, some bytes left: its own class must not show.
		return fmt.Errorf("%s: %w", err.Error(), domain.ErrUnknownFate)
	case errors.Is(err, domain.ErrFenced):
		return err
	case errors.Is(err, os.ErrPermission):
		// The kernel's valve: the lease was over when the bytes came to it.
		return fmt.Errorf("the kernel refused the write: %w: %w", err, domain.ErrFenced)
	}
	return fmt.Errorf("%w: %w", err, domain.ErrNotSent)
}
