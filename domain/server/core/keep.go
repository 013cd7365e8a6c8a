package core

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// keepAgainAfter is the pause after a revision could not be written into the file.
const keepAgainAfter = 5 * time.Second

// keeping is which revision this server keeps in its file.
type keeping struct {
	kept     uint64
	underWay uint64
	again    domain.Mono
	failed   uint64 // what could not be written, and why
	failure  string
}

// keep has the active revision written into this server's file once it has gone over to
// it: what a server starts from without a log is never what it was on its way to.
func (m *Machine) keep() {
	k, active := &m.keeping, m.ActiveRevision()
	if active == 0 || m.plan.revision != active || m.AppliedRevision() != active || k.kept == active || k.underWay != 0 || m.now.Mono < k.again {
		return
	}
	r, ok := m.states[domain.PartitionOfRevisions].Revision(active)
	if !ok {
		return
	}
	k.underWay = active
	m.do(Keep{Revision: r})
}

func (m *Machine) kept(in Kept) {
	k := &m.keeping
	if in.Revision != k.underWay {
		return
	}
	k.underWay = 0
	if in.Err != nil {
		k.again, k.failed, k.failure = m.now.Mono+keepAgainAfter, in.Revision, domain.Plain(in.Err)
	} else {
		k.again, k.failed, k.kept = 0, 0, in.Revision
	}
	m.tellHealth()
}
