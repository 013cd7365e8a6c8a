package core

import (
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// How a primary brings a revision to the devices.
const (
	// rolloutBatch is how many definitions of a partition are on their way at a time:
	// commands that come meanwhile wait for no more than these.
	rolloutBatch   = 32
	loadAgainAfter = time.Second
)

// plan is the revision that the landscape is to have, as far as this server knows
// what is in it.
type plan struct {
	revision uint64 // 0: none was loaded
	wanted   [][]*domain.Definition
	isWanted map[string]bool
	loading  uint64      // asked for; 0 for none
	again    domain.Mono // when to ask again; 0 for never
	failed   uint64      // what could not be read, and why
	failure  string
}

// rollout is how far a primary has brought a revision to one partition.
type rollout struct {
	to   uint64 // 0: none yet
	todo []domain.Configured
}

// ActiveRevision is the number of the configuration that the landscape is to have; 0
// where the servers' own files say what devices there are.
func (m *Machine) ActiveRevision() uint64 {
	return m.states[domain.PartitionOfRevisions].ActiveRevision()
}

// AppliedRevision is the one that all devices have, as far as this server has folded;
// 0 for none.
func (m *Machine) AppliedRevision() uint64 {
	applied := m.states[0].AppliedRevision()
	for _, s := range m.states {
		applied = min(applied, s.AppliedRevision())
	}
	return applied
}

// seek asks for what is in the active revision, unless that is known already.
func (m *Machine) seek() {
	active := m.ActiveRevision()
	if !m.caughtUp || active == m.plan.revision || active == m.plan.loading || active == 0 {
		return
	}
	revision, ok := m.states[domain.PartitionOfRevisions].Revision(active)
	if !ok {
		return
	}
	m.plan.loading, m.plan.again = active, 0
	m.do(Load{Revision: revision})
}

// loaded takes what is in a revision, and brings it to the devices.
func (m *Machine) loaded(in Loaded) {
	if in.Revision != m.plan.loading {
		return // a newer one was asked for since
	}
	m.plan.loading = 0
	if in.Err != nil {
		m.do(Notice{Event: Unreadable, Revision: in.Revision, Cause: in.Err})
		m.plan.loading, m.plan.again = in.Revision, m.now.Mono+loadAgainAfter
		m.plan.failed, m.plan.failure = in.Revision, domain.Plain(in.Err)
		return
	}
	wanted, isWanted := m.byPartition(in.Devices)
	m.plan = plan{revision: in.Revision, wanted: wanted, isWanted: isWanted}
	m.do(Planned{Revision: in.Revision})
	m.seek()
	m.rollOut()
}

// seekAgain asks once more for what could not be read.
func (m *Machine) seekAgain() {
	if m.plan.again > 0 && m.now.Mono >= m.plan.again {
		m.plan.loading, m.plan.again = 0, 0
		m.seek()
	}
}

// rollOut goes on in all partitions.
func (m *Machine) rollOut() {
	for p := range m.states {
		m.rollOutTo(p)
	}
}

// rollOutTo brings one partition nearer to the active revision, a batch at a time. Of
// a partition of which anything is on its way nothing can be said before that is folded.
func (m *Machine) rollOutTo(p int) {
	t := m.term
	if t == nil || !t.opened[p] || t.finishing || t.draining || m.quarantined || m.plan.revision != m.ActiveRevision() {
		return
	}
	s, r := m.states[p], &t.rollouts[p]
	if anyOf(m, m.term.awaits, p) {
		return
	}
	if r.to != m.plan.revision {
		if s.AppliedRevision() >= m.plan.revision {
			return
		}
		*r = rollout{to: m.plan.revision, todo: m.difference(s)}
	} else if len(r.todo) == 0 {
		return
	}
	n := min(len(r.todo), rolloutBatch)
	for _, c := range r.todo[:n] {
		if c.Removed {
			m.do(Notice{Event: Removing, Device: c.Definition.Device, Revision: r.to})
		}
	}
	batch := r.todo[:n]
	r.todo = r.todo[n:]
	for _, c := range batch {
		m.redefine(s, c)
	}
	m.endRollout(p)
}

// endRollout says that a partition has come to a revision, behind all definitions.
func (m *Machine) endRollout(p int) {
	r := &m.term.rollouts[p]
	if len(r.todo) > 0 || anyOf(m, m.term.resting, p) {
		return
	}
	m.say(int32(p), domain.SubjectOfRevisions, domain.RevisionApplied{Revision: r.to})
}

// anyOf says whether a partition owns any of some devices.
func anyOf[V any](m *Machine, devices map[string]V, p int) bool {
	for d := range devices {
		if m.owner(d) == int32(p) {
			return true
		}
	}
	return false
}

// difference is what has to change in a partition.
func (m *Machine) difference(s *partition.State) (out []domain.Configured) {
	for _, wanted := range m.plan.wanted[s.Partition()] {
		def := *wanted
		def.Revision = 1
		if dev, ok := s.Device(def.Device); ok {
			if !dev.Removed && dev.Definition.Same(wanted) {
				continue
			}
			def.Revision = dev.Definition.Revision + 1
		}
		out = append(out, domain.Configured{Definition: def})
	}
	for _, dev := range s.Devices() {
		if !dev.Removed && !m.plan.isWanted[dev.ID()] {
			out = append(out, domain.Configured{Definition: dev.Definition, Removed: true})
		}
	}
	return out
}

// rolledOut notes that a definition of this primary has been folded, whatever it counts.
func (m *Machine) rolledOut(in *Read, r *domain.Record) {
	if m.term == nil || r.Epoch != m.term.epoch {
		return
	}
	m.rollOutTo(int(in.Partition))
}
