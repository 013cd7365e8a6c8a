// Package clerk does the primary's errands: dead letters go to their topic,
// commands to the partition that owns their device, and commands that follow from
// others are appended under a derived UID. It reads a record again by its
// position, so the fold keeps no bytes of it.
//
// A [Machine] is one epoch's: feed it inputs with the time, and carry out its
// effects in order. It has no clock, goroutine or I/O. It does one errand after
// the other, each until it has succeeded or never can. One that has to wait holds
// up those alone that are read from the same partition and go to the same one, so
// that their order stays. What is left when the epoch ends, or was given up, is
// still owed in the fold, so the next primary does it. Doing one twice is no harm.
package clerk

import (
	"slices"
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

// Errand is something to be done.
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
	// Repeat wishes once more, because of a record, for what the verb of the command at
	// Asked has set: a parameter of a device that came back without it.
	Repeat struct {
		Because domain.Position
		Asked   domain.Position
		Device  string
		UID     string
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

// At implements Errand.
func (r Repeat) At() domain.Position { return r.Because }

// What implements Errand.
func (r Repeat) What() string { return "repeat" }

// Machine is the clerk of one epoch.
type Machine struct {
	scribe  domain.Scribe
	bury    Bury
	current *lane   // whose first errand is under way; nil for none
	lanes   []*lane // the others that have something to do, in turn
	effects []Effect
}

// New is a clerk that has nothing to do yet.
func New(scribe domain.Scribe, bury Bury) *Machine {
	return &Machine{scribe: scribe, bury: bury}
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
	// Failed answers either: it did not succeed, or nobody knows. Invalid means
	// that no attempt can ever succeed.
	Failed struct {
		Invalid bool
		Cause   string
	}
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
	// GaveUp tells that an errand cannot be done. It is left to the next primary.
	GaveUp struct {
		Errand Errand
		Cause  string
	}
)

func (Fetch) effect()    {}
func (Append) effect()   {}
func (Journal) effect()  {}
func (Retrying) effect() {}
func (GaveUp) effect()   {}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (m *Machine) Step(now domain.Now, in Input) []Effect {
	m.effects = m.effects[:0]
	switch in := in.(type) {
	case Do:
		l := m.lane(routeOf(in.Errand))
		l.waiting = append(l.waiting, in.Errand)
	case Fetched:
		m.fetched(now, in)
	case Appended:
		m.appended()
	case Failed:
		m.failed(now, in)
	case Timer:
	}
	if m.current == nil {
		m.next(now)
	}
	return m.effects
}

// next makes an attempt at an errand whose turn it is.
func (m *Machine) next(now domain.Now) {
	i := slices.IndexFunc(m.lanes, func(l *lane) bool { return now.Mono >= l.retryAt })
	if i < 0 {
		return
	}
	m.current = m.lanes[i]
	m.lanes = slices.Delete(m.lanes, i, i+1)
	switch e := m.current.waiting[0].(type) {
	case Chore:
		if e.Kind == partition.Again {
			m.again(now, e)
			return
		}
		m.do(Fetch{At: e.Position})
	case Relock:
		m.do(Fetch{At: e.Asked})
	case Repeat:
		m.do(Fetch{At: e.Asked})
	}
}

// failed puts off the errand that is under way, or gives it up.
func (m *Machine) failed(now domain.Now, in Failed) {
	l := m.current
	if l == nil {
		return
	}
	if in.Invalid {
		m.do(GaveUp{Errand: l.waiting[0], Cause: in.Cause})
		m.done()
		return
	}
	m.do(Retrying{Errand: l.waiting[0], Cause: in.Cause})
	l.retryAt = now.Mono + l.pause
	l.pause = min(2*l.pause, retryUpTo)
	m.current, m.lanes = nil, append(m.lanes, l)
}

// done ends the errand that is under way.
func (m *Machine) done() {
	l := m.current
	l.waiting[0] = nil
	l.waiting, l.retryAt, l.pause = l.waiting[1:], 0, retryFrom
	if m.current = nil; len(l.waiting) > 0 {
		m.lanes = append(m.lanes, l)
	}
}

// fetched goes on with the record that was read again.
func (m *Machine) fetched(now domain.Now, in Fetched) {
	if m.current == nil {
		return
	}
	switch e := m.current.waiting[0].(type) {
	case Chore:
		if e.Kind == partition.Forward {
			m.forward(e, in.Record)
		} else {
			m.letter(now, e, in)
		}
	case Relock:
		m.relock(now, e, in.Record)
	case Repeat:
		m.repeat(now, e, in.Record)
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

// repeat appends the same command once more, for whoever has asked for it.
func (m *Machine) repeat(now domain.Now, e Repeat, asked domain.Record) {
	call, ok := asked.Payload.(domain.Invoke)
	if !ok || asked.Defect != domain.DefectNone {
		m.do(GaveUp{Errand: e, Cause: "what was asked for is no call of a verb"})
		m.done()
		return
	}
	r := m.command(now, e.Device, e.UID, call)
	if asked.Signed {
		r.User = asked.User
	}
	m.do(Append{Topic: domain.TopicLog, Partition: e.Because.Partition, Record: r})
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
	if m.current == nil {
		return
	}
	if c, ok := m.current.waiting[0].(Chore); ok && c.Kind != partition.Again {
		subject := c.Device
		if subject == "" {
			subject = "log"
		}
		m.do(Journal{journal.Entry{Partition: c.Position.Partition, Subject: subject, Payload: domain.Handled{Record: c.Position}}})
	}
	m.done()
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

// NextWake is when the clerk wants a Timer; zero if never.
func (m *Machine) NextWake() (at domain.Mono) {
	if m.current != nil {
		return 0
	}
	for _, l := range m.lanes {
		if at == 0 || l.retryAt < at {
			at = l.retryAt
		}
	}
	return at
}
