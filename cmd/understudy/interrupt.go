package main

import (
	"context"
	"errors"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// errInterrupted is all there is to say of most that Ctrl-C ends.
var errInterrupted = errors.New("interrupted")

// resumableError says itself what an interruption leaves, and how to go on.
type resumableError struct{ error }

func (r resumableError) Unwrap() error { return r.error }

// untilInterrupted has the first SIGINT or SIGTERM end the context of each command, so
// that it keeps what it has and says how to go on; a second one ends the process.
// Servers and what runs like one are no part of it: each has an order to end in (life).
func untilInterrupted(cmd *cobra.Command) {
	if inner := cmd.RunE; inner != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop)
			cmd.SetContext(ctx)
			return interruption(ctx, inner(cmd, args))
		}
	}
	for _, c := range cmd.Commands() {
		untilInterrupted(c)
	}
}

// interruption is an error without the guesses at what is wrong where nothing is: somebody
// has had enough.
func interruption(ctx context.Context, err error) error {
	if _, says := errors.AsType[resumableError](err); says || ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return errInterrupted
}

// untilEnough is the standard input of a command that an interruption ends as well: a read
// from a terminal knows no context.
func untilEnough(cmd *cobra.Command) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(cmd.Context(), func() { _ = w.CloseWithError(cmd.Context().Err()) })
	go func() {
		_, err := io.Copy(w, cmd.InOrStdin())
		_ = w.CloseWithError(err)
	}()
	return r
}
