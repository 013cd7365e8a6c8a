// Package lease holds the end of a server's lease where both look at it who stand
// between an action and a device: this process, and the valve.
//
//	l := lease.New(valve)
//	l.Extend(epoch, until)    // from the control loop, at each renewal
//	l.Held(epoch, clock)      // from whoever is about to write
//
// It guarantees that the valve is told of each move, and of a longer lease before
// this process heeds it: what the process lets through finds the valve open. Its
// methods may be called from any goroutine. On a crash the lease is gone, and so is the valve.
package lease

import (
	"sync"
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

	moving sync.Mutex // held while the lease is moved
	doubt  bool       // under moving: see Distrust
}

// New is no lease yet. Nil is no valve.
func New(v Valve) *Lease { return &Lease{valve: v} }

// Extend sets the end of the lease of an epoch. It may be earlier than before.
func (l *Lease) Extend(epoch uint64, until domain.Mono) {
	l.moving.Lock()
	defer l.moving.Unlock()
	if l.doubt {
		return
	}
	if l.valve != nil {
		l.valve.Extend(until)
	}
	l.epoch.Store(epoch)
	l.until.Store(int64(until))
}

// Revoke takes the lease away.
func (l *Lease) Revoke() {
	l.moving.Lock()
	defer l.moving.Unlock()
	l.revoke()
}

func (l *Lease) revoke() {
	l.until.Store(0)
	if l.valve != nil {
		l.valve.Extend(0)
	}
}

// Over ends the term, and with it all connections to devices that stand.
func (l *Lease) Over() {
	l.moving.Lock()
	defer l.moving.Unlock()
	l.revoke()
	if l.valve != nil {
		l.valve.Shut()
	}
}

// Distrust takes the lease away, from any goroutine, and lets nobody extend it until
// Trust: who knows when it ends has still to be told that the clock was wrong.
func (l *Lease) Distrust() {
	l.moving.Lock()
	defer l.moving.Unlock()
	l.doubt = true
	l.revoke()
}

// Trust ends that. It gives no lease back.
func (l *Lease) Trust() {
	l.moving.Lock()
	defer l.moving.Unlock()
	l.doubt = false
}

// End is when the lease ends; zero without one.
func (l *Lease) End() domain.Mono { return domain.Mono(l.until.Load()) }

// Held says whether this server may act in the epoch, by a clock that is read last.
func (l *Lease) Held(epoch uint64, clock func() domain.Mono) bool {
	until := domain.Mono(l.until.Load())
	return l.epoch.Load() == epoch && clock() < until
}
