package server

import (
	"fmt"
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// Valve holds the connections to devices, and knows the lease's end: so that
// nothing leaves after it, whatever this process has checked before it was frozen.
type Valve interface {
	// Extend moves the end of the lease; it may be earlier than before. Zero is none.
	Extend(until domain.Mono)
	// Shut ends a term: what is connected now is never written to any more.
	Shut()
	// Kernel says whether the kernel checks the lease; else this process does alone.
	Kernel() bool
}

// Lease is the right to act, as the moment at which it ends. The control loop
// moves it; whoever is about to write to a device reads it.
type Lease struct {
	until atomic.Int64 // domain.Mono; zero when there is none
	epoch atomic.Uint64
	valve Valve // nil for none

	checked func() // called when a check has said yes; nil for nothing
}

// Extend sets the end of the lease of an epoch. It may be earlier than before. The
// valve has it first: what this process lets through must find it open.
func (l *Lease) Extend(epoch uint64, until domain.Mono) {
	if l.valve != nil {
		l.valve.Extend(until)
	}
	l.epoch.Store(epoch)
	l.until.Store(int64(until))
}

// Revoke takes the lease away.
func (l *Lease) Revoke() {
	l.until.Store(0)
	if l.valve != nil {
		l.valve.Extend(0)
	}
}

// Over ends the term: it has no lease any more.
func (l *Lease) Over() {
	l.Revoke()
	if l.valve != nil {
		l.valve.Shut()
	}
}

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
			if l.checked != nil {
				l.checked()
			}
			return nil
		}
		return fmt.Errorf("the lease of epoch %d is over: %w", epoch, domain.ErrFenced)
	}
}
