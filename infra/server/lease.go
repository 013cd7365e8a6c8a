package server

import (
	"fmt"
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// Lease is the right to act, as the moment at which it ends. The control loop
// moves it; whoever is about to write to a device reads it.
type Lease struct {
	until atomic.Int64 // domain.Mono; zero when there is none
	epoch atomic.Uint64
}

// Extend sets the end of the lease of an epoch. It may be earlier than before.
func (l *Lease) Extend(epoch uint64, until domain.Mono) {
	l.epoch.Store(epoch)
	l.until.Store(int64(until))
}

// Revoke takes the lease away.
func (l *Lease) Revoke() { l.until.Store(0) }

// End is when the lease ends; zero without one.
func (l *Lease) End() domain.Mono { return domain.Mono(l.until.Load()) }

// Held says whether this server may act in the epoch at this very moment.
func (l *Lease) Held(epoch uint64) bool {
	until := domain.Mono(l.until.Load())
	return l.epoch.Load() == epoch && clock.Boot() < until // the clock is read last
}

// Gate is the check that stands immediately before each write to a device.
func (l *Lease) Gate(epoch uint64) domain.Gate {
	return func() error {
		if l.Held(epoch) {
			return nil
		}
		return fmt.Errorf("the lease of epoch %d is over: %w", epoch, domain.ErrFenced)
	}
}
