package up

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
)

// leftovers are the processes of an earlier run that still live. They hold a
// lifeline and end by themselves, unless they are stopped or stuck.
func leftovers(run *Run) []Process {
	var out []Process
	for _, s := range run.Servers {
		if r, err := guard.ReadRunFile(s.RunFile); err == nil && r.Alive() {
			out = append(out, Process{Name: serverPart(s.Name), Kind: KindServer, Identity: r.Identity})
		}
	}
	for _, p := range run.Processes {
		if p.Alive() {
			out = append(out, p)
		}
	}
	return out
}

// endLeftovers ends them: politely at first, then not, so that nothing of an
// earlier run acts, holds a port or writes to the folder.
func endLeftovers(run *Run, printf func(string, ...any)) error {
	left := leftovers(run)
	if len(left) == 0 {
		return nil
	}
	for _, p := range left {
		printf("ending %s (process %d), left over from an earlier run", p.Name, p.PID)
		_ = p.Signal(syscall.SIGTERM)
		_ = p.Signal(syscall.SIGCONT) // one that was paused hears nothing else
	}
	if awaitAll(left, killWithin) {
		return nil
	}
	for _, p := range left {
		_ = p.Signal(syscall.SIGKILL)
	}
	if awaitAll(left, goneWithin) {
		return nil
	}
	var names []string
	for _, p := range left {
		if p.Alive() {
			names = append(names, fmt.Sprintf("%s (process %d)", p.Name, p.PID))
		}
	}
	return fmt.Errorf("left over from an earlier run, and they cannot be ended: %s; end them by hand: %w", strings.Join(names, ", "), domain.ErrConflict)
}

// awaitAll polls until none of them lives.
func awaitAll(processes []Process, within time.Duration) bool {
	deadline := time.Now().Add(within)
	for {
		alive := false
		for _, p := range processes {
			alive = alive || p.Alive()
		}
		if !alive {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(readyPace)
	}
}
