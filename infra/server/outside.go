package server

import (
	"context"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/outside"
)

// lookEvery is the pause between two looks at the clock from outside: for so long
// a machine that was stopped may act by a lease that is over.
const lookEvery = 10 * time.Millisecond

// watchOutside ends the lease when time has passed that this machine has not counted.
func (s *Server) watchOutside(ctx context.Context) error {
	w := outside.NewWatch(s.options.Outside, clock.Boot)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		lost, err := w.Look()
		if err != nil && !failing {
			s.options.Logger.Error("the clock from outside cannot be read", "cause", err)
		}
		failing = err != nil
		if lost > 0 {
			s.lease.Distrust()
			cause := fmt.Sprintf("this machine was stopped with its clock for %s", lost.Round(time.Millisecond))
			s.options.Logger.Warn("the clock from outside has jumped", "cause", cause)
			s.control.tell(election.Jumped{Cause: cause})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
