package up

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/infra/guard"
)

const (
	faultName  = "fault.json"
	faultEvery = time.Second // from one look for a fault that was left to the next
)

// FaultPointFlag has a server take SIGUSR2 for a drill's wish: to stop itself
// between its next check of the lease and the write to the device.
const FaultPointFlag = "fault-point"

// Fault is what a drill does to a server that must be undone: it stops its
// process, or cuts it off from the log. It is noted in the folder before it is
// done, so that the running `up` can undo it if the drill is ended by force.
type Fault struct {
	Server  string         `json:"server"`
	Process guard.Identity `json:"process"` // of the server
	Drill   guard.Identity `json:"drill"`
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
		u.undo(f)
	}
}

func (u *Up) undo(f Fault) {
	u.opts.Printf("a drill was ended in the middle; server %s goes on, and reaches the log", f.Server)
	_ = f.Process.Signal(syscall.SIGCONT) // one that has ended is started again by its guard
	for _, r := range u.relays[f.Server] {
		r.Heal()
	}
	if err := ForgetFault(u.folder.path); err != nil {
		u.opts.Logger.Error("cannot forget the fault of a drill", "server", f.Server, "cause", err)
	}
}
