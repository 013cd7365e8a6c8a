package httpdevice

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

const canWriteRaw = true

// writeRaw asks the gate and writes what the kernel takes at once.
func writeRaw(fd uintptr, p []byte, gate domain.Gate) (n int, err error) {
	for {
		if err := gate(); err != nil {
			return 0, err
		}
		n, err := unix.Write(int(fd), p)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return 0, errNotWhole
		case !errors.Is(err, unix.EINTR):
			return max(n, 0), err
		}
	}
}

// unacknowledged tells whether the kernel holds bytes that the device has not
// acknowledged. True where nobody can know.
func unacknowledged(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	held := 1
	err = raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			held = n
		}
	})
	return err == nil && held > 0
}

// setUserTimeout bounds how long the kernel keeps unacknowledged bytes.
func setUserTimeout(c net.Conn, d time.Duration) error {
	sc, ok := c.(syscall.Conn)
	if !ok || d <= 0 {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(max(d, time.Millisecond)/time.Millisecond))
	})
	if err != nil {
		return err
	}
	return set
}
