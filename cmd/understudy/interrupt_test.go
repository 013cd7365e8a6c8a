package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/codec"
)

// TestAnInterruptedCommandSaysSo: a signal that just ends the process loses what a long
// work has, and leaves nobody the wiser.
func TestAnInterruptedCommandSaysSo(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // brokers that never answer
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	called := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := mute.Accept()
			if err != nil {
				return
			}
			called <- c
		}
	}()
	keys := filepath.Join(t.TempDir(), "keys")
	try(t, os.WriteFile(keys, codec.Generate().MarshalKeyFile(), 0o600))
	for _, args := range [][]string{{"audit", "verify", "--cache", "none"}, {"explain", "u-1", "--cache", "none"}, {"export", "--to", t.TempDir()}, {"replay", "check"}} {
		for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
			p := launch(t, exec.Command(os.Args[0], append(args, "--kafka", mute.Addr().String(), "--landscape", "main", "--keys-file", keys)...))
			select {
			case c := <-called:
				defer func() { _ = c.Close() }()
			case <-time.After(30 * time.Second):
				t.Fatal("nobody is asked")
			}
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			p.hear(t, "understudy: interrupted")
			if code := p.exit(t); code != exitError {
				t.Errorf("%v, %v: exit %d", args, s, code)
			}
		}
	}
}

// A read from a terminal knows no context: Ctrl-C at a question must not go unheard.
func TestAnInterruptedQuestionIsNotAnswered(t *testing.T) {
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	ctx, enough := context.WithCancel(t.Context())
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetIn(in)
	time.AfterFunc(10*time.Millisecond, enough)
	if b, err := io.ReadAll(untilEnough(cmd)); !errors.Is(err, context.Canceled) {
		t.Errorf("read %q: %v", b, err)
	}
}
