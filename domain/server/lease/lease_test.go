package lease_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/lease"
)

func TestALeaseIsHeldInItsEpochUntilItsEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(*lease.Lease)
		holds bool
	}{
		{"none was ever given", func(*lease.Lease) {}, false},
		{"it lives", func(l *lease.Lease) { l.Extend(7, time.Hour) }, true},
		{"it has run out, and nobody has revoked it", func(l *lease.Lease) { l.Extend(7, time.Minute) }, false},
		{"it was shortened", func(l *lease.Lease) { l.Extend(7, time.Hour); l.Extend(7, time.Minute) }, false},
		{"it was revoked", func(l *lease.Lease) { l.Extend(7, time.Hour); l.Revoke() }, false},
		{"its term is over", func(l *lease.Lease) { l.Extend(7, time.Hour); l.Over() }, false},
		{"it is of a later epoch", func(l *lease.Lease) { l.Extend(8, time.Hour) }, false},
		{"it is of an earlier epoch", func(l *lease.Lease) { l.Extend(6, time.Hour) }, false},
	} {
		l := lease.New(nil)
		c.set(l)
		if held := l.Held(7, func() domain.Mono { return time.Minute }); held != c.holds {
			t.Errorf("%s: held is %t", c.name, held)
		}
	}
}

func TestALeaseThatIsDistrustedIsNotExtended(t *testing.T) {
	clock := func() domain.Mono { return time.Minute }
	l := lease.New(nil)
	l.Extend(7, time.Hour)
	l.Distrust()
	l.Extend(7, time.Hour) // by a clock that was stopped
	if l.Held(7, clock) {
		t.Error("it is held")
	}
	l.Trust()
	if l.Held(7, clock) {
		t.Error("it came back by itself")
	}
	l.Extend(7, time.Hour)
	if !l.Held(7, clock) {
		t.Error("a new one is not held")
	}
}

// recorded is a valve that writes down what it is told, and whether the lease was
// heeded by the process then.
type recorded struct {
	l    *lease.Lease
	told []string
}

func (r *recorded) note(what string) {
	r.told = append(r.told, fmt.Sprintf("%s, held to %s", what, r.l.End()))
}
func (r *recorded) Extend(until domain.Mono) { r.note(until.String()) }
func (r *recorded) Shut()                    { r.note("shut") }

func TestTheValveIsToldOfEachMoveAndOfALongerLeaseFirst(t *testing.T) {
	var v recorded
	v.l = lease.New(&v)
	v.l.Extend(7, 2*time.Second)
	v.l.Extend(7, 3*time.Second)
	v.l.Extend(7, time.Second)
	v.l.Revoke()
	v.l.Extend(7, 4*time.Second)
	v.l.Over()
	want := []string{
		"2s, held to 0s", "3s, held to 2s", "1s, held to 3s", "0s, held to 0s",
		"4s, held to 0s", "0s, held to 0s", "shut, held to 0s",
	}
	if !slices.Equal(v.told, want) {
		t.Errorf("the valve was told %q, want %q", v.told, want)
	}
}
