package core

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/device"
)

// term is one epoch of primacy. It begins with a mark in every partition; a
// partition's devices are driven from the moment at which its mark has been
// folded, because then its pending actions are exact.
type term struct {
	epoch     uint64
	began     domain.Mono // before the marks were sent
	resumed   domain.Mono // after the last lapse of the lease
	marks     []mark      // by partition
	opened    []bool
	open      int
	working   map[choreKey]bool // chores under way
	awaits    map[string]bool   // devices whose new definition is on its way: their work is handed over with it
	handed    map[string]bool   // devices that have their work
	resting   map[string]*resting
	rollouts  []rollout // of the active revision, by partition
	held      bool      // the lease ran out; it may come back
	draining  bool      // contested
	finishing bool      // a planned end
}

// mark is the beginning of an epoch in one partition, as it was folded.
type mark struct {
	folded   bool
	since    domain.Mono // the log did not hold it yet
	appended domain.Instant
}

func (t *term) isOpen() bool { return t.open == len(t.opened) }

// beginTerm makes this server the primary of an epoch that it has won. A claim
// may have been under way when the server was quarantined: what it wins then goes
// back at once.
func (m *Machine) beginTerm(epoch uint64) {
	m.endTerm("another epoch begins")
	if m.quarantined {
		m.do(Control{election.Release{Epoch: epoch, Reason: "this server is in quarantine"}})
		return
	}
	m.term = &term{
		epoch: epoch, began: m.now.Mono, finishing: m.leaving,
		marks: make([]mark, len(m.states)), rollouts: make([]rollout, len(m.states)),
		opened: make([]bool, len(m.states)), working: make(map[choreKey]bool), awaits: make(map[string]bool),
		handed: make(map[string]bool), resting: make(map[string]*resting),
	}
	m.do(BeginTerm{Epoch: epoch})
	for p := range m.states {
		m.say(int32(p), m.cfg.Server, domain.EpochOpened{
			Server: m.cfg.Server, Incarnation: m.cfg.Incarnation, Time: m.now.Wall,
		})
	}
}

// endTerm stops everything that an epoch's primary does.
func (m *Machine) endTerm(cause string) {
	if m.term == nil {
		return
	}
	m.term = nil
	m.do(EndTerm{Cause: cause})
	for _, d := range m.names {
		m.tell(d, device.Demote{})
	}
	m.settleAll()
}

// abdicate gives primacy up because this server can no longer do its work.
func (m *Machine) abdicate(in Broken) {
	if m.term == nil || m.term.epoch != in.Epoch {
		return
	}
	m.endTerm(in.Cause)
	m.do(Control{election.Release{Epoch: in.Epoch, Reason: in.Cause}})
}

// tooLate gives up an epoch whose mark does not count, because the partition has seen
// that epoch before, or a higher one. Where control was lost the next claim then is
// above it: when this server read the log up to its end, the broker did not show all.
func (m *Machine) tooLate(s *partition.State) {
	m.tellFloor()
	m.abdicate(Broken{
		Epoch: m.term.epoch,
		Cause: fmt.Sprintf("partition %d is in epoch %d of another server already", s.Partition(), s.Epoch()),
	})
}

// suspend stops sending. What is under way may still be answered, and its
// outcomes logged.
func (m *Machine) suspend(lapsed bool) {
	if m.term == nil {
		return
	}
	m.term.held = true
	for _, d := range m.names {
		m.tell(d, device.Hold{Lapsed: lapsed})
	}
}

// resume lets the devices be written to again after the lease had run out.
func (m *Machine) resume() {
	if m.term == nil || m.quarantined {
		return
	}
	m.term.held, m.term.resumed = false, m.now.Mono
	for _, d := range m.names {
		m.tell(d, device.Resume{})
	}
}

