// Package clerk does the primary's errands: dead letters go to their topic,
// commands to the partition that owns their device, and commands that follow from
// others are appended under a derived UID. It reads a record again by its
// position, so the fold keeps no bytes of it.
//
// A [Machine] is one epoch's: feed it inputs with the time, and carry out its
// effects in order. It has no clock, goroutine or I/O. It does one errand after
// the other, each until it has succeeded; what is left when the epoch ends is
// still owed in the fold, so the next primary does it. Doing one twice is no harm.
package clerk

import (
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// The pauses between attempts at one errand double from the one to the other.
const (
	retryFrom = 20 * time.Millisecond
	retryUpTo = time.Second
)

// Bury makes the dead letter of a record of the log topic.
type Bury func(domain.Stored, domain.Record) domain.DeadLetter

// Errand is something to be done until it has succeeded.
type Errand interface {
	// At is the record that asks for it.
	At() domain.Position
	// What it is, for people.
	What() string
}

type (
	// Chore is what the fold says that the primary owes: a dead letter, a command
	// to forward, or one to append again.
	Chore struct{ partition.Chore }
	// Relock takes a lock again, for whoever has asked for it at Asked.
	Relock struct {
		Because domain.Position
		Asked   domain.Position
		Device  string
		UID     string
		Take    domain.SetLock
	}
)

// At implements Errand.
func (c Chore) At() domain.Position { return c.Position }

// What implements Errand.
func (c Chore) What() string { return c.Kind.String() }

// At implements Errand.
func (r Relock) At() domain.Position { return r.Because }

// What implements Errand.
func (r Relock) What() string { return "relock" }

// Machine is the clerk of one epoch.
type Machine struct {
	scribe  domain.Scribe
	bury    Bury
	waiting []Errand // the first one is under way
	begun   bool     // it is
	retryAt domain.Mono
	pause   time.Duration
	effects []Effect
}

// New is a clerk that has nothing to do yet.
func New(scribe domain.Scribe, bury Bury) *Machine {
	return &Machine{scribe: scribe, bury: bury, pause: retryFrom}
}

// Input is what can happen to a clerk.
type Input interface{ input() }

type (
	// Do adds an errand.
	Do struct{ Errand Errand }
	// Fetched answers Fetch: the record, as it is stored and as it decodes.
	Fetched struct {
		Stored domain.Stored
		Record domain.Record
	}
	// Appended answers Append: it was acknowledged.
	Appended struct{}
	// Failed answers either: it did not succeed, or nobody knows.
	Failed struct{ Cause string }
	// Timer says that NextWake has come.
	Timer struct{}
)

func (Do) input()       {}
func (Fetched) input()  {}
func (Appended) input() {}
func (Failed) input()   {}
func (Timer) input()    {}

// Effect is what the caller must do.
type Effect interface{ effect() }

type (
	// Fetch reads the log's record at a position, to be answered by Fetched or Failed.
	Fetch struct{ At domain.Position }
	// Append appends a record, to be answered by Appended or Failed. It carries no
	// epoch: the UID, or the position that a dead letter names, tells repeats.
	Append struct {
		Topic     domain.TopicKind
		Partition int32
		Record    domain.Record
	}
	// Journal gives the primary's journal an entry.
	Journal struct{ Entry journal.Entry }
	// Retrying tells that an errand has failed and is tried again after a while.
	Retrying struct {
		Errand Errand
		Cause  string
	}
)

func (Fetch) effect()    {}
func (Append) effect()   {}
func (Journal) effect()  {}
func (Retrying) effect() {}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (m *Machine) Step(now domain.Now, in Input) []Effect {
	m.effects = m.effects[:0]
	switch in := in.(type) {
	case Do:
		m.waiting = append(m.waiting, in.Errand)
	case Fetched:
		m.fetched(now, in)
	case Appended:
		m.appended()
	case Failed:
		if m.begun {
			m.do(Retrying{Errand: m.waiting[0], Cause: in.Cause})
			m.begun, m.retryAt = false, now.Mono+m.pause
			m.pause = min(2*m.pause, retryUpTo)
		}
	case Timer:
	}
	if !m.begun && len(m.waiting) > 0 && now.Mono >= m.retryAt {
		m.begin(now)
	}
	return m.effects
}

// begin makes an attempt at the first errand.
func (m *Machine) begin(now domain.Now) {
	m.begun, m.retryAt = true, 0
	switch e := m.waiting[0].(type) {
	case Chore:
		if e.Kind == partition.Again {
			m.again(now, e)
			return
		}
		m.do(Fetch{At: e.Position})
	case Relock:
		m.do(Fetch{At: e.Asked})
	}
}

// fetched goes on with the record that was read again.
func (m *Machine) fetched(now domain.Now, in Fetched) {
	if !m.begun {
		return
	}
	switch e := m.waiting[0].(type) {
	case Chore:
		if e.Kind == partition.Forward {
			m.forward(e, in.Record)
		} else {
			m.letter(now, e, in)
		}
	case Relock:
		m.relock(now, e, in.Record)
	}
}

// forward appends a command to the partition that owns its device, under the
// same UID: however often that happens, it is one command.
func (m *Machine) forward(c Chore, r domain.Record) {
	origin := c.Position
	r.Origin = &origin
	if r.Created == 0 {
		r.Created = r.Appended
	}
	m.do(Append{Topic: domain.TopicLog, Partition: c.Owner, Record: r})
}

// letter copies a record that could not be understood to the dead letters.
func (m *Machine) letter(now domain.Now, c Chore, in Fetched) {
	r := in.Record
	if r.Defect == domain.DefectNone {
		r.Defect = c.Defect
	}
	m.do(Append{Topic: domain.TopicDeadLetter, Record: m.scribe.Record(now.Wall, "log", m.bury(in.Stored, r))})
}

// again appends the command that an operator's resolution, or a device that
// came back, asks for. Its UID is derived, so it is one command.
func (m *Machine) again(now domain.Now, c Chore) {
	r := m.command(now, c.Device, c.UID, c.Payload)
	r.User = c.By
	m.do(Append{Topic: domain.TopicLog, Partition: c.Position.Partition, Record: r})
}

// relock appends the command for whoever has asked for the lock.
func (m *Machine) relock(now domain.Now, l Relock, asked domain.Record) {
	r := m.command(now, l.Device, l.UID, l.Take)
	if asked.Signed {
		r.User = asked.User
	}
	m.do(Append{Topic: domain.TopicLog, Partition: l.Because.Partition, Record: r})
}

func (m *Machine) command(now domain.Now, device, uid string, p domain.Payload) domain.Record {
	return domain.Record{
		Type: p.Type(), UID: uid, Source: domain.ServerSource(m.scribe.Server), Subject: device,
		Created: now.Wall, Payload: p,
	}
}

// appended ends the errand. What was copied is told to the fold; a command that
// was appended speaks for itself.
func (m *Machine) appended() {
	if !m.begun {
		return
	}
	if c, ok := m.waiting[0].(Chore); ok && c.Kind != partition.Again {
		subject := c.Device
		if subject == "" {
			subject = "log"
		}
		m.do(Journal{journal.Entry{Partition: c.Position.Partition, Subject: subject, Payload: domain.Handled{Record: c.Position}}})
	}
	m.waiting[0] = nil
	m.waiting, m.begun, m.pause = m.waiting[1:], false, retryFrom
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

// NextWake is when the clerk wants a Timer; zero if never.
func (m *Machine) NextWake() domain.Mono {
	if m.begun {
		return 0
	}
	return m.retryAt
}
