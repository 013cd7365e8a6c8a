package videohub

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

const canWriteRaw = true

func writeRaw(fd uintptr, p []byte, gate domain.Gate) (n int, fenced bool, err error) {
	for {
		if err := gate(); err != nil {
			return 0, true, err
		}
		n, err := unix.Write(int(fd), p)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), false, err
		}
	}
}

func setUserTimeout(conn *net.TCPConn, d time.Duration) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("TCP_USER_TIMEOUT: %w", err)
	}
	return nil
}

// unacknowledged tells whether the kernel holds bytes that the router has not
// acknowledged. True where nobody can know.
func unacknowledged(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return true
	}
	raw, err := tcp.SyscallConn()
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

// sinceBoot reads the monotonic clock that also runs through suspend.
func sinceBoot() domain.Mono {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return domain.Mono(ts.Nano())
}
