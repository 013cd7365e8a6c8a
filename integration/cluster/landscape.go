package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

// The ports of a landscape: a base in steps, below those that the system gives
// to outgoing connections, so that a landscape that starts again finds its own
// ports free.
const (
	firstBase = 10_000
	lastBase  = 17_000
	baseStep  = 50
	baseTries = 20
)

// Bounds of the life of a landscape.
const (
	readyWithin = 60 * time.Second
	endWithin   = 30 * time.Second
	pace        = 10 * time.Millisecond // of every poll here
)

// Landscape is one that `understudy up` runs.
type Landscape struct {
	Program string
	Dir     string // its folder
	Run     up.Run // as up.json told when it became ready
	base    int
	more    []string // arguments of up
	up      *exec.Cmd
	ended   chan error
}

// Build compiles the program as it stands in this tree. Call it from within a
// test: then `go test` sees which sources were looked at, and does not take a
// result from its cache that an older program has given.
func Build(ctx context.Context, dir string) (string, error) {
	if err := lookAtSources(); err != nil {
		return "", err
	}
	return Compile(ctx, dir)
}

// Compile is Build for a caller that is no test.
func Compile(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "understudy")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/understudy-io/understudy/cmd/understudy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build understudy: %w\n%s", err, out)
	}
	return program, nil
}

// lookAtSources opens every file that the program is made of.
func lookAtSources() error {
	top := filepath.Join("..", "..")
	for _, layer := range []string{"cmd", "infra", "adapters", "projections", "domain"} {
		err := filepath.WalkDir(filepath.Join(top, layer), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if err != nil {
			return fmt.Errorf("look at the sources, two folders above the test: %w", err)
		}
	}
	return nil
}

// Start starts a landscape in a folder, on ports that are free.
func Start(ctx context.Context, program, dir string, more ...string) (*Landscape, error) {
	l := &Landscape{Program: program, Dir: dir, more: more}
	for try := 1; ; try++ {
		l.base = firstBase + baseStep*rand.IntN((lastBase-firstBase)/baseStep)
		err := l.Again(ctx)
		var not *notReadyError
		if err == nil || try == baseTries || !errors.As(err, &not) || !strings.Contains(not.said, "is in use") {
			return l, err
		}
	}
}

// notReadyError is an up that ended, or was ended, before it was ready.
type notReadyError struct {
	err  error
	said string
}

func (e *notReadyError) Error() string {
	return fmt.Sprintf("up is not ready: %v; it said:\n%s", e.err, e.said)
}
func (e *notReadyError) Unwrap() error { return e.err }

// Again starts up in the same folder, on the same ports, once it has ended.
func (l *Landscape) Again(ctx context.Context) error {
	said := l.Dir + ".said"
	out, err := os.OpenFile(said, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	args := append([]string{"up", "--dir", l.Dir, "--port-base", fmt.Sprint(l.base)}, l.more...)
	l.up = exec.Command(l.Program, args...)
	l.up.Stdout, l.up.Stderr = out, out
	// A group of its own: Ctrl-C in the terminal is for the caller alone, who then
	// ends it in order. With the caller's own end it ends by itself.
	l.up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := l.up.Start(); err != nil {
		return err
	}
	l.ended = make(chan error, 1)
	go func() { l.ended <- l.up.Wait() }()
	if err := l.awaitReady(ctx); err != nil {
		_ = l.up.Process.Kill()
		l.ended <- <-l.ended // that of the process, not of the wait
		text, _ := os.ReadFile(said)
		return &notReadyError{err: err, said: string(text)}
	}
	return nil
}

func (l *Landscape) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		run, err := up.Load(l.Dir)
		if err == nil && run.Ready && run.Up.PID == l.up.Process.Pid {
			l.Run = run
			return nil
		}
		select {
		case err := <-l.ended:
			l.ended <- err
			return fmt.Errorf("it ended: %w", errors.Join(err, ctx.Err()))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pace):
		}
	}
}

// Stop ends it in good order.
func (l *Landscape) Stop() error {
	_ = l.up.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-l.ended:
		l.ended <- err
		return err
	case <-time.After(endWithin):
		return errors.Join(l.up.Process.Kill(), fmt.Errorf("up did not end within %v and was killed", endWithin))
	}
}

// KillUp ends up with kill -9, and returns when it is gone.
func (l *Landscape) KillUp() {
	_ = l.up.Process.Kill()
	err := <-l.ended
	l.ended <- err
}

// Process is a process of the landscape, by its name: broker, videohub-1,
// gate-1, guard-A, or server-A for the server proper.
func (l *Landscape) Process(name string) (guard.Identity, error) {
	if server, ok := strings.CutPrefix(name, "server-"); ok {
		s, ok := l.Run.Server(server)
		if !ok {
			return guard.Identity{}, fmt.Errorf("no server %q", server)
		}
		running, err := guard.ReadRunFile(s.RunFile)
		return running.Identity, err
	}
	run, err := up.Load(l.Dir)
	if err != nil {
		return guard.Identity{}, err
	}
	for _, p := range run.Processes {
		if p.Name == name {
			return p.Identity, nil
		}
	}
	return guard.Identity{}, fmt.Errorf("no process %q", name)
}

// Log is what the processes of the landscape have logged, for a test that failed.
func (l *Landscape) Log(lines int) string {
	var b strings.Builder
	paths, _ := filepath.Glob(filepath.Join(l.Dir, "logs", "*.log"))
	for _, path := range append(paths, l.Dir+".said") {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		all := strings.Split(strings.TrimSpace(string(text)), "\n")
		fmt.Fprintf(&b, "== %s\n%s\n", filepath.Base(path), strings.Join(all[max(0, len(all)-lines):], "\n"))
	}
	return b.String()
}
