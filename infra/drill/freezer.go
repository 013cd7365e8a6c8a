package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
)

// freezer stops processes by a control group (cgroup v2), all at one moment, and
// leaves no trace of a signal in them.
type freezer struct{ dir string }

// frozenWithin bounds the wait for the kernel to have stopped them.
const frozenWithin = 5 * time.Second

// FreezeBy has Pause stop a server and its guard together by the freezer of a
// control group that is made below this folder, where cgroup v2 is mounted.
func (l *Local) FreezeBy(folder string) error {
	dir := filepath.Join(folder, "understudy-drill-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make a control group; name a folder of cgroup v2, as root: %w: %w", domain.ErrInvalid, err)
	}
	l.freezer = &freezer{dir}
	if _, err := os.Stat(l.freezer.file("freeze")); err != nil {
		return errors.Join(fmt.Errorf("%s has no freezer; name a folder of cgroup v2: %w", folder, domain.ErrInvalid), l.Thaw())
	}
	return nil
}

// Thaw ends the control group.
func (l *Local) Thaw() error {
	if l.freezer == nil {
		return nil
	}
	f := l.freezer
	l.freezer = nil
	return errors.Join(f.thaw(), os.Remove(f.dir))
}

func (f *freezer) file(name string) string { return filepath.Join(f.dir, "cgroup."+name) }

// freeze stops the processes, and waits until they are.
func (f *freezer) freeze(processes ...guard.Identity) error {
	for _, p := range processes {
		if err := os.WriteFile(f.file("procs"), []byte(strconv.Itoa(p.PID)), 0); err != nil {
			return fmt.Errorf("put process %d into the control group: %w", p.PID, err)
		}
	}
	if err := os.WriteFile(f.file("freeze"), []byte("1"), 0); err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), frozenWithin)
	defer cancel()
	for {
		b, err := os.ReadFile(f.file("events"))
		if err != nil || strings.Contains(string(b), "frozen 1") {
			return err
		}
		if sleep(ctx, time.Millisecond) != nil {
			return fmt.Errorf("the kernel did not freeze them within %s: %w", frozenWithin, domain.ErrConflict)
		}
	}
}

// thaw lets the processes go on, and back to the group above: the next ones are
// frozen without them.
func (f *freezer) thaw() error {
	err := os.WriteFile(f.file("freeze"), []byte("0"), 0)
	b, err2 := os.ReadFile(f.file("procs"))
	for _, pid := range strings.Fields(string(b)) {
		_ = os.WriteFile(filepath.Join(filepath.Dir(f.dir), "cgroup.procs"), []byte(pid), 0) // it may have ended
	}
	return errors.Join(err, err2)
}
