package domain

import "context"

// Action is what the primary must do to a device because of a command.
type Action struct {
	Ref     uint64 // given by the emitter; names this sending in the answers to it
	UID     string
	Command Position
	Effect  Effect
	Payload Payload
	// Wishes are the targets that it sets, with the wished values. Of an
	// absolute action only those that are still the newest wish are left. A
	// one-shot has none.
	Wishes []Value
}

// Gate is asked immediately before each write of an action's bytes to a
// socket. If it returns an error, which wraps ErrFenced, the bytes do not leave.
type Gate func() error

// Driver speaks one protocol. It is the only thing that can reach a device.
type Driver interface {
	// Open returns a link that connects to the device, reads its state, and
	// connects again with back-off whenever it is lost, until Close. What the
	// device says goes to sink. An open link never changes the device by itself.
	Open(def Definition, sink Sink) (Link, error)
}

// Link is an open connection to one device. Its methods may be called from one
// goroutine at a time; Close from any.
type Link interface {
	// Emit writes the action to the device. It returns when all bytes are with
	// the kernel or it is known that they are not; the device's answer comes
	// later, through Sink.Answered with the action's Ref. Errors wrap ErrFenced
	// (the gate refused, nothing left), ErrNotSent (nothing left) or
	// ErrUnknownFate (some bytes may have left).
	Emit(ctx context.Context, a Action, gate Gate) error
	// Refresh asks the device for its state: a read, allowed on a standby. It does
	// not wait for it. Once what was read since then has been given to
	// Sink.Reported, Sink.Answered gives Fresh with ref, unless a later Refresh has
	// taken its place, or Sink.Down comes first. An error means the latter.
	Refresh(ctx context.Context, ref uint64) error
	// Reset ends the connection at once, with whatever its kernel buffer still
	// holds (RST), and connects anew. It is called on the loss of primacy.
	Reset()
	// ResetUnacknowledged does the same if the kernel still holds bytes that the
	// device has not acknowledged, and could deliver them later. It is called when
	// the lease lapses; the epoch may go on.
	ResetUnacknowledged()
	// Close ends the link, and its connection as Reset does, and waits until nothing
	// of it runs.
	Close() error
}

// Sink receives what a device says. Methods do not block, and are called from
// one goroutine of the link at a time.
type Sink interface {
	// Up says that the connection stands and the device's state has been read:
	// Reported with full=true has been called before.
	Up(detail string)
	// Down says that the connection is lost, or could not be made.
	Down(cause string)
	// Reported gives values as the device itself states them; full means all of them.
	Reported(values []Value, full bool)
	// Answered gives the device's answer to a sending.
	Answered(Answered)
}

// Doorkeeper is a Sink that is asked before each connection. Where a device takes one
// connection only, a server that may not act makes none: one that was frozen would turn
// out the primary's.
type Doorkeeper interface {
	// MayConnect gives an error that says why not; it is asked again later.
	MayConnect() error
}

// Verdict is a device's answer to a sending.
type Verdict uint8

// The verdicts.
const (
	Acknowledged Verdict = iota // understood; not yet proof that it was done
	Done                        // done, by a protocol whose answer says so
	Rejected                    // the device said no
	NoAnswer                    // the connection ended, or time ran out, before an answer
	Fresh                       // of a Refresh: the device has been read since
)

// Answered is the answer to the sending or the reading Ref.
type Answered struct {
	Ref     uint64
	Verdict Verdict
	Reason  Reason
	Detail  string
}
