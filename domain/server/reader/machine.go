// Package reader follows all partitions of one topic, each in order. After every
// interruption it reads the last record again: if another one, or none, stands
// there, it stops with [ErrLogReplaced], or, where control's retention has taken
// it, with [ErrOvertaken]. A partition that fails holds up no other one.
//
// A [Machine] is one reader: feed it inputs with the time, and carry out its
// effects in order. It has no clock, goroutine or I/O, and decodes nothing. On a
// crash nothing is lost: it begins again where the fold is.
package reader

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The pauses between failed fetches double from the one to the other.
const (
	retryFrom = 5 * time.Millisecond
	retryUpTo = 200 * time.Millisecond
)

// ShortWithin is how long a partition may end before what was read from it, and
// answer all the same. A broker that has just become its leader, or was started again,
// learns only from the others how much of its log all of them have; until then it shows
// less, and takes nothing.
const ShortWithin = 30 * time.Second

// ErrLogReplaced stops a server: what it has folded is not what the log holds.
var ErrLogReplaced = fmt.Errorf("the log was cut or replaced: %w", domain.ErrCorrupt)

// ErrOvertaken stops a server that was away from control for longer than its
// records are kept: its next start rebuilds from a view.
var ErrOvertaken = fmt.Errorf("control has gone on without this server: %w", domain.ErrCorrupt)

// Machine is a reader.
type Machine struct {
	retained bool // the topic has retention: it may have taken what was not read yet
	next     []int64
	last     []domain.Fingerprint
	verify   []bool        // the last record is to be read again
	since    []domain.Mono // the log was known to hold nothing that was not read
	asked    []domain.Mono // the question that is open was asked first; zero for none
	short    []domain.Mono // it ends before what was read from it, since then; zero if it does not
	outage   []outage      // of each partition

	fetching bool
	resting  bool
	wakeAt   domain.Mono
	whole    outage // of the log
	away     bool   // that was told
	stopped  bool
	effects  []Effect
}

// New is a reader of a topic that goes on behind the last records that were
// folded; an empty fingerprint is none. Retained says that the topic has retention.
func New(from []domain.Fingerprint, retained bool) *Machine {
	n := len(from)
	m := &Machine{
		retained: retained, next: make([]int64, n), last: slices.Clone(from),
		verify: make([]bool, n), since: make([]domain.Mono, n), short: make([]domain.Mono, n), asked: make([]domain.Mono, n), outage: make([]outage, n),
	}
	for p, f := range from {
		if !f.Empty() {
			m.next[p], m.verify[p] = f.Offset+1, true
		}
	}
	return m
}

// Skip begins a partition at an offset, of whose record before nothing is known.
func (m *Machine) Skip(partition int32, next int64) { m.next[partition] = next }

// Input is what can happen to a reader.
type Input interface{ input() }

type (
	// Begin is the first input.
	Begin struct{}
	// Fetched answers Fetch. Rest is how long to wait until the next one.
	Fetched struct {
		Answers []domain.Fetched
		Rest    time.Duration
	}
	// Failed answers Fetch: there is no answer.
	Failed struct{ Err error }
	// Hurry ends a rest.
	Hurry struct{}
	// Timer says that NextWake has come.
	Timer struct{}
)

func (Begin) input()   {}
func (Fetched) input() {}
func (Failed) input()  {}
func (Hurry) input()   {}
func (Timer) input()   {}

// Effect is what the caller must do.
type Effect interface{ effect() }

type (
	// Fetch asks for what stands at an offset of each partition, and behind it, to
	// be answered by Fetched or Failed. Partitions with a negative offset are left
	// out; unless Within is zero, an empty answer is wanted after that.
	Fetch struct {
		Offsets []int64
		Within  time.Duration
	}
	// Hand hands on what is new of one partition. It may be nothing: the log has answered.
	Hand struct {
		At        domain.Mono // when the answer was here
		Since     domain.Mono // the log was known not to hold it yet at this moment; zero before the first time
		Partition int32
		Messages  []domain.Stored
		High      int64
		Last      domain.Fingerprint // of the last record that was read
	}
	// Lost says that the log does not answer, as a whole or in part; it comes once
	// until Back.
	Lost struct{ Cause error }
	Back struct{}
	// Stop says that the log is another one than it was.
	Stop struct{ Err error }
)

func (Fetch) effect() {}
func (Hand) effect()  {}
func (Lost) effect()  {}
func (Back) effect()  {}
func (Stop) effect()  {}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (m *Machine) Step(now domain.Mono, in Input) []Effect {
	m.effects = m.effects[:0]
	if m.stopped {
		return nil
	}
	switch in := in.(type) {
	case Begin:
		m.fetch(now)
	case Fetched:
		m.fetching = false
		m.fetched(now, in)
	case Failed:
		m.fetching = false
		m.failed(now, in.Err)
	case Hurry:
		if m.resting {
			m.fetch(now)
		}
	case Timer:
		if !m.fetching && now >= m.wakeAt {
			m.fetch(now)
		}
	}
	return m.effects
}

// fetch asks all partitions but those that have failed a moment ago. Who waits for
// the others must not wait beyond their next turn.
func (m *Machine) fetch(now domain.Mono) {
	m.resting = false
	e := Fetch{Offsets: make([]int64, len(m.next))}
	due, some := domain.Mono(0), false
	for p := range m.next {
		if at := m.outage[p].retryAt; at > now {
			e.Offsets[p] = -1
			if due == 0 || at < due {
				due = at
			}
			continue
		}
		some = true
		if m.asked[p] == 0 {
			m.asked[p] = now
		}
		e.Offsets[p] = m.from(int32(p))
	}
	if !some {
		m.wakeAt = due
		return
	}
	if due > 0 {
		e.Within = due - now
	}
	m.fetching = true
	m.do(e)
}

