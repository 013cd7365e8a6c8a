package guard

import (
	"context"
	"time"
)

// pollEvery is how often a process is looked at where the kernel does not
// report its end by itself.
const pollEvery = 50 * time.Millisecond

// pollEnd waits until still says no, and returns false if ctx ends first.
func pollEnd(ctx context.Context, still func() bool) bool {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for still() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}
