package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/infra/up"
)

const (
	// envDetached tells an `up` that it is the one in the background.
	envDetached = "UNDERSTUDY_DETACHED"
	// detachWithin bounds the wait until the one in the background is ready.
	detachWithin = 90 * time.Second
	detachPace   = 50 * time.Millisecond
)

// detachUp starts `up` once more in the background, in a session of its own,
// shows what it says and returns when it is ready.
func detachUp(cmd *cobra.Command, dir string) error {
	program, err := up.Program()
	if err != nil {
		return err
	}
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	path := filepath.Join(logs, "up.log")
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if run, err := up.Load(dir); err != nil || !run.Alive() { // it is not the log of one that runs
		flags |= os.O_TRUNC
	}
	out, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	said, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	if _, err := said.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	args := append([]string{}, os.Args[1:]...)
	background := exec.Command(program, append(args, "--detach=false")...)
	background.Env = append(os.Environ(), envDetached+"=1")
	background.Stdout, background.Stderr = out, out
	background.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := background.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	return followDetached(cmd, background, said)
}

// followDetached shows what the one in the background says, until it is ready.
func followDetached(cmd *cobra.Command, background *exec.Cmd, said *os.File) error {
	ended := make(chan error, 1)
	go func() { ended <- background.Wait() }()
	path := said.Name()
	pid := background.Process.Pid
	var heard strings.Builder
	for deadline := time.Now().Add(detachWithin); time.Now().Before(deadline); {
		_, _ = io.Copy(io.MultiWriter(cmd.OutOrStdout(), &heard), said)
		if strings.Contains(heard.String(), tryThis) {
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "It runs in the background as process %d and writes to %s. End it with: kill %[1]d\n", pid, path)
			return nil
		}
		select {
		case err := <-ended:
			_, _ = io.Copy(cmd.ErrOrStderr(), said)
			return withExit(max(exitError, exitCode(err)), fmt.Errorf("it did not start, as it says above; this is in %s too", path))
		case <-time.After(detachPace):
		}
	}
	return fmt.Errorf("not ready within %v; see %s, end it with: kill %d", detachWithin, path, pid)
}
