package control

import (
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/core"
)

// ErrReplaced ends a server whose name a newer process has taken. To start it
// again would only turn that one out in its turn.
var ErrReplaced = errors.New("a newer process runs under this server's name")

// ErrBarred ends a server that is not to take part any more: it was removed for
// good, or its landscape was dissolved. To start it again changes nothing.
var ErrBarred = errors.New("it stays out")

// twinWithin is how long after a join under the own name a sign of life must
// follow. Without one it was the late record of a process that ended while it
// joined, and this server may be started again.
const twinWithin = 2 * time.Second

// twin is what becomes of a second process that runs under the name of this
// server: the newer one counts.
type twin struct {
	replacedAt domain.Mono // when this incarnation quits because of another's join; zero for never
	replaced   error       // and why
	yielded    uint64      // the epoch that is being given up because of it
}

// gone ends this server: its incarnation is out of the landscape.
func (m *Machine) gone(e election.Gone) {
	if e.Barred {
		m.do(Quit{Cause: fmt.Errorf("%s; %w", e.Cause, ErrBarred)})
		return
	}
	out := fmt.Errorf("this server is out of the landscape: %s: %w", e.Cause, domain.ErrFenced)
	if x, ok := m.election.State().Member(m.server); ok && x.Incarnation != m.incarnation && !x.Died && !x.Removed {
		m.twin.replacedAt, m.twin.replaced = m.now+twinWithin, out
		return
	}
	m.do(Quit{Cause: out})
}

// replacedDue quits if the one that has joined gave no sign of life.
func (m *Machine) replacedDue() {
	if m.twin.replacedAt > 0 && m.now >= m.twin.replacedAt {
		m.twin.replacedAt = 0
		m.do(Quit{Cause: m.twin.replaced})
	}
}

// heardTwin draws the conclusions from a heartbeat under the own name: a primary
// gives its epoch up, in order, and is then out as any other server is at once.
func (m *Machine) heardTwin(h domain.Heartbeat) {
	x, ok := m.election.State().Member(m.server)
	if !ok || h.Incarnation == m.incarnation || h.Incarnation != x.Incarnation {
		return
	}
	switch {
	case m.twin.replacedAt > 0:
		m.twin.replacedAt = 0
		m.do(Quit{Cause: fmt.Errorf("%w: %s runs as incarnation %s at %s; this one ends, and is not to be started again: give each server of landscape %s a server.name of its own",
			ErrReplaced, m.server, x.Incarnation, x.Address, m.landscape)})
	case m.term != 0 && m.twin.yielded != m.term:
		m.twin.yielded = m.term
		m.do(Yield{Incarnation: x.Incarnation})
		m.core(core.Finish{Epoch: m.term, Then: []core.Effect{
			core.Control{Input: election.Release{Epoch: m.term, Reason: "another process has joined as " + m.server}},
		}})
	}
}
