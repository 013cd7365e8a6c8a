package control

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/core"
)

// Input is what can happen to a server's control.
type Input interface{ input() }

type (
	// Begin is the first input.
	Begin struct{}
	// Read is what one fetch, or a part of it, gave of the control topic; it may be
	// empty. Each answer of the log is one.
	Read struct {
		Records []domain.Record
		High    int64 // the offset after the last one in the topic
	}
	// Election hands an input to the election: that the log is lost or back, that an
	// append has failed, what the core or an operator asks for.
	Election struct{ Input election.Input }
	// Timer says that NextWake has come.
	Timer struct{}
)

func (Begin) input()    {}
func (Read) input()     {}
func (Election) input() {}
func (Timer) input()    {}

// Effect is what the caller must do.
type Effect interface{ effect() }

type (
	// Append appends a record of this server to control, without waiting for it.
	// That it has failed is an election.AppendFailed with N.
	Append struct {
		Payload domain.Payload
		N       uint64
	}
	// Lease moves the end of the lease of an epoch; zero ends it at once.
	Lease struct {
		Epoch uint64
		Until domain.Mono
	}
	// Core gives the core an input.
	Core struct{ Input core.Input }
	// Reign says that this server has won an epoch: the log is read without pauses,
	// and control is copied.
	Reign struct{ Epoch uint64 }
	// Over says that somebody else holds it now, or nobody.
	Over struct{ Epoch uint64 }
	// Copy gives the copier the record with this index in Read. Heard: it is the
	// holder's last heartbeat that counts.
	Copy struct {
		Record int
		Heard  bool
	}
	// Copied tells the copier up to where the primary has copied control.
	Copied struct{ Through int64 }
	// View gives the copier a view of control to publish.
	View struct{ View domain.View }
	// Role tells of a change of role.
	Role struct {
		Old, New string
		Epoch    uint64
		Cause    string
	}
	// Yield tells that primacy is given up to another process of the same name.
	Yield struct{ Incarnation string }
	// Refused tells that this server could not join, and why; it is tried again.
	Refused struct{ Cause string }
	// Quit asks to end this server.
	Quit struct{ Cause error }
)

func (Append) effect()  {}
func (Lease) effect()   {}
func (Core) effect()    {}
func (Reign) effect()   {}
func (Over) effect()    {}
func (Copy) effect()    {}
func (Copied) effect()  {}
func (View) effect()    {}
func (Role) effect()    {}
func (Yield) effect()   {}
func (Refused) effect() {}
func (Quit) effect()    {}
