package emission

import (
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Settings of a queue, from the device's definition and its driver.
type Settings struct {
	// ConfirmWithin bounds the wait for the device's report after a send.
	ConfirmWithin time.Duration
	// Window is how many actions may be with the device unanswered.
	Window int
	// Polled says that the device does not report by itself: what a server has
	// read of it before its term may be older than what the log knows.
	Polled bool
	// LastRef is the last one that the device's link was given before: an answer
	// to it, or to an older one, is not this queue's.
	LastRef uint64
}

// fencedRetry is the pause after the gate refused. A gate that refuses for good
// is followed by Hold; one that refused in the moment of a renewal opens again.
const fencedRetry = 5 * time.Millisecond

// DefaultConfirmWithin is used where a definition names no time.
const DefaultConfirmWithin = time.Second

// Queue is the emission of one device on the primary.
type Queue struct {
	settings Settings
	jobs     []*job // not ended, in log order
	reported map[domain.Target]string
	left     map[domain.Target]departure // the newest wish for each that was handed to the link
	up       bool                        // the device is connected and its state has been read
	cause    string                      // why it is not
	held     bool                        // this server may not act
	ending   bool                        // nothing more is begun, see Finish
	gone     bool                        // the device is no longer configured, see Remove
	reread   reread                      // of the device, in this term
	unsure   Report                      // of a polled device, while it has not been read in this term
	retryAt  domain.Mono                 // the gate refused; not before this is it asked again
	unsaid   []string                    // UIDs that were ended while they waited to be sent, and whose outcomes do not count yet
	progress domain.Mono                 // when something was last done
	nextRef  uint64
	effects  []Effect
}

// departure is a wish that has left, or may have.
type departure struct {
	command int64 // offset
	uid     string
}

// reread is how far the reading of the device is that each term begins with.
type reread uint8

const (
	toRead reread = iota
	asked
	done
)

// NewQueue starts a queue that knows what the log last heard of the device.
func NewQueue(s Settings, reported []domain.Value) *Queue {
	if s.ConfirmWithin <= 0 {
		s.ConfirmWithin = DefaultConfirmWithin
	}
	if s.Window <= 0 {
		s.Window = 1
	}
	q := &Queue{settings: s, nextRef: s.LastRef, reported: make(map[domain.Target]string, len(reported)), left: make(map[domain.Target]departure)}
	for _, v := range reported {
		q.reported[v.Target] = v.Value
	}
	return q
}

// Input is what can happen to a queue.
type Input interface{ input() }

type (
	// Accept adds a command, in log order.
	Accept struct{ Work }
	// StartCounts says that the write-ahead of UID was read back as counting.
	StartCounts struct{ UID string }
	// EndCounts says that the outcome of UID was read back as counting. It is of
	// interest where the queue ended a command that waited to be sent: until then
	// nothing that comes behind is sent, because a next primary that does not find
	// that outcome would send the command after all, too late.
	EndCounts struct{ UID string }
	// LinkUp says that the device is connected and its state has been read.
	LinkUp struct{}
	// LinkDown says that the connection is lost.
	LinkDown struct{ Cause string }
	// Hold stops sending: the lease ran out, or the epoch is contested.
	Hold struct{}
	// Resume lets the queue send again after Hold.
	Resume struct{}
	// Finish begins nothing more and brings what was begun to its end: a
	// planned move, in which this server still may act. A one-shot that was
	// written ahead is sent, so that it is not left in doubt. It is for good.
	Finish struct{}
	// Remove says that the device is no longer configured: all its commands end.
	// It is for good.
	Remove struct{}
	// Report gives what the device says of itself; Full is its whole state.
	Report struct {
		Values []domain.Value
		Full   bool
	}
	// Answer gives the device's answer to a sending or a reading.
	Answer struct{ domain.Answered }
	// Emitted is how a sending went: nil, or an error of the class that
	// domain.Link documents.
	Emitted struct {
		Ref    uint64
		Result Result
		Detail string
	}
	// Timer lets time pass.
	Timer struct{}
)

// Result is how handing an action to the device's socket went.
type Result uint8

// The results of a sending.
const (
	Sent        Result = iota // all bytes are with the kernel
	NotSent                   // not a byte left; it may be tried again
	UnknownFate               // some bytes may have left
	Fenced                    // the gate refused: this server may not act
)

func (Accept) input()      {}
func (StartCounts) input() {}
func (EndCounts) input()   {}
func (LinkUp) input()      {}
func (LinkDown) input()    {}
func (Hold) input()        {}
func (Resume) input()      {}
func (Finish) input()      {}
func (Remove) input()      {}
func (Report) input()      {}
func (Answer) input()      {}
func (Emitted) input()     {}
func (Timer) input()       {}

// Effect is what the caller must do.
type Effect interface{ effect() }

type (
	// Start appends action.started, to be answered by StartCounts.
	Start struct {
		UID     string
		Command domain.Position
	}
	// Emit hands the action to the link, to be answered by Emitted. From the
	// deadline on it is not sent any more: it is refused, as by the lease.
	Emit struct {
		domain.Action
		Deadline domain.Mono
	}
	// Read has the link read the device, to be answered as fresh, or by LinkDown.
	// It is no action, and needs no lease.
	Read struct{ Ref uint64 }
	// Log appends device.reported: what changed against what the log knows.
	Log struct {
		Values []domain.Value
		Full   bool
	}
	// End appends action.outcome. The command is done with.
	End struct{ domain.Ended }
)

func (Start) effect() {}
func (Emit) effect()  {}
func (Read) effect()  {}
func (Log) effect()   {}
func (End) effect()   {}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (q *Queue) Step(now domain.Mono, in Input) []Effect {
	q.effects = q.effects[:0]
	if now >= q.retryAt {
		q.retryAt = 0
	}
	switch in := in.(type) {
	case Accept:
		q.accept(in.Work)
	case StartCounts:
		q.startCounts(now, in.UID)
	case EndCounts:
		q.unsaid = slices.DeleteFunc(q.unsaid, func(uid string) bool { return uid == in.UID })
	case LinkUp:
		q.up, q.progress = true, now
	case LinkDown:
		q.linkDown(in.Cause)
	case Hold:
		q.held = true
	case Resume:
		q.held, q.retryAt, q.progress = false, 0, now
	case Finish:
		q.ending = true
	case Remove:
		q.remove()
	case Report:
		if q.settings.Polled && q.reread != done {
			q.unsure = in // the reading that is asked for comes last, and is the newest
		} else {
			q.report(now, in)
		}
	case Answer:
		q.answer(now, in.Answered)
	case Emitted:
		q.emitted(now, in)
	}
	q.expire(now)
	q.pump()
	q.sweep()
	q.begin()
	if len(q.effects) > 0 {
		q.progress = now
	}
	return q.effects
}

// NextWake is when the queue wants a Timer; zero if never.
func (q *Queue) NextWake() domain.Mono {
	var at domain.Mono
	if q.retryAt > 0 && q.up && !q.held && len(q.jobs) > 0 {
		at = q.retryAt
	}
	for _, j := range q.jobs {
		t := j.Deadline
		if !j.unsent() {
			t = j.giveUp
		}
		if t > 0 && (at == 0 || t < at) {
			at = t
		}
	}
	return at
}

// Len is the number of actions without an outcome.
func (q *Queue) Len() int { return len(q.jobs) }

// Outstanding is the number of actions that are with the device, unanswered.
func (q *Queue) Outstanding() int {
	n := 0
	for _, j := range q.jobs {
		if j.stage == emitting || j.stage == sent {
			n++
		}
	}
	return n
}

// Settled tells whether nothing is under way that this queue can still bring to
// its end: what is with the device unanswered and, in a planned move, what was
// written ahead and not sent yet. A lease that ran out meanwhile may come back.
func (q *Queue) Settled() bool {
	for _, j := range q.jobs {
		switch j.stage {
		case emitting, sent:
			return false
		case starting, cleared:
			if q.ending {
				return false
			}
		case waiting, reading, ended:
		}
	}
	return true
}

// Unsent are the one-shots that this queue has written ahead, and of which not a byte
// has left: who takes over finds them in doubt.
func (q *Queue) Unsent() (uids []string) {
	for _, j := range q.jobs {
		if j.Effect == domain.OneShot && (j.stage == starting || j.stage == cleared) {
			uids = append(uids, j.UID)
		}
	}
	return uids
}

// IdleSince is since when an action has waited although nothing but this server
// keeps it from being sent: the device is there and owes no answer. Zero if none
// does. It tells a primary that lives but does not work from a device that is
// slow or away.
func (q *Queue) IdleSince() domain.Mono {
	if !q.up || q.held || len(q.jobs) == 0 || q.Outstanding() > 0 {
		return 0
	}
	return max(q.progress, q.jobs[0].Read)
}

func (q *Queue) do(e Effect) { q.effects = append(q.effects, e) }

func (q *Queue) find(uid string) *job {
	for _, j := range q.jobs {
		if j.UID == uid {
			return j
		}
	}
	return nil
}

func (q *Queue) findRef(ref uint64) *job {
	for _, j := range q.jobs {
		if j.ref == ref && j.ref != 0 {
			return j
		}
	}
	return nil
}

// sweep drops the jobs whose outcome has been decided.
func (q *Queue) sweep() {
	kept := q.jobs[:0]
	for _, j := range q.jobs {
		if j.stage != ended {
			kept = append(kept, j)
		}
	}
	clear(q.jobs[len(kept):])
	q.jobs = kept
}
