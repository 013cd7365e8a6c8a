// Package socket is the TCP connection to a device, as every driver that acts needs it:
//
//	conn, err := socket.New(dialled, socket.Options{UserTimeout: 250 * time.Millisecond})
//	n, err := conn.Send(request, gate)
//
// The gate is asked, and then the bytes are handed to the kernel, with nothing in between.
// What the kernel does not take at once never leaves later: a write of the net package
// goes on in the background when the peer is slow, long after the gate was asked. It is
// the one adapter that others stand on.
package socket

import (
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// ErrFull says that the kernel has not taken all: the device does not read. The rest is
// not to be sent, because nobody has asked the gate, nor the kernel's valve, for it.
var ErrFull = errors.New("the socket's buffer is full: the device does not take what it was sent before")

// Options of a connection. The zero value leaves all to the system.
type Options struct {
	// UserTimeout is how long the kernel may keep bytes that the device does not
	// acknowledge (TCP_USER_TIMEOUT, Linux), from its first retransmission on.
	UserTimeout time.Duration
	// SendBuffer is the size of the send buffer in bytes.
	SendBuffer int
	// WriteTimeout bounds a write to what is no socket of the system, which may wait.
	// 0 leaves the deadline as it is.
	WriteTimeout time.Duration
}

// Conn is a connection to a device.
type Conn struct {
	net.Conn
	raw          syscall.RawConn // nil where a write cannot be kept from waiting
	writeTimeout time.Duration
}

// New takes a connection over. An error says that the system refused an option; the
// connection works without it.
func New(conn net.Conn, o Options) (*Conn, error) {
	c := &Conn{Conn: conn, writeTimeout: o.WriteTimeout}
	var errs []error
	if socket, ok := conn.(syscall.Conn); ok {
		raw, err := socket.SyscallConn()
		if err != nil {
			return c, err
		}
		if canWriteRaw {
			c.raw = raw
		}
		if o.UserTimeout > 0 {
			errs = append(errs, setUserTimeout(raw, o.UserTimeout))
		}
	}
	if tcp, ok := conn.(*net.TCPConn); ok && o.SendBuffer > 0 {
		errs = append(errs, tcp.SetWriteBuffer(o.SendBuffer))
	}
	return c, errors.Join(errs...)
}

// Send asks the gate and hands p to the kernel. It returns how many bytes the kernel has
// taken, and an error unless it has taken them all:
//
//   - the gate's, if that refused; then nothing has left, and the connection is as it was,
//   - one that is [os.ErrPermission], if the kernel's valve refused,
//   - [ErrFull], or whatever else the system says.
//
// After all but the first the connection must be ended, with Abort.
func (c *Conn) Send(p []byte, gate domain.Gate) (n int, err error) {
	if c.raw == nil {
		n, err = c.wait(p, gate)
	} else {
		failed := c.raw.Write(func(fd uintptr) bool {
			n, err = write(fd, p, gate)
			return true
		})
		err = errors.Join(failed, err)
	}
	if err == nil && n < len(p) {
		err = ErrFull
	}
	return n, err
}

// wait sends by a write that may wait.
func (c *Conn) wait(p []byte, gate domain.Gate) (int, error) {
	if c.writeTimeout > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
			return 0, err
		}
	}
	if err := gate(); err != nil {
		return 0, err
	}
	return c.Write(p)
}

// Unacknowledged tells whether the kernel holds bytes that the device has not
// acknowledged. True where nobody can know.
func (c *Conn) Unacknowledged() bool {
	return c.raw == nil || unacknowledged(c.raw)
}

// Abort closes the connection at once: what the kernel still holds is thrown away (RST),
// not sent.
func (c *Conn) Abort() { Abort(c.Conn) }

// Abort does that to any connection.
func Abort(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // a connection that is gone cannot linger
	}
	_ = conn.Close()
}
