package outside

import (
	"errors"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// ErrNone says that there is no clock from outside.
var ErrNone = errors.New("this machine has no clock from outside (PTP of a hypervisor)")

// Tolerance is how far the two clocks may drift apart between two looks. It is less
// than what a lease allows for.
const Tolerance = 5 * time.Millisecond

// Clock runs on while this machine is stopped.
type Clock interface {
	// Now is the time since any fixed moment.
	Now() (time.Duration, error)
}

// Watch compares the clock from outside with this machine's own.
type Watch struct {
	clock Clock
	own   func() domain.Mono

	began   bool
	before  domain.Mono // own, read before the last look
	outside time.Duration
}

// NewWatch watches from its first look on.
func NewWatch(c Clock, own func() domain.Mono) *Watch { return &Watch{clock: c, own: own} }

// Look tells how much time has passed since the last look that this machine's clock
// has not counted; 0 for none that matters. A pause within a look is seen by this
// look or by the next.
func (w *Watch) Look() (lost time.Duration, err error) {
	before := w.own()
	outside, err := w.clock.Now()
	if err != nil {
		return 0, err
	}
	after := w.own()
	if w.began {
		lost = outside - w.outside - (after - w.before)
	}
	w.began, w.before, w.outside = true, before, outside
	if lost <= Tolerance {
		return 0, nil
	}
	return lost, nil
}
