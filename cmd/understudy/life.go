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

// life is the life of a process that runs until it is told to end.
type life struct {
	context.Context
	line   *guard.Lifeline
	cancel context.CancelCauseFunc
	stop   context.CancelFunc
}

// tie begins a life that ends when the lifeline is cut, if there is one.
func tie(ctx context.Context, logger *slog.Logger) (*life, error) {
	line, err := guard.InheritLifeline()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	line.Watch(ctx, func() {
		logger.Warn("ending", "cause", errLifeline)
		cancel(errLifeline)
		// What does not end by itself, ends here: nobody is left to end it.
		time.AfterFunc(lastGrace, func() { os.Exit(exitError) })
	})
	return &life{Context: ctx, line: line, cancel: cancel, stop: func() {}}, nil
}

// begin begins a life that also ends with SIGINT or SIGTERM.
func begin(ctx context.Context, logger *slog.Logger) (*life, error) {
	l, err := tie(ctx, logger)
	if err != nil {
		return nil, err
	}
	l.Context, l.stop = signal.NotifyContext(l.Context, syscall.SIGINT, syscall.SIGTERM)
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
	return slog.New(slog.NewTextHandler(os.Stderr, inLogs(nil)))
}
