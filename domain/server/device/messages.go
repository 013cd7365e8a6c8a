package device

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// Input is what can happen to a device.
type Input interface{ input() }

// From the server's core.
type (
	// Begin is the first input.
	Begin struct{}
	// Promote hands the device to the primary of an epoch.
	Promote struct {
		Epoch     uint64
		Connected bool            // as the log says
		Reported  []domain.Value  // as the log says
		Work      []emission.Work // what waits, in log order
		Held      bool            // the epoch's primary may not act at the moment
		Finishing bool            // it begins nothing more
	}
	// Demote says that the epoch is over for this server, or that the device is to say
	// nothing more in it before it is promoted again. Unless it is zero, Settle is
	// answered by Settled.
	Demote struct{ Settle uint64 }
	// Accept adds a command, in log order.
	Accept struct{ emission.Work }
	// StartCounts says that the write-ahead of UID was read back as counting.
	StartCounts struct{ UID string }
	// EndCounts says that the outcome of UID was read back as counting.
	EndCounts struct{ UID string }
	// Hold stops sending: the lease lapsed, or the epoch is contested or given up.
	// Unless it is zero, Settle is answered by Settled.
	Hold struct {
		Lapsed bool // somebody else may act at any moment
		Settle uint64
	}
	// Resume lets the device be written to again after a lapse.
	Resume struct{}
	// Finish begins nothing more and brings what was begun to its end. Settle is
	// answered by Settled.
	Finish struct{ Settle uint64 }
)

// From the link that was opened as Opening.
type (
	// NotOpened answers Open: there is no link, and why.
	NotOpened struct {
		Opening uint64
		Cause   string
	}
	// Up says that the connection stands and the device's state has been read.
	Up struct {
		Opening uint64
		Detail  string
	}
	// Down says that the connection is lost, or could not be made.
	Down struct {
		Opening uint64
		Cause   string
	}
	// Reported gives values as the device itself states them.
	Reported struct {
		Opening uint64
		Values  []domain.Value
		Full    bool // all of them
	}
	// Answered gives the device's answer to an action or a reading.
	Answered struct {
		Opening uint64
		domain.Answered
	}
	// Emitted answers Emit, at the time before it.
	Emitted struct{ emission.Emitted }
	// Timer says that NextWake has come.
	Timer struct{}
)

func (Begin) input()       {}
func (Promote) input()     {}
func (Demote) input()      {}
func (Accept) input()      {}
func (StartCounts) input() {}
func (EndCounts) input()   {}
func (Hold) input()        {}
func (Resume) input()      {}
func (Finish) input()      {}
func (NotOpened) input()   {}
func (Up) input()          {}
func (Down) input()        {}
func (Reported) input()    {}
func (Answered) input()    {}
func (Emitted) input()     {}
func (Timer) input()       {}

// Effect is what the caller must do.
type Effect interface{ effect() }

type (
	// Append gives the epoch's journal what the device's queue has to say. It
	// stands before all other effects of a step.
	Append struct {
		Epoch   uint64
		Entries []journal.Entry
	}
	// Open opens a link, whose word carries Opening; answered by NotOpened if that
	// cannot be.
	Open struct{ Opening uint64 }
	// Close ends the link and its connection, with what its kernel still holds for
	// the device.
	Close struct{}
	// Reset ends the connection, with what its kernel still holds, and connects anew.
	Reset struct{}
	// ResetUnacknowledged does so if the device has not acknowledged all of it.
	ResetUnacknowledged struct{}
	// Emit asks the lease of the epoch and hands the action to the link, to be
	// answered by Emitted. From the deadline on it is refused, as by the lease: the
	// time of a step may be older than the present.
	Emit struct {
		Epoch    uint64
		Action   domain.Action
		Deadline domain.Mono
	}
	// Read has the link read the device, to be answered as fresh, or by Down.
	Read struct{ Ref uint64 }
	// Settled answers Hold or Finish: nothing is under way any more.
	Settled struct{ Settle uint64 }
	// Unsent tells, at the end of a term, which one-shots were written ahead in it and
	// not sent, as sure as can be.
	Unsent struct {
		Epoch uint64
		UIDs  []string
	}
	// Connection tells that the connection came or went.
	Connection struct {
		Up     bool
		Detail string
	}
)

func (Append) effect()              {}
func (Open) effect()                {}
func (Close) effect()               {}
func (Reset) effect()               {}
func (ResetUnacknowledged) effect() {}
func (Emit) effect()                {}
func (Read) effect()                {}
func (Settled) effect()             {}
func (Unsent) effect()              {}
func (Connection) effect()          {}
