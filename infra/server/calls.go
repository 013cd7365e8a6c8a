package server

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
)

// errEnded is what a call gets when the loop that it is for has ended.
var errEnded = fmt.Errorf("this server has ended: %w", domain.ErrTransient)

// callIn has a loop run f, in its turn, and waits for it, for as long as the loop is
// not over. With an error f has not run and never will: what it shares with the caller
// is the caller's again.
func callIn(ctx context.Context, over <-chan struct{}, put func(func()), f func()) error {
	var claimed atomic.Bool // by the loop or by who cancels, whoever is first
	done := make(chan struct{})
	put(func() {
		if claimed.CompareAndSwap(false, true) {
			defer close(done)
			f()
		}
	})
	var why error
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		why = ctx.Err()
	case <-over:
		why = errEnded
	}
	if claimed.CompareAndSwap(false, true) {
		return why
	}
	<-done
	return nil
}
