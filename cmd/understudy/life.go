package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/infra/guard"
)

// lastGrace is how long a process may take to end in good order once whatever
// it belonged to has gone.
const lastGrace = 3 * time.Second

var errLifeline = errors.New("the process that started this one has ended")

// life is the life of a process that runs until it is told to end: by SIGINT or
// SIGTERM, or because its lifeline was cut.
type life struct {
	context.Context
	line   *guard.Lifeline
	cancel context.CancelCauseFunc
	stop   context.CancelFunc
}

func begin(ctx context.Context, logger *slog.Logger) (*life, error) {
	line, err := guard.InheritLifeline()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	l := &life{line: line, cancel: cancel}
	l.Context, l.stop = signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	line.Watch(ctx, func() {
		logger.Warn("ending", "cause", errLifeline)
		cancel(errLifeline)
		// What does not end by itself, ends here: nobody is left to end it.
		time.AfterFunc(lastGrace, func() { os.Exit(exitError) })
	})
	return l, nil
}

// end gives the signals back. A second SIGINT then ends the process at once.
func (l *life) end() {
	l.stop()
	l.cancel(nil)
}

// processLogger is the logger of the small processes; the server has its own
// settings.
func processLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
