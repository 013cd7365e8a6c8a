package guard

import (
	"context"
	"os"
	"strconv"
)

// Watch calls ended once, from a goroutine of its own that ends with ctx, when
// the guard of this process has ended. It returns false, and does nothing, for a
// process that no guard has started.
func Watch(ctx context.Context, ended func()) bool {
	pid, err := strconv.Atoi(os.Getenv(EnvGuard))
	if err != nil || pid <= 0 {
		return false
	}
	watchParent(ctx, pid, ended)
	return true
}

// WatchParent does the same for the process that started this one, whatever
// that is.
func WatchParent(ctx context.Context, ended func()) {
	watchParent(ctx, os.Getppid(), ended)
}

func watchParent(ctx context.Context, pid int, ended func()) {
	go func() {
		// awaitEnd also returns when pid is not, or no longer, our parent.
		if awaitEnd(ctx, pid, func() bool { return os.Getppid() == pid }) {
			ended()
		}
	}()
}
