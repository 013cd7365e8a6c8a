package faultpoint

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// stop sends the signal to its own thread: it is delivered before the call
// returns, while one to the process may reach another thread a little later.
func stop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP) // to oneself it cannot fail
}
