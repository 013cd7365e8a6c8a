package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
)

// stopWithin is how long a process may take to end in good order.
const stopWithin = 10 * time.Second

// process is a child of this one: it ends with it, however it ends.
type process struct {
	name  string
	log   string
	pid   int
	ended chan struct{} // closed when it has
}

// spawn starts this program once more with other arguments.
func (l *landscape) spawn(name string, args ...string) (*process, error) {
	p := &process{name: name, log: l.file(name + ".log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(l.program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this process, which ends the others in order
	l.line.Pass(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// alive says why it is not, with its last words.
func (p *process) alive() error {
	if !p.gone() {
		return nil
	}
	b, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return fmt.Errorf("%s has ended; its last words in %s:\n  %s: %w",
		p.name, p.log, strings.Join(lines[max(0, len(lines)-3):], "\n  "), domain.ErrTransient)
}

// stop ends it: in good order if it can, in any case soon.
func (p *process) stop() error {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if p.gone() {
			return nil
		}
		if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end %s (process %d): %w", p.name, p.pid, err)
		}
		select {
		case <-p.ended:
			return nil
		case <-time.After(stopWithin):
		}
	}
	return fmt.Errorf("%s (process %d) does not end; end it by hand: %w", p.name, p.pid, domain.ErrConflict)
}

// serverProcess is the server proper of a guard.
func serverProcess(s *node) (guard.Running, error) {
	running, err := guard.ReadRunFile(s.runFile)
	if err != nil {
		return running, fmt.Errorf("find the process of server %s: %w", s.name, err)
	}
	return running, nil
}
