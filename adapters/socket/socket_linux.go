package socket

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

const canWriteRaw = true

// write asks the gate and writes what the kernel takes at once.
func write(fd uintptr, p []byte, gate domain.Gate) (n int, err error) {
	for {
		if err := gate(); err != nil {
			return 0, err
		}
		n, err := unix.Write(int(fd), p)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return 0, ErrFull
		case !errors.Is(err, unix.EINTR):
			return max(n, 0), err
		}
	}
}

func setUserTimeout(raw syscall.RawConn, d time.Duration) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(max(d, time.Millisecond).Milliseconds()))
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("TCP_USER_TIMEOUT: %w", err)
	}
	return nil
}

func unacknowledged(raw syscall.RawConn) bool {
	held := 1
	err := raw.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			held = n
		}
	})
	return err == nil && held > 0 // one that is closed holds nothing
}
