package up

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
)

// child is one process of the landscape, started again whenever it ends by
// itself.
type child struct {
	name string
	kind Kind
	args []string
	log  string

	program string
	line    *guard.Lifeline
	onEnd   func(c *child, how string) // from the goroutine that waits for it

	mu       sync.Mutex
	identity guard.Identity
	began    int64 // size of the log when the process was started
	running  bool
	stopped  bool          // on purpose: it is not started again
	ended    chan struct{} // closed when the present process has ended
}

// start starts the process, unless it runs already.
func (c *child) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = false
	return c.launch()
}

// startAgain does the same, unless it was stopped on purpose meanwhile.
func (c *child) startAgain() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil
	}
	return c.launch()
}

// launch needs mu.
func (c *child) launch() error {
	if c.running {
		return nil
	}
	out, err := os.OpenFile(c.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	defer func() { _ = out.Close() }()
	if st, err := out.Stat(); err == nil {
		c.began = st.Size()
	}
	cmd := exec.Command(c.program, c.args...)
	cmd.Stdout, cmd.Stderr = out, out
	// A group of its own: Ctrl-C in the terminal is for up alone, which then
	// ends its children in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.line.Pass(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.identity, _ = guard.Identify(cmd.Process.Pid)
	c.running, c.ended = true, make(chan struct{})
	go c.wait(cmd, c.ended)
	return nil
}

func (c *child) wait(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	how := "ended"
	if err != nil {
		how = err.Error()
	}
	c.mu.Lock()
	c.running = false
	purpose := c.stopped
	c.mu.Unlock()
	close(ended)
	if !purpose {
		c.onEnd(c, how)
	}
}

// process tells which process it is now, and whether it runs.
func (c *child) process() (Process, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Process{Name: c.name, Kind: c.kind, Identity: c.identity}, c.running
}

// beginStop asks the process to end and returns what to wait for; nil if it
// does not run.
func (c *child) beginStop() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if !c.running {
		return nil
	}
	_ = c.identity.Signal(syscall.SIGTERM)
	_ = c.identity.Signal(syscall.SIGCONT)
	return c.ended
}

// stop ends the process: in good order if it can, in any case soon.
func (c *child) stop() error {
	ended := c.beginStop()
	if ended == nil || await(ended, stopWithin) {
		return nil
	}
	p, _ := c.process()
	_ = p.Signal(syscall.SIGKILL)
	if await(ended, killWithin) {
		return nil
	}
	return fmt.Errorf("%s (process %d) does not end; end it by hand: %w", c.name, p.PID, domain.ErrConflict)
}

func await(done <-chan struct{}, within time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(within):
		return false
	}
}

// tailSize is how much of a log is shown when its process could not start.
const tailSize = 2 << 10

// lastWords are the last lines that the process has logged.
func (c *child) lastWords() string {
	f, err := os.Open(c.log)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	c.mu.Lock()
	from := c.began
	c.mu.Unlock()
	if st, err := f.Stat(); err == nil {
		_, _ = f.Seek(max(from, st.Size()-tailSize), io.SeekStart)
	}
	b, _ := io.ReadAll(io.LimitReader(f, tailSize))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}
