package server

import (
	"context"
	"sync/atomic"
)

// callIn has a loop run f, in its turn, and waits for it. With an error f has not
// run and never will: what it shares with the caller is the caller's again.
func callIn(ctx context.Context, put func(func()), f func()) error {
	var claimed atomic.Bool // by the loop or by who cancels, whoever is first
	done := make(chan struct{})
	put(func() {
		if claimed.CompareAndSwap(false, true) {
			defer close(done)
			f()
		}
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		if claimed.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-done
		return nil
	}
}
