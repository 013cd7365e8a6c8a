package guard

import (
	"context"
	"os"
	"strconv"
	"time"
)

// newGuardEvery is how often a server that has lost its guard looks whether a new
// one has taken it on.
const newGuardEvery = 250 * time.Millisecond

// Watch tells, from a goroutine of its own that ends with ctx, when the guard of
// this process has ended (false), and when another one has taken the process on,
// as its RunFile says (true). It returns false, and does nothing, for a process
// that no guard has started.
func Watch(ctx context.Context, runFile string, guarded func(bool)) bool {
	pid, err := strconv.Atoi(os.Getenv(EnvGuard))
	if err != nil || pid <= 0 {
		return false
	}
	go func() {
		if !parentEnds(ctx, pid) {
			return
		}
		for {
			guarded(false)
			next, ok := awaitGuard(ctx, runFile)
			if !ok {
				return
			}
			guarded(true)
			if !awaitEnd(ctx, next.PID, next.Alive) {
				return
			}
		}
	}()
	return true
}

// awaitGuard waits until a guard that lives says that it watches this process,
// and returns false if ctx ends first.
func awaitGuard(ctx context.Context, runFile string) (Identity, bool) {
	ticker := time.NewTicker(newGuardEvery)
	defer ticker.Stop()
	for {
		run, err := ReadRunFile(runFile)
		if err == nil && run.PID == os.Getpid() && run.Guard.Alive() {
			return run.Guard, true
		}
		select {
		case <-ctx.Done():
			return Identity{}, false
		case <-ticker.C:
		}
	}
}

// WatchParent calls ended once, from a goroutine of its own that ends with ctx,
// when the process that started this one has ended, whatever that is.
func WatchParent(ctx context.Context, ended func()) {
	pid := os.Getppid()
	go func() {
		if parentEnds(ctx, pid) {
			ended()
		}
	}()
}

// parentEnds waits until pid is not, or no longer, our parent; it returns false
// if ctx ends first.
func parentEnds(ctx context.Context, pid int) bool {
	return awaitEnd(ctx, pid, func() bool { return os.Getppid() == pid })
}
