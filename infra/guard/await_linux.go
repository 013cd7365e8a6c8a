package guard

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// awaitEnd waits until a process has ended, and returns false if ctx ends
// first. The kernel reports the end through a pidfd, so no child is needed.
// still is asked once the pidfd is open: it tells whether the process is still
// the one that is meant.
func awaitEnd(ctx context.Context, pid int, still func() bool) bool {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return pollEnd(ctx, still) // a kernel before 5.10, or it has ended
	}
	return awaitPidfd(ctx, fd, still)
}

// awaitPidfd is awaitEnd for an open pidfd, which it closes.
func awaitPidfd(ctx context.Context, fd int, still func() bool) bool {
	f := os.NewFile(uintptr(fd), "pidfd")
	if !still() {
		_ = f.Close()
		return true
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer func() { stop(); _ = f.Close() }()
	conn, err := f.SyscallConn()
	if err != nil {
		return pollEnd(ctx, still)
	}
	ended := false
	err = conn.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		ended = err == nil && n == 1
		return ended
	})
	switch {
	case ended:
		return true
	case ctx.Err() != nil:
		return false
	case err != nil: // the runtime cannot wait for this kind of file
		return pollEnd(ctx, still)
	}
	return pollEnd(ctx, still)
}
