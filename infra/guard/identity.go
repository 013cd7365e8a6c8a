package guard

import (
	"fmt"
	"syscall"

	"github.com/understudy-io/understudy/domain"
)

// Identity names one process for ever: a process id alone is given to another
// process some day, a process id with its start is not.
type Identity struct {
	PID     int    `json:"pid"`
	Started string `json:"started"` // opaque: boot and time of the start
}

// Identify names the process that has this id now.
func Identify(pid int) (Identity, error) {
	started, err := startOf(pid)
	if err != nil {
		return Identity{}, fmt.Errorf("process %d: %w: %w", pid, domain.ErrNotFound, err)
	}
	return Identity{PID: pid, Started: started}, nil
}

// Alive tells whether exactly this process still runs. One that has ended but
// is not collected yet does not.
func (i Identity) Alive() bool {
	if i.PID <= 0 || i.Started == "" {
		return false
	}
	started, err := startOf(i.PID)
	return err == nil && started == i.Started
}

// Stopped tells whether exactly this process lives and does not run: a signal
// (SIGSTOP) holds it until another one (SIGCONT) lets it go on.
func (i Identity) Stopped() bool { return i.Alive() && isStopped(i.PID) }

// Signal sends a signal to exactly this process; domain.ErrNotFound if it ended.
func (i Identity) Signal(s syscall.Signal) error {
	if !i.Alive() {
		return fmt.Errorf("process %d has ended: %w", i.PID, domain.ErrNotFound)
	}
	if err := syscall.Kill(i.PID, s); err != nil {
		return fmt.Errorf("send %v to process %d: %w", s, i.PID, err)
	}
	return nil
}
