//go:build integration

package kafka_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/infra/up"
)

const (
	portBase    = 28500
	readyWithin = 90 * time.Second
	endWithin   = 30 * time.Second
)

// landscape is one that `understudy up` runs on the brokers under test, as a
// process of its own like everything that it is asked by.
type landscape struct {
	program string
	name    string
	dir     string
}

// build compiles the program as it stands in this tree.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "understudy")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/understudy").CombinedOutput()
	if err != nil {
		t.Fatalf("build understudy: %v\n%s", err, out)
	}
	return program
}

// startLandscape creates the topics by the command line, and starts `up` on
// them. It is ended with the test.
func startLandscape(t *testing.T, c *brokers) *landscape {
	t.Helper()
	l := &landscape{program: build(t), name: c.landscape(t), dir: t.TempDir()}
	where := []string{"--kafka", strings.Join(c.plain, ","), "--landscape", l.name}
	l.run(t, append([]string{"topics", "create"}, where...)...)
	l.run(t, append([]string{"topics", "check"}, where...)...)

	said := filepath.Join(l.dir, "up.log")
	out, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(l.program, append([]string{"up", "--dir", l.dir, "--port-base", fmt.Sprint(portBase)}, where...)...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		l.end(t, cmd, ended)
		if t.Failed() {
			l.keep(t)
		}
	})
	for deadline := time.Now().Add(readyWithin); ; {
		if run, err := up.Load(l.dir); err == nil && run.Ready {
			return l
		}
		select {
		case err := <-ended:
			ended <- err
			text, _ := os.ReadFile(said)
			t.Fatalf("up ended before it was ready (%v); it said:\n%s", err, text)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(said)
			t.Fatalf("not ready within %v; it said:\n%s", readyWithin, text)
		}
	}
}

// end tells up to end, and sees that it does in good order.
func (l *landscape) end(t *testing.T, cmd *exec.Cmd, ended chan error) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("up did not end in good order: %v", err)
		}
	case <-time.After(endWithin):
		_ = cmd.Process.Kill()
		t.Errorf("up did not end within %v and was killed", endWithin)
	}
}

// keep shows where to look after a failure: what was printed and logged.
func (l *landscape) keep(t *testing.T) {
	kept, err := os.MkdirTemp("", "understudy-kafka-failed-")
	if err == nil {
		err = os.CopyFS(kept, os.DirFS(l.dir))
	}
	t.Logf("the landscape's folder, with the logs of its processes, is kept in %s (%v)", kept, err)
}

// run runs a command that must succeed.
func (l *landscape) run(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := l.try(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try runs a command and gives what it printed, also if it failed.
func (l *landscape) try(ctx context.Context, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("understudy %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out, nil
}

// ask runs a command on the landscape that must succeed, and reads its JSON.
func ask[T any](t *testing.T, l *landscape, args ...string) T {
	t.Helper()
	out, err := l.try(t.Context(), append(args, "--dir", l.dir, "-o", "json")...)
	var answer T
	if err = errors.Join(err, json.Unmarshal(out, &answer)); err != nil {
		t.Fatal(err)
	}
	return answer
}
