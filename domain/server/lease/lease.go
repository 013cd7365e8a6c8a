// Package lease holds the end of a server's lease where both look at it who stand
// between an action and a device: this process, and the valve.
//
//	l := lease.New(valve)
//	l.Extend(epoch, until)    // from the control loop, at each renewal
//	l.Held(epoch, clock)      // from whoever is about to write
//
// It guarantees that the valve is told of each move, and of a longer lease before
// this process heeds it: what the process lets through finds the valve open. Its
// methods may be called from any goroutine; those that move the lease from one at a
// time. On a crash the lease is gone, and so is the valve.
package lease

import (
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
)

// Valve holds the connections to devices, and knows the lease's end: so that
// nothing leaves after it, whatever this process has checked before it was frozen.
type Valve interface {
	// Extend moves the end of the lease; it may be earlier than before. Zero is none.
	Extend(until domain.Mono)
	// Shut ends a term: what is connected now is never written to any more.
	Shut()
}

// Lease is the right to act, as the moment at which it ends.
type Lease struct {
	until atomic.Int64 // domain.Mono; zero when there is none
	epoch atomic.Uint64
	valve Valve // nil for none
}

// New is no lease yet. Nil is no valve.
func New(v Valve) *Lease { return &Lease{valve: v} }

// Extend sets the end of the lease of an epoch. It may be earlier than before.
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

// Over ends the term, and with it all connections to devices that stand.
func (l *Lease) Over() {
	l.Revoke()
	if l.valve != nil {
		l.valve.Shut()
	}
}

// End is when the lease ends; zero without one.
func (l *Lease) End() domain.Mono { return domain.Mono(l.until.Load()) }

// Held says whether this server may act in the epoch, by a clock that is read last.
func (l *Lease) Held(epoch uint64, clock func() domain.Mono) bool {
	until := domain.Mono(l.until.Load())
	return l.epoch.Load() == epoch && clock() < until
}
