package core

import (
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// Acknowledged is what this server has told last of the active revision.
func (m *Machine) Acknowledged() domain.RevisionAcknowledged { return m.said }

// acknowledged is what this server can say of the active revision: that it has gone
// over to it and keeps it in its file, or why it cannot; zero while it is on its way.
func (m *Machine) acknowledged() domain.RevisionAcknowledged {
	active := m.ActiveRevision()
	r, ok := m.states[domain.PartitionOfRevisions].Revision(active)
	if !ok || !m.caughtUp {
		return domain.RevisionAcknowledged{}
	}
	a := domain.RevisionAcknowledged{Incarnation: m.cfg.Incarnation, Revision: active, Hash: r.Hash, At: r.ActivatedAt}
	switch {
	case m.plan.revision == active && m.AppliedRevision() == active && m.keeping.kept == active:
		return a
	case m.plan.failed == active && m.plan.revision != active:
		a.Failure = short(m.plan.failure)
		return a
	case m.keeping.failed == active:
		a.Failure = short(m.keeping.failure)
		return a
	}
	return domain.RevisionAcknowledged{}
}

// short is a text that a record may carry: a file's name, say, may be any bytes.
func short(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), domain.MaxText)], "")
}

// since is when this server has seen first which revision is active.
type since struct {
	active uint64
	at     domain.Mono
}

func (m *Machine) watchActive() {
	if active := m.ActiveRevision(); active != m.since.active {
		m.since = since{active, m.now.Mono}
	}
}

// ActiveSince is when this server has folded that the active revision is; 0 without one.
func (m *Machine) ActiveSince() domain.Mono { return m.since.at }
