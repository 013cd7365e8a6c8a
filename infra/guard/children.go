package guard

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
)

// children tells the guard's own server from the orphans that PID 1 inherits.
type children struct {
	mu  sync.Mutex
	own int
}

// start starts cmd. The lock keeps reap away until the new process is known.
func (c *children) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	c.own = cmd.Process.Pid
	return nil
}

// reap collects the orphans that end, and leaves the server to whoever waits
// for it, until ctx ends.
func (c *children) reap(ctx context.Context) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for {
		c.collect()
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
	}
}

func (c *children) collect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pid := range zombies(os.Getpid()) {
		if pid != c.own {
			var status syscall.WaitStatus
			_, _ = syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		}
	}
}
