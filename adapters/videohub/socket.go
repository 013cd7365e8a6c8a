package videohub

import (
	"errors"
	"net"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// writeFunc asks the gate and then writes, with nothing in between. Fenced means
// that the gate refused; err is then the gate's.
type writeFunc func(p []byte, gate domain.Gate) (n int, fenced bool, err error)

// writeOnce gives the write of a connection. A write of the net package goes on
// in the background when the peer is slow, long after the gate was asked. So a
// TCP connection is written by one call of the system that does not wait; any
// other kind of connection by its own Write.
func writeOnce(conn net.Conn, timeout time.Duration) writeFunc {
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil && canWriteRaw {
			return func(p []byte, gate domain.Gate) (n int, fenced bool, err error) {
				failed := raw.Write(func(fd uintptr) bool {
					n, fenced, err = writeRaw(fd, p, gate)
					return true
				})
				return n, fenced, errors.Join(failed, err)
			}
		}
	}
	return func(p []byte, gate domain.Gate) (int, bool, error) {
		if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return 0, false, err
		}
		if err := gate(); err != nil {
			return 0, true, err
		}
		n, err := conn.Write(p)
		return n, false, err
	}
}

// tune sets what a control connection needs: small blocks leave at once, and the
// kernel gives up what it cannot deliver.
func tune(conn net.Conn, o *Options) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	errs := []error{tcp.SetNoDelay(true)}
	if o.SendBuffer > 0 {
		errs = append(errs, tcp.SetWriteBuffer(o.SendBuffer))
	}
	if o.UserTimeout > 0 {
		errs = append(errs, setUserTimeout(tcp, o.UserTimeout))
	}
	return errors.Join(errs...)
}

// reset closes without delivering what the kernel still holds.
func reset(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
