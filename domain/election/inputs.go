package election

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Input is what a Server is told.
type Input interface{ input() }

type (
	// Start is the first input.
	Start struct{}
	// Received is one control record, in order, at the time of its receipt.
	Received struct{ Record domain.Record }
	// CaughtUp says that all up to the high watermark has been received. It must
	// repeat: give it with each answer of the log that reaches its end, and ask so
	// that one comes every PollEvery, if only an empty one.
	CaughtUp struct{}
	// LogLost says that the log cannot be read or written; LogBack that it can
	// again.
	LogLost struct{}
	LogBack struct{}
	// AppendFailed says that the append with this N failed; 0 if it is not known
	// which. It may still land.
	AppendFailed struct{ N uint64 }
	// Timer says that NextWake has come.
	Timer struct{}
	// Jumped says that time has passed which no clock of this machine has counted: a
	// hypervisor had stopped it with its clocks. It must come before anything else that
	// was not read before.
	Jumped struct{ Cause string }
	// Health is how the server is. Ready: it could act now if it had to. A holder
	// whose lag is unknown, though it goes on to heartbeat, is contested by who is ready.
	Health struct {
		Ready         bool
		Lag, Position int64
		Hash          string // domain.HashOK, domain.HashDiffers or "" if not yet compared
		Agreed        int64  // offset of the last checkpoint that agreed; 0 for none
		OldestPending time.Duration
		Sync          domain.SyncMode
		Acknowledged  domain.RevisionAcknowledged // zero: nothing to say of the active revision yet
		Missing       int64                       // devices that standbys read too, and that it does not reach
		Counted       bool                        // Missing holds; a server that has just started does not know it yet
		Reaches       []string                    // some of those that the log says the primary does not, and it does
	}
	// Guarded says whether a guard waits for the end of this process: that it is
	// gone, or that another one has taken the process on.
	Guarded struct{ Is bool }
	// Floor is the highest epoch that the log has seen; give it before CaughtUp.
	Floor struct{ Epoch uint64 }
	// Release asks the holder to give its epoch up, in a planned move to To, or
	// to whom the policy prefers. Nobody else heeds it, nor the same one in another
	// epoch; zero is whichever it holds.
	Release struct {
		Epoch      uint64
		To, Reason string
	}
	// Contest asks any server to contest the holder, whoever it is: a forced
	// takeover by To, a fail-back, a primary that does not work.
	Contest struct{ By, Reason, To string }
	// Clear is an operator's word that this server may take part again: an earlier
	// incarnation was quarantined, and there is no primary that could agree with it.
	Clear struct{ By, Reason string }
	// Drained answers Drain: the outcomes of answers that were in are appended. In
	// another epoch it says nothing; zero is the present one.
	Drained struct{ Epoch uint64 }
	// Leave is the end of this server, in order. It does nothing any more.
	Leave struct{}
)

func (Start) input()        {}
func (Received) input()     {}
func (CaughtUp) input()     {}
func (LogLost) input()      {}
func (LogBack) input()      {}
func (AppendFailed) input() {}
func (Timer) input()        {}
func (Jumped) input()       {}
func (Health) input()       {}
func (Guarded) input()      {}
func (Floor) input()        {}
func (Release) input()      {}
func (Contest) input()      {}
func (Clear) input()        {}
func (Drained) input()      {}
func (Leave) input()        {}