// from is the offset that a partition is asked for: the next one, or the last record once
// more. A mark of a transaction may stand between the two, which is no record.
func (m *Machine) from(p int32) int64 {
	if m.verify[p] {
		return m.last[p].Offset
	}
	return m.next[p]
}

func (m *Machine) fetched(now domain.Mono, in Fetched) {
	var failed error
	for i := range in.Answers {
		a := &in.Answers[i]
		switch err := m.take(now, a); {
		case errors.Is(err, domain.ErrCorrupt):
			m.stop(err)
			return
		case err != nil:
			m.outage[a.Partition].failed(now)
			m.distrust(a.Partition)
			failed = errors.Join(failed, err)
		default:
			m.outage[a.Partition] = outage{}
		}
	}
	m.whole = outage{}
	if failed != nil {
		m.lost(failed)
	} else if m.away && !slices.ContainsFunc(m.outage, outage.lasts) {
		m.away = false
		m.do(Back{})
	}
	if in.Rest > 0 {
		m.resting, m.wakeAt = true, now+in.Rest
		return
	}
	m.fetch(now)
}

// failed tries again after a while.
func (m *Machine) failed(now domain.Mono, err error) {
	if errors.Is(err, domain.ErrCorrupt) {
		m.stop(err)
		return
	}
	m.lost(err)
	for p := range m.verify {
		m.asked[p] = 0
		m.distrust(int32(p))
	}
	m.whole.failed(now)
	m.wakeAt = m.whole.retryAt
}

// distrust has the last record of a partition read once more.
func (m *Machine) distrust(p int32) { m.verify[p] = !m.last[p].Empty() }

func (m *Machine) lost(err error) {
	if !m.away {
		m.away = true
		m.do(Lost{Cause: err})
	}
}

func (m *Machine) stop(err error) {
	m.stopped = true
	m.do(Stop{Err: err})
}

// outage is how long something has failed.
type outage struct {
	retryAt domain.Mono
	pause   time.Duration // until then; zero while it answers
}

func (o *outage) failed(now domain.Mono) {
	o.pause = min(max(2*o.pause, retryFrom), retryUpTo)
	o.retryAt = now + o.pause
}

func (o outage) lasts() bool { return o.pause > 0 }

// take checks and hands on what one partition gave. A fetch may leave a partition
// out, and the next one give the answer to the first: it is as old as that.
func (m *Machine) take(now domain.Mono, a *domain.Fetched) error {
	p := a.Partition
	asked := m.asked[p]
	m.asked[p] = 0
	if a.Err != nil {
		return m.refused(a)
	}
	messages := a.Messages
	if m.verify[p] {
		rest, err := m.check(now, a)
		if err != nil {
			return err
		}
		messages = rest
	}
	if n := len(messages); n > 0 {
		m.last[p] = domain.FingerprintOf(messages[n-1])
	}
	h := Hand{At: now, Since: m.since[p], Partition: p, Messages: messages, High: a.HighWatermark, Last: m.last[p]}
	if !m.verify[p] {
		m.next[p] = max(m.next[p], a.Next)
		if m.next[p] >= a.HighWatermark {
			h.High = m.behindLast(p) // marks of transactions at the end are never folded
		}
	}
	if m.next[p] >= a.HighWatermark {
		m.since[p] = asked
	}
	m.do(h)
	return nil
}

// behindLast is the offset after the last record that was read; 0 for none.
func (m *Machine) behindLast(p int32) int64 {
	if m.last[p].Empty() {
		return 0
	}
	return m.last[p].Offset + 1
}

// refused tells a partition that is away from one that is not what it was.
func (m *Machine) refused(a *domain.Fetched) error {
	p := a.Partition
	if !errors.Is(a.Err, domain.ErrNotFound) || a.HighWatermark < 0 {
		return a.Err
	}
	if m.retained && a.LogStart > m.from(p) && a.HighWatermark >= m.next[p] {
		return fmt.Errorf("retention has taken what stood before %d, and %d was the next to read: %w", a.LogStart, m.next[p], ErrOvertaken)
	}
	return fmt.Errorf("%s/%d holds %d to %d, but %d is the next to read: %w",
		a.Topic, p, a.LogStart, a.HighWatermark, m.next[p], ErrLogReplaced)
}

// check compares the record that was folded last with what stands there now,
// and returns what comes behind it.
func (m *Machine) check(now domain.Mono, a *domain.Fetched) ([]domain.Stored, error) {
	p, want := a.Partition, m.last[a.Partition]
	if a.HighWatermark <= want.Offset {
		if m.short[p] == 0 {
			m.short[p] = now
		}
		err := fmt.Errorf("%s/%d ends at %d, but %d was read from it", a.Topic, p, a.HighWatermark, want.Offset)
		if now-m.short[p] >= ShortWithin {
			return nil, fmt.Errorf("%w, for %s: %w", err, ShortWithin, ErrLogReplaced)
		}
		return nil, fmt.Errorf("%w: %w; a broker that was started again may not show all of it yet", domain.ErrTransient, err)
	}
	m.short[p] = 0
	switch {
	case len(a.Messages) == 0:
		return nil, nil // not there yet; asked for again
	default:
		if err := want.Check(a.Messages[0]); err != nil {
			return nil, fmt.Errorf("%s/%d: %w: %w", a.Topic, p, err, ErrLogReplaced)
		}
		m.verify[p] = false
		return a.Messages[1:], nil
	}
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

// NextWake is when the reader wants a Timer; zero if never.
func (m *Machine) NextWake() domain.Mono {
	if m.fetching || m.stopped {
		return 0
	}
	return m.wakeAt
}
