package core

import (
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// Timing of the core's own duties.
const (
	healthEvery     = 50 * time.Millisecond
	checkpointEvery = time.Second
	checkpointAfter = 1000 // records
	tickEvery       = time.Minute
)

// Config is what a core needs to know of its server.
type Config struct {
	Server, Incarnation string
	Devices             []domain.Definition // what this server's configuration says
	Unfit               bool                // this server must not be primary: it is never ready
	// Watch sees each record right after it was folded. It must not keep the state.
	Watch func(*partition.State, *domain.Record, partition.Change)
}

// Machine owns the folds of all partitions, and what the primary does with them.
type Machine struct {
	cfg Config
	now domain.Now

	states   []*partition.State
	high     []int64 // -1 before the first answer
	caughtUp bool
	sight    sight

	wanted   [][]*domain.Definition     // what the configuration says, by partition
	isWanted map[string]bool            // the devices of it
	plan     plan                       // the landscape's own, which counts instead where there is one
	devices  map[string]device.Settings // that are open
	names    []string                   // theirs, in order
	since    since                      // when the active revision became so
	unsent   map[unsent]uint64          // one-shots that this server knows not to have sent, and the epoch in which it wrote them ahead
	said     domain.RevisionAcknowledged
	keeping  keeping
	term     *term // of the epoch that this server holds; nil for none
	leaving  bool  // a term that begins now begins nothing more

	settlings  []*settling
	lastSettle uint64

	agreement
	reach reach

	sinceCheckpoint                int
	healthAt, checkpointAt, tickAt domain.Mono
	idle                           time.Duration // as of the last Timer
	appending                      domain.Mono

	effects []Effect
}

// New is a core that goes on from states, one for each partition. They are the
// machine's own from then on.
func New(cfg Config, states []*partition.State) *Machine {
	n := len(states)
	m := &Machine{
		cfg: cfg, states: states, high: make([]int64, n), sight: sight{answered: make([]domain.Mono, n)},
		devices:   make(map[string]device.Settings),
		reach:     reach{links: make(map[string]*link)},
		agreement: agreement{trail: make([]trail, n), proven: make([]domain.StateHash, n)},
	}
	for p := range m.high {
		m.high[p] = -1
	}
	m.wanted, m.isWanted = m.byPartition(cfg.Devices)
	return m
}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (m *Machine) Step(now domain.Now, in Input) []Effect {
	m.effects, m.now = m.effects[:0], now
	switch in := in.(type) {
	case Begin:
		m.begin()
	case Read:
		m.read(&in)
	case LogLost:
		m.sight.lostAt = now.Mono
		m.tellHealth()
	case Timer:
		m.idle, m.appending = in.Idle, in.Appending
		m.wake()
	case Unsent:
		m.remember(in)
	case Linked:
		m.reach.linked(now.Mono, in)
	case Settled:
		m.settled(in)
	case Flushed:
		m.flushed(in.ID)
	case Broken:
		m.abdicate(in)
	case Refolded:
		m.refolded(in.Err)
	case Loaded:
		m.loaded(in)
	case Kept:
		m.kept(in)
	default:
		m.hear(in)
	}
	return m.effects
}

// hear takes what control says.
func (m *Machine) hear(in Input) {
	switch in := in.(type) {
	case Won:
		m.beginTerm(in.Epoch)
	case Over:
		m.endTerm(in.Cause)
	case Suspend:
		m.suspend(in.Lapsed)
	case Resume:
		m.resume()
	case Finish:
		if in.Epoch == 0 || m.term != nil && in.Epoch == m.term.epoch {
			m.finish(in.Then)
		}
	case Drain:
		m.drain(in.Then)
	case Leave:
		m.leaving = true
		m.finish(in.Then)
	case Informed:
		m.told = true
		m.compare()
	case Joined:
		m.greet()
	case Issued:
		m.issue(in.Checkpoint, in.At)
	case Expect:
		m.expect(in)
	case Agreed:
		m.confirmed(in.At)
	case Contentment:
		m.contented(in.Incarnation)
	case Complaint:
		m.verify(in.Incarnation)
	case Conceded:
		m.concede(in.Incarnation)
	case Ended:
		m.outlive(in.Incarnation)
	case Vouch:
		m.vouch(in.User, in.Reason)
	}
}

func (m *Machine) begin() {
	for _, s := range m.states {
		for _, d := range s.Devices() {
			m.openDevice(d.Definition, d.Removed)
		}
	}
	m.healthAt = m.now.Mono + healthEvery
	m.checkpointAt = m.now.Mono + checkpointEvery
	m.tickAt = m.now.Mono + tickEvery
}

// read folds what was read of one partition.
func (m *Machine) read(in *Read) {
	s := m.states[in.Partition]
	for i := range in.Records {
		r := &in.Records[i]
		change := s.Apply(*r)
		m.trail[in.Partition].add(s, in.High)
		if m.cfg.Watch != nil {
			m.cfg.Watch(s, r, change)
		}
		m.follow(s, in, r, change)
	}
	m.high[in.Partition] = in.High
	m.sight.answered[in.Partition] = in.At
	if len(in.Records) > 0 {
		m.compare()
		m.dischargeChores(in.Partition)
		m.sinceCheckpoint += len(in.Records)
		if m.sinceCheckpoint >= checkpointAfter {
			m.checkpoint()
		}
	}
	if !m.caughtUp && m.isCaughtUp() {
		m.caughtUp = true
		m.seek()
		m.tellFloor()
		m.tellHealth()
	}
}

// follow is what the live server does because of one folded record.
func (m *Machine) follow(s *partition.State, in *Read, r *domain.Record, change partition.Change) {
	switch {
	case r.Type == domain.TypeEpochOpened && change.Verdict == partition.Applied:
		m.reach.another(m.now.Mono)
	case r.Type == domain.TypeConfigured && change.Verdict == partition.Applied:
		m.configured(in, r)
	case r.Type == domain.TypeConfigured && change.Verdict != partition.Repeated: // a late copy says nothing of the next one
		m.unchanged(in, r)
	case change.RevisionsChanged:
		m.seek()
		m.rollOut()
	}
	if r.Type == domain.TypeConfigured {
		m.rolledOut(in, r)
	}
	if ended, ok := r.Payload.(domain.Ended); ok && len(m.unsent) > 0 && change.Verdict == partition.Applied {
		m.recall(s, r.Subject, ended.UID)
	}
	if m.term != nil {
		m.act(s, in, r, change)
	}
}

func (m *Machine) isCaughtUp() bool {
	for p, s := range m.states {
		if m.high[p] < 0 || s.Next() < m.high[p] {
			return false
		}
	}
	return true
}

// wake does what is due.
func (m *Machine) wake() {
	now := m.now.Mono
	m.watchActive()
	if now >= m.healthAt {
		m.healthAt = now + healthEvery
		m.tellHealth()
	}
	if now >= m.checkpointAt {
		m.checkpointAt = now + checkpointEvery
		m.checkpoint()
	}
	if now >= m.tickAt {
		m.tickAt = now + tickEvery
		m.tickIdle()
	}
	m.decideAgain()
	m.seekAgain()
	m.settleDue()
}

// tickIdle keeps the log time of idle partitions going.
func (m *Machine) tickIdle() {
	if !m.Acting() {
		return
	}
	for p, s := range m.states {
		if m.now.Wall.Sub(s.LogTime()) >= tickEvery/2 {
			m.say(int32(p), "log", domain.Tick{Time: m.now.Wall})
		}
	}
}

// NextWake is when the core wants a Timer.
func (m *Machine) NextWake() domain.Mono {
	at := min(m.healthAt, m.checkpointAt, m.tickAt)
	if again := m.refold.againAt; again > 0 {
		at = min(at, again)
	}
	if m.plan.again > 0 {
		at = min(at, m.plan.again)
	}
	for _, s := range m.settlings {
		at = min(at, s.until)
	}
	return min(at, m.nextRest(at))
}

// say has the journal append something. What one step says in a row is one entry
// into the journal, so that it is one append.
func (m *Machine) say(p int32, subject string, payload domain.Payload) {
	e := journal.Entry{Partition: p, Subject: subject, Payload: payload}
	if n := len(m.effects); n > 0 {
		if j, ok := m.effects[n-1].(Journal); ok {
			m.effects[n-1] = Journal{append(j.Entries, e)}
			return
		}
	}
	m.do(Journal{[]journal.Entry{e}})
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

func (m *Machine) tell(device string, in device.Input) { m.do(Device{Device: device, Input: in}) }
