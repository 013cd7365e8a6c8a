package election

import "github.com/understudy-io/understudy/domain"

// Effect is what the loop around a Server has to do, in order.
type Effect interface{ effect() }

type (
	// Append wants a record of this member in the control topic. N numbers claims
	// and heartbeats; 0 for other records. The machine counts the record's time
	// from the step that gave this effect, whatever becomes of the append.
	Append struct {
		Type    domain.Type
		Payload domain.Payload
		N       uint64
	}
	// Lost says that the server must stop acting, at once. It stands before any
	// Append of the same step.
	Lost struct {
		Epoch uint64
		Cause string
	}
	// Lease says that the end of the lease has moved; zero means none.
	Lease struct{ Until domain.Mono }
	// Won says that its own claim was read back as valid, and that the lease
	// lives: open the partitions.
	Won struct{ Epoch uint64 }
	// Resumed says that the lease, which had run out, lives again in the same
	// epoch: nobody else held it meanwhile.
	Resumed struct{ Epoch uint64 }
	// Drain says that the epoch is contested: append the outcomes of answers
	// that are in, or come within 50 ms, and then give Drained.
	Drain struct{ Epoch uint64 }
	// Yield says that a planned end of the epoch is due: bring what was begun to its
	// end, and then give Release with the same words.
	Yield struct {
		Epoch      uint64
		To, Reason string
	}
	// Refused says that the join was not accepted, and why; it is tried again.
	Refused struct{ Cause string }
	// Gone says that this incarnation is out of the landscape for good, and why.
	// A new start may join anew.
	Gone struct {
		Cause string
		// Barred: no other incarnation can join either, until an operator says so.
		Barred bool
	}
)

func (Append) effect()  {}
func (Lost) effect()    {}
func (Lease) effect()   {}
func (Won) effect()     {}
func (Resumed) effect() {}
func (Drain) effect()   {}
func (Yield) effect()   {}
func (Refused) effect() {}
func (Gone) effect()    {}
