package httpdevice

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// FaultMode is a way for a device to misbehave.
type FaultMode string

// The faults. Those marked with * need a simulator that was started by Start:
// a handler alone cannot keep a connection from being made or read.
const (
	FaultNone       FaultMode = ""
	FaultLate       FaultMode = "late"           // does it, and answers after a delay
	FaultSilent     FaultMode = "silent"         // does it, and never answers
	FaultHalfOpen   FaultMode = "half-open"      // * reads nothing until the fault ends, and keeps the connection
	FaultAckOnly    FaultMode = "ack-nothing"    // answers 200, and does nothing
	FaultStatus     FaultMode = "status"         // answers with an error status, and does nothing
	FaultRefuse     FaultMode = "refuse"         // * refuses and resets all connections
	FaultClose      FaultMode = "close"          // does it, and closes without an answer
	FaultCloseFirst FaultMode = "close-undone"   // reads it, does nothing, and closes without an answer
	FaultGarbage    FaultMode = "garbage"        // does it, and answers what is not HTTP
	FaultCut        FaultMode = "cut"            // does it, and closes in the middle of the answer
	FaultDropIdle   FaultMode = "drop-after"     // does it, answers, and then drops the kept connection
	FaultEndless    FaultMode = "endless-header" // does it, and answers with a header without end
)

var faultModes = []FaultMode{
	FaultNone, FaultLate, FaultSilent, FaultHalfOpen, FaultAckOnly, FaultStatus, FaultRefuse,
	FaultClose, FaultCloseFirst, FaultGarbage, FaultCut, FaultDropIdle, FaultEndless,
}

// Fault is a mode with its values.
type Fault struct {
	Mode   FaultMode     `json:"mode"`
	Delay  time.Duration `json:"-"`                // of late
	Status int           `json:"status,omitempty"` // of status; 0 means 503
	Times  int           `json:"times,omitempty"`  // requests that meet it; 0 means until the next change
	Reads  bool          `json:"reads,omitempty"`  // reads meet it too
}

// faultJSON carries the delay as people write it: "200ms".
type faultJSON struct {
	plainFault
	Delay string `json:"delay,omitempty"`
}

type plainFault Fault

// MarshalJSON implements json.Marshaler.
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{plainFault: plainFault(f)}
	if f.Delay > 0 {
		j.Delay = f.Delay.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var j faultJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	if j.Delay != "" {
		d, err := time.ParseDuration(j.Delay)
		if err != nil {
			return fmt.Errorf("delay %q: write it as 200ms: %w", j.Delay, err)
		}
		j.plainFault.Delay = d
	}
	*f = Fault(j.plainFault)
	return nil
}

// SetFault changes how the device behaves, and lets go of whoever waits.
func (s *Simulator) SetFault(f Fault) error {
	switch {
	case !slices.Contains(faultModes, f.Mode):
		return fmt.Errorf("fault %q is not one of %q: %w", f.Mode, faultModes[1:], domain.ErrInvalid)
	case f.Delay < 0 || f.Delay > time.Hour || f.Times < 0:
		return fmt.Errorf("delay must be 0 to 1h, times must not be negative: %w", domain.ErrInvalid)
	case f.Status != 0 && (f.Status < 300 || f.Status > 599):
		return fmt.Errorf("status %d is not between 300 and 599: %w", f.Status, domain.ErrInvalid)
	}
	s.mu.Lock()
	s.fault = f
	s.mu.Unlock()
	err := s.door.behave(f.Mode) // before those are woken who look at it
	s.mu.Lock()
	close(s.faulted)
	s.faulted = make(chan struct{})
	s.mu.Unlock()
	return err
}

// meet gives the fault for one request; the caller holds the lock.
func (s *Simulator) meet(reads bool) Fault {
	f := s.fault
	if reads && !f.Reads {
		return Fault{}
	}
	if s.fault.Times > 0 {
		if s.fault.Times--; s.fault.Times == 0 {
			s.fault = Fault{}
		}
	}
	return f
}
