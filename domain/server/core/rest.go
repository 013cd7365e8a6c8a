package core

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/device"
)

// resting is a device that has its work and is to be configured anew. First it answers
// what is under way and begins nothing more, then it says nothing more. So all that it
// has said stands before its new definition in the log: what it is handed over with
// then is exact, and nothing is begun or ended twice.
type resting struct {
	settle uint64      // what it was asked for last
	until  domain.Mono // it may take so long to answer what is under way; 0 when it is to be silent
	define domain.Configured
}

// redefine brings a new definition to a device, when it is at rest.
func (m *Machine) redefine(s *partition.State, c domain.Configured) {
	d := c.Definition.Device
	if !m.term.handed[d] {
		m.define(s, c)
		return
	}
	m.lastSettle++
	m.term.awaits[d] = true
	m.term.resting[d] = &resting{settle: m.lastSettle, until: m.now.Mono + FinishLimit, define: c}
	m.tell(d, device.Finish{Settle: m.lastSettle})
}

// rested goes on with a device that has done what it was asked for.
func (m *Machine) rested(in Settled) {
	if m.term == nil {
		return
	}
	x := m.term.resting[in.Device]
	switch {
	case x == nil || x.settle != in.Settle:
	case x.until > 0:
		m.silence(in.Device, x)
	default:
		delete(m.term.resting, in.Device)
		if m.term.finishing || m.term.draining {
			return // the next primary does it
		}
		p := m.owner(in.Device)
		m.define(m.states[p], x.define)
		m.endRollout(int(p))
	}
}

// silence has a device say nothing more before it is handed over again.
func (m *Machine) silence(d string, x *resting) {
	m.lastSettle++
	x.settle, x.until = m.lastSettle, 0
	delete(m.term.handed, d)
	m.tell(d, device.Demote{Settle: x.settle})
}

// restDue waits no longer for devices that do not answer.
func (m *Machine) restDue() {
	if m.term == nil || len(m.term.resting) == 0 {
		return
	}
	for _, d := range m.names {
		if x := m.term.resting[d]; x != nil && x.until > 0 && m.now.Mono >= x.until {
			m.silence(d, x)
		}
	}
}

// nextRest is when the first of them will have had its time, at most at.
func (m *Machine) nextRest(at domain.Mono) domain.Mono {
	if m.term == nil {
		return at
	}
	for _, x := range m.term.resting {
		if x.until > 0 {
			at = min(at, x.until)
		}
	}
	return at
}
