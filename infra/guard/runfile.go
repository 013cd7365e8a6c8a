package guard

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/understudy-io/understudy/domain"
)

// RunFileName is the name of a RunFile in a server's data folder.
const RunFileName = "running.json"

// Running is what a guard's RunFile tells: which server runs, and which guard
// watches it. A copy of the file tells nothing: it lies in another folder.
type Running struct {
	Identity
	Incarnation string   `json:"incarnation"`
	Guard       Identity `json:"guard"`
	Folder      string   `json:"folder,omitempty"` // device and inode; empty by a guard of 0.1.0
}

// folderOf names the folder of a file for as long as that exists, by whatever path.
func folderOf(path string) string {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// ReadRunFile reads what a guard has written. The server that it names may have
// ended since: ask Alive.
func ReadRunFile(path string) (Running, error) {
	var run Running
	b, err := os.ReadFile(path)
	if err != nil {
		return run, err
	}
	if err := json.Unmarshal(b, &run); err != nil {
		return run, fmt.Errorf("read %s: %w", path, err)
	}
	return run, nil
}

// remember writes the RunFile. A failure only means that a new guard would not
// take this server on, or that one taken on does not hear of it.
func (r *runner) remember(pid int, incarnation string) {
	if r.opts.RunFile == "" {
		return
	}
	if err := writeRunFile(r.opts.RunFile, pid, incarnation); err != nil {
		r.opts.Logger.Warn("run file cannot be written; a new guard would not find this server", "cause", err)
	}
}

func writeRunFile(path string, pid int, incarnation string) error {
	id, err := Identify(pid)
	if err != nil {
		return err
	}
	self, err := Identify(os.Getpid())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	b, err := json.Marshal(Running{Identity: id, Incarnation: incarnation, Guard: self, Folder: folderOf(path)})
	if err != nil {
		return err
	}
	next := path + ".next"
	if err := os.WriteFile(next, b, 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// here is the server that runs from this data folder, if one does.
func here(runFile string) (run Running, ok bool) {
	if runFile == "" {
		return run, false
	}
	run, err := ReadRunFile(runFile)
	ok = err == nil && run.Alive() && (run.Folder == "" || run.Folder == folderOf(runFile))
	return run, ok
}

// inUse says that the server of this data folder runs, and has its guard.
func inUse(runFile string) error {
	run, ok := here(runFile)
	if !ok || !run.Guard.Alive() || run.Guard.PID == os.Getpid() {
		return nil
	}
	return fmt.Errorf("%s is in use: its server runs as process %d, and its guard as %d: end that one first (kill %[3]d), or give this server a data folder and a server.name of its own: %w",
		filepath.Dir(runFile), run.PID, run.Guard.PID, domain.ErrConflict)
}

// takeOn continues the watch over a server whose guard has ended. Its end is
// still reported by the kernel; only its exit status is not.
func (r *runner) takeOn() bool {
	run, ok := here(r.opts.RunFile)
	if !ok {
		return false
	}
	process, err := os.FindProcess(run.PID)
	if err != nil {
		return false
	}
	r.server = process
	r.remember(run.PID, run.Incarnation) // it reads there that it has a guard again
	r.opts.Logger.Warn("server taken on from a guard that ended", "pid", run.PID, "incarnation", run.Incarnation)
	r.watchEnding(run.PID, run.Incarnation)
	r.wg.Go(func() {
		if awaitEnd(r.ctx, run.PID, run.Alive) {
			r.tell(Exited{Exit: Exit{Status: -1, Text: "ended"}})
		}
	})
	r.step(Started{Incarnation: run.Incarnation})
	return true
}
