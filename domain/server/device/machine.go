package device

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// Settings of a device. A change of them makes another machine.
type Settings struct {
	Server     string             // this one
	Definition *domain.Definition // not written to
	Partition  int32              // that owns it
	Removed    bool               // it is no longer configured: its commands must still end
}

// protocols are what the emission has to know of each driver's devices.
var protocols = map[domain.DriverName]struct {
	window int  // how many actions may be with a device unanswered
	polled bool // it does not report by itself
}{
	domain.DriverVideohub: {window: 64},              // answers come strictly in order
	domain.DriverHTTP:     {window: 1, polled: true}, // one request at a time keeps the order
}

// Machine is one server's side of one device.
type Machine struct {
	settings Settings

	linked   bool   // a link is open, or about to be
	opening  uint64 // counts the openings of the link
	known    bool   // it was said whether the device is there
	up       bool
	detail   string
	observed []domain.Value // by target

	epoch    uint64          // that this server is the primary of; 0 for none
	queue    *emission.Queue // of this epoch; nil for none
	ending   bool            // it begins nothing more, for good
	settling []uint64
	lastRef  uint64 // that the link was given, in any epoch

	said    []journal.Entry
	effects []Effect
}

// New is a device that is not connected.
func New(s Settings) *Machine {
	return &Machine{settings: s}
}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (m *Machine) Step(now domain.Mono, in Input) []Effect {
	m.effects, m.said = append(m.effects[:0], nil), nil // the first place is for Append
	if m.isStale(in) {
		return nil
	}
	m.take(now, in)
	m.settle(now)
	if len(m.said) > 0 {
		m.effects[0] = Append{Epoch: m.epoch, Entries: m.said}
		return m.effects
	}
	return m.effects[1:]
}

func (m *Machine) take(now domain.Mono, in Input) {
	switch in := in.(type) {
	case Begin:
		if !m.warm() {
			m.open()
		}
	case Promote:
		m.promote(now, in)
	case Demote:
		m.demote(now, in)
	case Accept:
		m.feed(now, emission.Accept{Work: in.Work})
	case StartCounts:
		m.feed(now, emission.StartCounts{UID: in.UID})
	case EndCounts:
		m.feed(now, emission.EndCounts{UID: in.UID})
	case Hold:
		m.hold(now, in)
	case Resume:
		m.feed(now, emission.Resume{})
		if m.queue != nil && (!m.ending || !m.queue.Settled()) { // what was written ahead is still to be sent
			m.open()
		}
	case Finish:
		m.settling = append(m.settling, in.Settle)
		m.ending = true
		m.feed(now, emission.Finish{})
	case NotOpened:
		m.linked = false
		m.connection(now, false, in.Cause, true)
	case Up:
		m.connection(now, true, in.Detail, false)
	case Down:
		m.connection(now, false, in.Cause, false)
	case Reported:
		m.observe(in)
		m.feed(now, emission.Report{Values: in.Values, Full: in.Full})
	case Answered:
		m.feed(now, emission.Answer{Answered: in.Answered})
	case Emitted:
		m.feed(now, in.Emitted)
	case Timer:
		m.feed(now, emission.Timer{})
	}
}

// isStale says whether a link speaks that has been closed meanwhile.
func (m *Machine) isStale(in Input) bool {
	var opening uint64
	switch in := in.(type) {
	case NotOpened:
		opening = in.Opening
	case Up:
		opening = in.Opening
	case Down:
		opening = in.Opening
	case Reported:
		opening = in.Opening
	case Answered:
		opening = in.Opening
	default:
		return false
	}
	return opening != m.opening
}

// feed drives the queue.
func (m *Machine) feed(now domain.Mono, in emission.Input) {
	if m.queue == nil {
		return
	}
	for _, e := range m.queue.Step(now, in) {
		switch e := e.(type) {
		case emission.Start:
			m.say(domain.Started{UID: e.UID, Command: e.Command})
		case emission.Log:
			m.say(domain.Reported{Values: e.Values, Full: e.Full})
		case emission.End:
			e.Server = m.settings.Server
			m.say(e.Ended)
		case emission.Emit:
			m.lastRef = e.Ref
			m.do(Emit{Epoch: m.epoch, Action: e.Action, Deadline: e.Deadline})
		case emission.Read:
			m.lastRef = e.Ref
			m.do(Read{Ref: e.Ref})
		}
	}
}

func (m *Machine) say(p domain.Payload) {
	m.said = append(m.said, journal.Entry{Partition: m.settings.Partition, Subject: m.settings.Definition.Device, Payload: p})
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

// settle answers those who wait until nothing is under way.
func (m *Machine) settle(now domain.Mono) {
	if len(m.settling) == 0 || m.queue != nil && !m.queue.Settled() {
		return
	}
	if m.warm() {
		m.shut(now, "this server gives primacy up") // before the next one connects
	}
	for _, s := range m.settling {
		m.do(Settled{Settle: s})
	}
	m.settling = nil
}

// NextWake is when the device wants a Timer; zero if never.
func (m *Machine) NextWake() domain.Mono {
	if m.queue == nil {
		return 0
	}
	return m.queue.NextWake()
}

// Settings are what the machine was made with.
func (m *Machine) Settings() Settings { return m.settings }

// Up says whether this server is connected to the device.
func (m *Machine) Up() bool { return m.up }

// Pending is the number of actions without an outcome, on the primary.
func (m *Machine) Pending() int {
	if m.queue == nil {
		return 0
	}
	return m.queue.Len()
}

// IdleSince is [emission.Queue.IdleSince]: zero on a standby.
func (m *Machine) IdleSince() domain.Mono {
	if m.queue == nil {
		return 0
	}
	return m.queue.IdleSince()
}
