package server

import (
	"errors"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// The loop that revokes a lease may be late, and a process may have been stopped
// between its steps: what counts is the clock at the moment of the write.
func TestALeaseIsJudgedByTheClockAtTheMomentOfTheWrite(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(*Lease)
		holds bool
	}{
		{"none was ever given", func(*Lease) {}, false},
		{"it lives", func(l *Lease) { l.Extend(7, clock.Boot()+time.Hour) }, true},
		{"it has run out, and nobody has revoked it", func(l *Lease) { l.Extend(7, clock.Boot()-1) }, false},
		{"it was shortened", func(l *Lease) { l.Extend(7, clock.Boot()+time.Hour); l.Extend(7, clock.Boot()-1) }, false},
		{"it was revoked", func(l *Lease) { l.Extend(7, clock.Boot()+time.Hour); l.Revoke() }, false},
		{"it is of a later epoch", func(l *Lease) { l.Extend(8, clock.Boot()+time.Hour) }, false},
		{"it is of an earlier epoch", func(l *Lease) { l.Extend(6, clock.Boot()+time.Hour) }, false},
	} {
		l := newLease(nil, nil)
		gate := l.Gate(7)
		c.set(l)
		err := gate()
		if (err == nil) != c.holds || err != nil && !errors.Is(err, domain.ErrFenced) {
			t.Errorf("%s: the gate says %v", c.name, err)
		}
	}
}
