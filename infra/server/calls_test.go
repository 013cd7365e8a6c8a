package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/control"
)

// each runs a test with the way in which each of the two loops is called. The loop
// does not run by itself: serve is its turn.
func each(t *testing.T, test func(t *testing.T, call func(context.Context, func()) error, serve func())) {
	t.Helper()
	t.Run("core", func(t *testing.T) {
		c := &coreLoop{calls: newMailbox[func()]()}
		test(t, c.call, func() {
			for _, f := range c.calls.take() {
				f()
			}
		})
	})
	t.Run("control", func(t *testing.T) {
		c := &controlLoop{asks: newMailbox[func(*election.Server)]()}
		call := func(ctx context.Context, f func()) error { return c.ask(ctx, func(*election.Server) { f() }) }
		test(t, call, func() {
			for _, f := range c.asks.take() {
				f(nil)
			}
		})
	})
}

// What it would write to is the caller's again, and what it would add is dropped by
// nobody.
func TestACallThatWasCancelledBeforeItsTurnNeverRuns(t *testing.T) {
	each(t, func(t *testing.T, call func(context.Context, func()) error, serve func()) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ran := false
		if err := call(ctx, func() { ran = true }); !errors.Is(err, context.Canceled) {
			t.Errorf("it says %v", err)
		}
		if serve(); ran {
			t.Error("it runs later")
		}
	})
}

// Nobody will take its turn any more, so it waits for no timeout either.
func TestACallOfALoopThatHasEndedNeverRuns(t *testing.T) {
	over := make(chan struct{})
	close(over)
	err := callIn(t.Context(), over, func(func()) {}, func() { t.Error("it runs") })
	if !errors.Is(err, errEnded) {
		t.Errorf("it says %v", err)
	}
}

// The server of which a landscape is dissolved ends by that itself: what it saw last is
// the answer, and one that it never saw is awaited no longer.
func TestWhatAServerSawLastStandsWhenItHasEnded(t *testing.T) {
	c := &controlLoop{asks: newMailbox[func(*election.Server)](), over: make(chan struct{}), machine: control.New(control.Config{}, nil)}
	close(c.over)
	change := func() <-chan struct{} { return nil }
	for _, stands := range []bool{true, false} {
		if c.until(t.Context(), change, func(*election.Server) bool { return stands }) != stands {
			t.Errorf("what was seen last is %v, and until says otherwise", stands)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.over = nil // it runs, and does not answer
	if c.until(ctx, change, func(*election.Server) bool { return true }) {
		t.Error("it says that something holds without having looked")
	}
}

func TestACallThatIsCancelledWhileItRunsIsWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, call func(context.Context, func()) error, serve func()) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := false
			said := make(chan error, 1)
			go func() {
				said <- call(ctx, func() {
					cancel()
					synctest.Wait() // the caller has seen it, and waits
					if len(said) > 0 {
						t.Error("the caller went on while it ran")
					}
					ended = true
				})
			}()
			synctest.Wait()
			serve()
			if err := <-said; err != nil || !ended {
				t.Errorf("it ended %v, and says %v", ended, err)
			}
		})
	})
}
