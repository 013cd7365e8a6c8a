package core

import (
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/clerk"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// Input is what can happen to a server's core.
type Input interface{ input() }

// From the log and the clock.
type (
	// Begin is the first input.
	Begin struct{}
	// Read is what one fetch, or a part of it, gave of one partition.
	Read struct {
		At        domain.Mono // when the answer was here
		Since     domain.Mono // the log was known not to hold it yet at this moment; zero before the first time
		Partition int32
		Records   []domain.Record
		High      int64 // the offset after the last one in the log
	}
	// LogLost says that a fetch of the log has failed, as a whole or in part.
	LogLost struct{}
	// Timer says that NextWake has come, and what this server has kept waiting.
	Timer struct {
		Idle      time.Duration // the longest of the devices
		Appending domain.Mono   // since when the journal's append is under way; zero for none
	}
)

// From control.
type (
	// Won says that this server has won an epoch.
	Won struct{ Epoch uint64 }
	// Over says that somebody else holds the epoch now, or nobody.
	Over struct{ Cause string }
	// Suspend stops sending: the lease lapsed, or the epoch is contested or released.
	Suspend struct{ Lapsed bool }
	// Resume lets this server act again after a lapse.
	Resume struct{}
	// Finish prepares a planned end of the epoch: nothing more is begun, what was
	// begun is brought to its end, and then Then is given. The lease is kept meanwhile.
	// In another epoch nothing is done; zero is the present one.
	Finish struct {
		Epoch uint64
		Then  []Effect
	}
	// Drain stops sending for good in this epoch, which is contested, and gives Then
	// once the answers that are in, or come within 50 ms, are appended.
	Drain struct{ Then []Effect }
	// Leave is Finish for this epoch and any other: the server ends.
	Leave struct{ Then []Effect }
	// Informed says that control has been read to its end for the first time.
	Informed struct{}
	// Joined says that another server has joined while this one holds the epoch.
	Joined struct{}
	// Issued is a checkpoint of this server's own, read back at an offset of control.
	Issued struct {
		Checkpoint domain.Checkpoint
		At         int64
	}
	// Expect is a checkpoint of the primary's, to be compared where this server has
	// been, or will be.
	Expect struct {
		Checkpoint  domain.Checkpoint
		At          int64
		Incarnation string
	}
	// Agreed says that another server's state was equal to this one's checkpoint At.
	Agreed struct{ At int64 }
	// Complaint says that another server has found a difference from this primary.
	Complaint struct{ Incarnation string }
	// Contentment says that another server does not differ, or not any more.
	Contentment struct{ Incarnation string }
	// Conceded says that another server has found itself to be wrong.
	Conceded struct{ Incarnation string }
	// Ended says that a process which had stated its state as primary has ended, and
	// that it was of this server's build.
	Ended struct{ Incarnation string }
	// Vouch is an operator's word that a disputed state is the one to go on with.
	Vouch struct{ User, Reason string }
)

// From a device, the journal and a refold.
type (
	// Linked says that this server's connection to a device has come or gone.
	Linked struct {
		Device string
		Up     bool
	}
	// Settled is a device's [device.Settled].
	Settled struct {
		Device string
		Settle uint64
	}
	// Flushed is the journal's [journal.Flushed].
	Flushed struct{ ID uint64 }
	// Unsent is a device's [device.Unsent].
	Unsent struct {
		Device string
		device.Unsent
	}
	// Broken is the [journal.Broken] of an epoch.
	Broken struct {
		Epoch uint64
		Cause string
	}
	// Refolded answers Refold. The error is nil if the log gives what this server
	// had, and wraps ErrWrong if it does not; any other says nothing of it.
	Refolded struct{ Err error }
	// Kept answers Keep: the error says why it could not be done.
	Kept struct {
		Revision uint64
		Err      error
	}
	// Loaded answers Load: the devices of the revision, or why they are not known.
	Loaded struct {
		Revision uint64
		Devices  []domain.Definition
		Err      error
	}
)

func (Begin) input()       {}
func (Read) input()        {}
func (LogLost) input()     {}
func (Timer) input()       {}
func (Won) input()         {}
func (Over) input()        {}
func (Suspend) input()     {}
func (Resume) input()      {}
func (Finish) input()      {}
func (Drain) input()       {}
func (Leave) input()       {}
func (Informed) input()    {}
func (Joined) input()      {}
func (Issued) input()      {}
func (Expect) input()      {}
func (Agreed) input()      {}
func (Complaint) input()   {}
func (Contentment) input() {}
func (Conceded) input()    {}
func (Ended) input()       {}
func (Vouch) input()       {}
func (Linked) input()      {}
func (Settled) input()     {}
func (Flushed) input()     {}
func (Unsent) input()      {}
func (Broken) input()      {}
func (Refolded) input()    {}
func (Loaded) input()      {}
func (Kept) input()        {}

// Effect is what the caller must do.
type Effect interface{ effect() }

// To the other machines of this server.
type (
	// Control gives the election an input.
	Control struct{ Input election.Input }
	// Publish has control append a record of this server.
	Publish struct{ Payload domain.Payload }
	// BeginTerm starts the journal and the clerk of an epoch.
	BeginTerm struct{ Epoch uint64 }
	// EndTerm ends them; what they still hold is dropped.
	EndTerm struct{ Cause string }
	// Journal gives the journal entries.
	Journal struct{ Entries []journal.Entry }
	// Flush asks the journal for Flushed.
	Flush struct{ ID uint64 }
	// Clerk gives the clerk an errand.
	Clerk struct{ Errand clerk.Errand }
	// OpenDevice starts the machine of a device, with device.Begin.
	OpenDevice struct{ Settings device.Settings }
	// CloseDevice ends it and its connection. Nobody waits for that but the next
	// OpenDevice of the same name: some devices take one connection only.
	CloseDevice struct{ Device string }
	// Testify has a resolution appended to the log, as a command of this server: an
	// action that is in doubt was not done.
	Testify struct {
		Device string
		domain.Resolve
	}
	// Device gives a device's machine an input.
	Device struct {
		Device string
		Input  device.Input
	}
)

// To the loop itself.
type (
	// Opened says that all marks of the epoch are folded.
	Opened struct{ Epoch uint64 }
	// Refold asks to fold partitions again, beside the running state, to be answered
	// by Refolded. See [Examination].
	Refold struct{ Statements []Testimony }
	// Load asks for what is in a revision of the configuration, to be answered by Loaded.
	Load struct{ Revision partition.Revision }
	// Keep asks to write a revision that this server has gone over to into its file, to
	// be answered by Kept.
	Keep struct{ Revision partition.Revision }
	// Planned says that this server knows what is in the active revision.
	Planned struct{ Revision uint64 }
	// Left answers Leave.
	Left struct{}
	// Quit asks to drop this server's snapshots and to end it, once all that was
	// published before is in control, and this server holds no epoch.
	Quit struct{ Cause error }
	// Notice is news for people.
	Notice struct {
		Event       Event
		Device      string
		Incarnation string // of the other server
		Revision    uint64 // of the configuration
		Position    domain.Position
		Have, Want  domain.Hash
		Cause       error
	}
)

// Event is what a Notice is about.
type Event uint8

// The events.
const (
	Removing     Event = iota + 1 // a device that the configuration of this server lacks
	Differs                       // the state, from the primary's at the same position
	Disputed                      // this primary's state, by another server: it folds again
	Right                         // the log gives this server's state
	Undecided                     // it could not be folded again
	Reconciled                    // the primary that this server differed from does not count any more
	InQuarantine                  // this server's state is wrong
	Unreadable                    // a revision of the configuration; it is tried again
)

func (Control) effect()     {}
func (Publish) effect()     {}
func (BeginTerm) effect()   {}
func (EndTerm) effect()     {}
func (Journal) effect()     {}
func (Flush) effect()       {}
func (Clerk) effect()       {}
func (OpenDevice) effect()  {}
func (CloseDevice) effect() {}
func (Testify) effect()     {}
func (Device) effect()      {}
func (Opened) effect()      {}
func (Refold) effect()      {}
func (Load) effect()        {}
func (Keep) effect()        {}
func (Planned) effect()     {}
func (Left) effect()        {}
func (Quit) effect()        {}
func (Notice) effect()      {}
