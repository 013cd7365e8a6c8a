package videohub

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// FaultMode is a way in which a router misbehaves.
type FaultMode string

// The faults. All but the last stay until another one, or none, is set.
const (
	FaultNone        FaultMode = "none"
	FaultLate        FaultMode = "late"         // does everything at once, and speaks Delay later
	FaultSilent      FaultMode = "silent"       // does everything, and says nothing
	FaultHalfOpen    FaultMode = "half-open"    // keeps its sockets, and neither reads nor speaks
	FaultAckOnly     FaultMode = "ack-only"     // acknowledges, and does nothing
	FaultRefuse      FaultMode = "refuse"       // takes no new connection
	FaultGarbage     FaultMode = "garbage"      // speaks nonsense
	FaultAbsent      FaultMode = "absent"       // Device present: false
	FaultNeedsUpdate FaultMode = "needs-update" // Device present: needs_update
	FaultClose       FaultMode = "close"        // closes all connections once, and is well again
)

// Fault is a fault with its measure.
type Fault struct {
	Mode  FaultMode
	Delay time.Duration // of FaultLate
}

// maxSimDelay bounds the lateness that can be asked for.
const maxSimDelay = 5 * time.Minute

// mute says that nothing is said.
func (f Fault) mute() bool { return f.Mode == FaultSilent || f.Mode == FaultHalfOpen }

func (f Fault) away() bool { return f.Mode == FaultAbsent || f.Mode == FaultNeedsUpdate }

func (f Fault) validate() error {
	switch f.Mode {
	case FaultLate:
		if f.Delay <= 0 || f.Delay > maxSimDelay {
			return fmt.Errorf("fault late: delay %s; give more than 0 and at most %s: %w", f.Delay, maxSimDelay, domain.ErrInvalid)
		}
		return nil
	case FaultNone, FaultSilent, FaultHalfOpen, FaultAckOnly, FaultRefuse, FaultGarbage, FaultAbsent, FaultNeedsUpdate, FaultClose:
		if f.Delay != 0 {
			return fmt.Errorf("fault %s: a delay belongs to the fault late only: %w", f.Mode, domain.ErrInvalid)
		}
		return nil
	}
	return fmt.Errorf("fault %q; use none, late, silent, half-open, ack-only, refuse, garbage, absent, needs-update or close: %w", f.Mode, domain.ErrInvalid)
}

// SetFault makes the router misbehave, or behave again (FaultNone).
func (s *Simulator) SetFault(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	if f.Mode == FaultClose {
		f = Fault{Mode: FaultNone}
		defer s.Disconnect()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("fault %s: the simulator is closed: %w", f.Mode, domain.ErrConflict)
	}
	was := s.fault
	s.fault = f
	close(s.changed)
	s.changed = make(chan struct{})
	s.log.Info("fault_set", "fault", string(f.Mode), "delay", f.Delay)
	if f.Mode == FaultRefuse && s.listener != nil {
		_ = s.listener.Close()
		s.listener = nil
	}
	if f.Mode != FaultRefuse && s.listener == nil {
		if err := s.listen(); err != nil {
			return err
		}
	}
	for c := range s.clients {
		s.turn(c, was)
	}
	return nil
}

// turn brings one client from the fault that was to the present one; under mu.
func (s *Simulator) turn(c *simClient, was Fault) {
	switch {
	case s.fault.Mode == FaultHalfOpen:
		c.interrupt()
	case !c.greeted:
		s.greet(c)
	case s.fault.away() || was.away():
		// A router that comes back sends everything but the preamble.
		s.say(c, s.prelude(c))
	case s.fault.Mode == FaultGarbage:
		s.say(c, []byte{'\n'})
	}
}

// CurrentFault is the fault in force.
func (s *Simulator) CurrentFault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}
