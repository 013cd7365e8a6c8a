package up

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/infra/guard"
)

const (
	faultName    = "fault.json"
	faultEvery   = time.Second      // from one look for a fault that was left to the next
	policyWithin = 10 * time.Second // to restore a policy
)

// FaultPointFlag has a server take SIGUSR2 for a drill's wish: to stop itself
// between its next check of the lease and the write to the device.
const FaultPointFlag = "fault-point"

// Fault is what a drill does that must be undone: it stops a server's process,
// cuts it off from the log, or sets another policy. It is noted in the folder before it is
// done, so that the running `up` can undo it if the drill is ended by force.
type Fault struct {
	Server  string         `json:"server"`
	Process guard.Identity `json:"process"` // of the server
	Drill   guard.Identity `json:"drill"`
	// Policy are the changes that bring back the policy that was; then there is no server.
	Policy []httpapi.PolicyChange `json:"policy,omitempty"`
}

// NoteFault notes a fault in a landscape's folder; there is one at a time.
func NoteFault(dir string, f Fault) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, faultName), append(b, '\n'), 0o644)
}

// ForgetFault removes the note: the fault was undone.
func ForgetFault(dir string) error {
	err := os.Remove(filepath.Join(dir, faultName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// watchFaults undoes what drills leave behind, until the landscape ends.
func (u *Up) watchFaults() {
	tick := time.NewTicker(faultEvery)
	defer tick.Stop()
	for {
		select {
		case <-u.done:
			return
		case <-tick.C:
		}
		var f Fault
		b, err := os.ReadFile(u.folder.file(faultName))
		if err != nil || json.Unmarshal(b, &f) != nil || f.Drill.Alive() {
			continue
		}
		if len(f.Policy) > 0 {
			u.restorePolicy(f)
		} else {
			u.undo(f)
		}
	}
}

// restorePolicy brings back the policy that a drill has replaced; where nobody takes
// it, the next look tries again.
func (u *Up) restorePolicy(f Fault) {
	ctx, cancel := context.WithTimeout(context.Background(), policyWithin)
	defer cancel()
	client := httpapi.NewClient(u.addresses(), u.token)
	defer client.Close()
	for _, change := range f.Policy {
		if _, err := client.SetPolicy(ctx, change); err != nil {
			u.opts.Logger.Warn("cannot restore the policy that was before a drill", "cause", err)
			return
		}
	}
	u.opts.Printf("a drill was ended in the middle; the policy is again what it was before")
	u.forgetFault()
}

func (u *Up) undo(f Fault) {
	u.opts.Printf("a drill was ended in the middle; server %s goes on, and reaches the log", f.Server)
	_ = f.Process.Signal(syscall.SIGCONT) // one that has ended is started again by its guard
	for _, r := range u.relays[f.Server] {
		r.Heal()
	}
	u.forgetFault()
}

func (u *Up) forgetFault() {
	if err := ForgetFault(u.folder.path); err != nil {
		u.opts.Logger.Error("cannot forget the fault of a drill", "cause", err)
	}
}
