package core

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/clerk"
)

// choreKey names a chore: one record can owe one thing of each kind.
type choreKey struct {
	position domain.Position
	kind     partition.ChoreKind
}

// maxDischarged is how many chores may be marked as under way before the marks
// of those that are done are dropped.
const maxDischarged = 4096

// dischargeChores sets to work on what the fold says that the primary owes.
// A chore stays in the fold until its own record is folded, so whatever is lost
// on the way is done by the next primary.
func (m *Machine) dischargeChores(p int32) {
	if m.term == nil || !m.term.opened[p] || m.quarantined {
		return
	}
	if len(m.term.working) > maxDischarged {
		m.forgetChores()
	}
	s := m.states[p]
	if s.Owed() == 0 {
		return
	}
	for _, ch := range s.Chores() {
		k := choreKey{position: ch.Position, kind: ch.Kind}
		if m.term.working[k] {
			continue
		}
		m.term.working[k] = true
		switch ch.Kind {
		case partition.Refuse:
			m.say(p, ch.Device, domain.Ended{
				UID: ch.UID, Command: ch.Position, Outcome: domain.Refused,
				Reason: ch.Reason, Detail: ch.Detail, Server: m.cfg.Server,
			})
		case partition.GiveAnswer:
			m.say(p, ch.Device, ch.Answer)
		case partition.DeadLetter, partition.Forward, partition.Again:
			m.do(Clerk{clerk.Chore{Chore: ch}})
		}
	}
}

// forgetChores drops the marks of chores that are done.
func (m *Machine) forgetChores() {
	owed := make(map[choreKey]bool)
	for p, s := range m.states {
		if !m.term.opened[p] {
			continue
		}
		for _, ch := range s.Chores() {
			owed[choreKey{position: ch.Position, kind: ch.Kind}] = true
		}
	}
	for k := range m.term.working {
		if !owed[k] {
			delete(m.term.working, k)
		}
	}
}
