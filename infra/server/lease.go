package server

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/lease"
	"github.com/understudy-io/understudy/infra/clock"
)

// Valve is what the drivers' connections are in.
type Valve interface {
	lease.Valve
	// Kernel says whether the kernel checks the lease; else this process does alone.
	Kernel() bool
	// HeldBack counts the packets that waited in a buffer and did not leave, because
	// the lease had ended.
	HeldBack() uint64
}

// Lease is the lease by this machine's clock. The control loop moves it; whoever is
// about to write to a device asks its gate.
type Lease struct {
	*lease.Lease

	checked func() // called when a check has said yes; nil for nothing
}

func newLease(v Valve, checked func()) *Lease {
	l := &Lease{Lease: lease.New(nil), checked: checked}
	if v != nil {
		l.Lease = lease.New(v)
	}
	return l
}

// Gate is the check that stands immediately before each write to a device.
func (l *Lease) Gate(epoch uint64) domain.Gate {
	return func() error {
		if !l.Held(epoch, clock.Boot) {
			return fmt.Errorf("the lease of epoch %d is over: %w", epoch, domain.ErrFenced)
		}
		if l.checked != nil {
			l.checked()
		}
		return nil
	}
}
