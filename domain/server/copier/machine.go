// Package copier keeps the elections topic: every control record but heartbeats,
// and before each of them the last heartbeat that counted since the one before, each
// with its position in control. Every server remembers what is not copied yet; the primary copies it.
// After a takeover some records are copied twice; their position tells. A view of
// control goes through it too: it leaves when all that it covers is copied, for who
// begins with it sees nothing of that.
//
// A [Machine] is one server's: feed it inputs with the time, and carry out its
// effects in order. It has no clock, goroutine or I/O.
package copier

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Bounds of the copier.
const (
	maxUncopied   = 10_000    // control records that wait to be copied
	maxBatch      = 512       // of one append
	maxBatchBytes = 512 << 10 // of their values: well below what a topic takes
	retry         = 20 * time.Millisecond
)

// Machine is one server's copier.
type Machine struct {
	scribe   domain.Scribe
	copy     func(domain.Stored) domain.Copied
	waiting  []original
	heard    *original    // the last heartbeat that counted, if nothing that is kept has followed it
	view     *domain.View // that is to be published once all up to it is copied
	reigning bool
	underWay int64 // the offset up to which an append is under way; -1 for none
	retryAt  domain.Mono
	through  int64
	effects  []Effect
}

// original is a control record that is to be copied.
type original struct {
	member string
	stored domain.Stored
}

// New is a copier that has seen nothing of control yet. The function makes the
// copy of a record.
func New(scribe domain.Scribe, toCopy func(domain.Stored) domain.Copied) *Machine {
	return &Machine{scribe: scribe, copy: toCopy, underWay: -1}
}

// Input is what can happen to a copier.
type Input interface{ input() }

type (
	// Saw is a record of control that was folded, in order. Heard: a heartbeat, and
	// the last one that counts.
	Saw struct {
		Member string
		Stored domain.Stored
		Heard  bool
	}
	// Copied says up to which offset the primary has copied control.
	Copied struct{ Through int64 }
	// View is a view of control that is to be published, once all up to its position
	// is in the elections topic.
	View struct{ View domain.View }
	// Reign says whether this server holds an epoch.
	Reign struct{ Is bool }
	// Landed says that the append under way was acknowledged; Failed that it was not.
	Landed struct{}
	Failed struct{}
	// Timer says that NextWake has come.
	Timer struct{}
)

func (Saw) input()    {}
func (Copied) input() {}
func (View) input()   {}
func (Reign) input()  {}
func (Landed) input() {}
func (Failed) input() {}
func (Timer) input()  {}

// Effect is what the caller must do.
type Effect interface{ effect() }

type (
	// Append appends records to the elections topic, to be answered by Landed or
	// Failed. A record that cannot be encoded is left out.
	Append struct{ Records []domain.Record }
	// Publish appends a view to control.
	Publish struct{ View domain.View }
	// Dropped tells that too many records wait, and that one is lost to the topic.
	Dropped struct{ Offset int64 }
)

func (Append) effect()  {}
func (Publish) effect() {}
func (Dropped) effect() {}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (m *Machine) Step(now domain.Now, in Input) []Effect {
	m.effects = m.effects[:0]
	switch in := in.(type) {
	case Saw:
		m.saw(in)
	case Copied:
		if in.Through > m.through { // 0 is nothing
			m.copied(in.Through)
		}
	case Reign:
		m.reigning = in.Is
		if !in.Is {
			m.view = nil
		}
	case View:
		m.view = &in.View
	case Landed:
		m.copied(m.underWay)
		m.underWay = -1
	case Failed:
		m.underWay, m.retryAt = -1, now.Mono+retry
	case Timer:
	}
	if now.Mono >= m.retryAt {
		m.retryAt = 0
		m.append(now)
	}
	m.publish()
	return m.effects
}

// saw takes note of a folded control record. The heartbeat before it goes first, be it
// a claim or not: once what comes behind a heartbeat is copied, that one never is.
func (m *Machine) saw(in Saw) {
	o := original{member: in.Member, stored: in.Stored}
	if in.Heard {
		m.heard = &o
		return
	}
	if m.heard != nil {
		m.keep(*m.heard)
		m.heard = nil
	}
	m.keep(o)
}

func (m *Machine) keep(o original) {
	if o.stored.Offset <= m.through && m.through > 0 {
		return
	}
	if len(m.waiting) >= maxUncopied {
		m.effects = append(m.effects, Dropped{Offset: m.waiting[0].stored.Offset})
		m.waiting = m.waiting[1:]
	}
	m.waiting = append(m.waiting, o)
}

// copied forgets what the primary has copied, be it this server or another one.
func (m *Machine) copied(through int64) {
	m.through = max(m.through, through)
	n := 0
	for n < len(m.waiting) && m.waiting[n].stored.Offset <= through {
		n++
	}
	clear(m.waiting[:n])
	m.waiting = m.waiting[n:]
}

// append copies a part of what waits.
func (m *Machine) append(now domain.Now) {
	if !m.reigning || m.underWay >= 0 || len(m.waiting) == 0 {
		return
	}
	part := m.batch()
	records := make([]domain.Record, len(part))
	for i, o := range part {
		records[i] = m.scribe.Record(now.Wall, o.member, m.copy(o.stored))
	}
	m.underWay = part[len(part)-1].stored.Offset
	m.effects = append(m.effects, Append{Records: records})
}

// batch is what one append takes of what waits: at least one.
func (m *Machine) batch() []original {
	n, size := 0, 0
	for ; n < min(len(m.waiting), maxBatch); n++ {
		if size += len(m.waiting[n].stored.Value); n > 0 && size > maxBatchBytes {
			break
		}
	}
	return m.waiting[:n]
}

// publish publishes the view that waits, if nothing that it covers waits any more.
func (m *Machine) publish() {
	if m.view == nil || len(m.waiting) > 0 && m.waiting[0].stored.Offset <= m.view.At {
		return
	}
	m.effects = append(m.effects, Publish{View: *m.view})
	m.view = nil
}

// Through is the offset in control up to which all that belongs there is in the
// elections topic. A checkpoint of the primary tells it to the others.
func (m *Machine) Through() int64 { return m.through }

// NextWake is when the copier wants a Timer; zero if never.
func (m *Machine) NextWake() domain.Mono { return m.retryAt }