// act is what the primary does because of one folded record.
func (m *Machine) act(s *partition.State, in *Read, r *domain.Record, change partition.Change) {
	applied := change.Verdict == partition.Applied
	own := applied && r.Epoch == m.term.epoch
	if r.Type == domain.TypeEpochOpened && own {
		m.markFolded(s, in, r)
		return
	}
	if opened, ok := r.Payload.(domain.EpochOpened); ok && change.Verdict == partition.Fenced && r.Epoch == m.term.epoch && opened.Incarnation == m.cfg.Incarnation {
		m.tooLate(s)
		return
	}
	if _, known := m.devices[r.Subject]; !known || !m.term.opened[in.Partition] {
		return
	}
	switch {
	case change.Verdict == partition.Accepted:
		if p := change.Pending; p != nil {
			m.tell(r.Subject, device.Accept{Work: emission.Work{
				UID: p.UID, Command: p.Command, Effect: p.Effect, Payload: p.Payload,
				Wishes: p.Wishes, Read: in.At, Deadline: deadline(in, p),
			}})
		}
	case r.Type == domain.TypeStarted && own:
		if started, ok := r.Payload.(domain.Started); ok {
			m.tell(r.Subject, device.StartCounts{UID: started.UID})
		}
	case r.Type == domain.TypeOutcome && own:
		if ended, ok := r.Payload.(domain.Ended); ok && mayBeUnsent(&ended, change.Pending) {
			m.tell(r.Subject, device.EndCounts{UID: ended.UID})
		}
	case r.Type == domain.TypeConnection && applied:
		m.restore(s, r)
	case r.Type == domain.TypeReported && own:
		m.relock(s, r)
	}
}

// mayBeUnsent says whether a command may have ended while it waited to be sent: its
// device waits to know that this counts.
func mayBeUnsent(e *domain.Ended, p *partition.Pending) bool {
	return e.Outcome == domain.Expired || e.Reason == domain.ReasonDisconnected || p != nil && p.Effect == domain.Queryable
}

// deadline is when a command that was read live is too old to be sent: its age is
// counted from the last moment at which the log is known not to have held it yet.
func deadline(in *Read, p *partition.Pending) domain.Mono {
	from := in.Since
	if from == 0 {
		from = in.At
	}
	return from + p.ValidFor
}

// markFolded opens a partition, as soon as the mark of the revisions' partition is
// folded too: until then nobody knows whose word on the devices counts.
func (m *Machine) markFolded(s *partition.State, in *Read, r *domain.Record) {
	m.term.marks[s.Partition()] = mark{folded: true, since: in.Since, appended: r.Appended}
	if !m.term.marks[domain.PartitionOfRevisions].folded {
		return
	}
	for p, mark := range m.term.marks {
		if mark.folded && !m.term.opened[p] {
			m.openPartition(m.states[p], mark)
		}
	}
}

// openPartition hands a partition's devices over to their queues, but for those that
// this server's file has otherwise than the log: nothing is sent to where they may not
// be any more. Where the landscape has a configuration of its own, that is brought to
// them first, as far as one batch goes.
func (m *Machine) openPartition(s *partition.State, mark mark) {
	p := s.Partition()
	m.term.opened[p] = true
	m.term.open++
	if m.ActiveRevision() == 0 {
		m.configure(s)
		m.removeOthers(s)
	}
	m.rollOutTo(int(p))
	for _, d := range m.names {
		if m.devices[d].Partition == p && !m.term.awaits[d] {
			m.handOver(s, d, mark.since, mark.appended)
		}
	}
	m.dischargeChores(p)
	if m.term.isOpen() {
		m.do(Opened{Epoch: m.term.epoch})
	}
}

// handOver builds a device's work from the fold, because of a record that was just
// folded: the mark, or a configuration. The age of what waits is counted in log time
// up to that record, and on this server's clock from a moment at which it was not in
// the log yet: never less than it is.
func (m *Machine) handOver(s *partition.State, name string, since domain.Mono, appended domain.Instant) {
	dev, ok := s.Device(name)
	if !ok {
		return
	}
	t := m.term
	t.handed[name] = true
	before := max(t.began, since)
	p := device.Promote{
		Epoch: t.epoch, Connected: dev.Connected,
		Held: t.held || t.draining, Finishing: t.finishing,
	}
	for _, cell := range dev.Cells() {
		if cell.HasReported {
			p.Reported = append(p.Reported, domain.Value{Target: cell.Target, Value: cell.Reported})
		}
	}
	for _, w := range dev.Pending() {
		work := emission.Work{
			UID: w.UID, Command: w.Command, Effect: w.Effect, Payload: w.Payload,
			Wishes: s.Newest(name, w), Read: m.now.Mono,
			Deadline: before + w.ValidFor - max(0, appended.Sub(w.Appended)),
			Started:  w.Started, Gone: w.Gone,
		}
		if w.Gone {
			work.Wishes = w.Wishes
		}
		for _, l := range s.Superseded(name, w) {
			work.Lost = append(work.Lost, emission.Loss{Target: l.Target, By: l.By})
		}
		p.Work = append(p.Work, work)
	}
	m.tell(name, p)
}
