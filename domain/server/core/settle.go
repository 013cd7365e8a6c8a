package core

import (
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/device"
)

// Bounds of an end of a term.
const (
	// drainLimit is how long a primary that must stop waits for answers to
	// bytes that it has sent already.
	drainLimit = 50 * time.Millisecond
	// FinishLimit is how long a planned move waits for devices to answer. Long
	// enough for a slow log to take the write-aheads and outcomes of what was
	// begun; nothing new is sent to any device meanwhile.
	FinishLimit = time.Second
)

// settling waits until the devices have answered what is under way and the
// outcomes are in the log, or the time for that is over.
type settling struct {
	id       uint64
	left     []string    // devices that have not settled yet
	until    domain.Mono // at the latest
	flushing bool        // all have, and the journal was asked
	drains   bool        // the epoch is contested
	then     []Effect
}

// finish prepares a planned end of the epoch. The lease is kept meanwhile, so
// only a device that does not answer makes use of the limit.
func (m *Machine) finish(then []Effect) {
	if m.term != nil {
		m.term.finishing = true // also for devices whose partition is not open yet
	}
	m.settle(settling{until: m.now.Mono + FinishLimit, then: then}, func(id uint64) device.Input { return device.Finish{Settle: id} })
}

// drain stops sending for good in this epoch: it is contested.
func (m *Machine) drain(then []Effect) {
	if m.term != nil {
		m.term.draining = true
	}
	m.settle(settling{until: m.now.Mono + drainLimit, drains: true, then: then}, func(id uint64) device.Input { return device.Hold{Settle: id} })
}

func (m *Machine) settle(s settling, ask func(uint64) device.Input) {
	if m.term == nil {
		m.effects = append(m.effects, s.then...)
		return
	}
	m.lastSettle++
	s.id, s.left = m.lastSettle, slices.Clone(m.names)
	m.settlings = append(m.settlings, &s)
	for _, d := range m.names {
		m.tell(d, ask(s.id))
	}
	m.flushIfSettled(&s)
}

func (m *Machine) settled(in Settled) {
	for _, s := range m.settlings {
		if s.id == in.Settle {
			m.without(s, in.Device)
		}
	}
	m.rested(in)
}

// without goes on with one device less to wait for.
func (m *Machine) without(s *settling, device string) {
	if i := slices.Index(s.left, device); i >= 0 {
		s.left = slices.Delete(s.left, i, i+1)
		m.flushIfSettled(s)
	}
}

func (m *Machine) flushIfSettled(s *settling) {
	if len(s.left) == 0 && !s.flushing {
		s.flushing = true
		m.do(Flush{ID: s.id})
	}
}

func (m *Machine) flushed(id uint64) {
	m.settleWhere(func(s *settling) bool { return s.id == id })
}

func (m *Machine) settleDue() {
	m.settleWhere(func(s *settling) bool { return m.now.Mono >= s.until })
	m.restDue()
}

func (m *Machine) settleAll() { m.settleWhere(func(*settling) bool { return true }) }

// settleWhere ends the waiting of some. After a contest somebody else may act from
// then on, as after a lapse.
func (m *Machine) settleWhere(over func(*settling) bool) {
	m.settlings = slices.DeleteFunc(m.settlings, func(s *settling) bool {
		if !over(s) {
			return false
		}
		if s.drains && m.term != nil {
			for _, d := range m.names {
				m.tell(d, device.Hold{Lapsed: true})
			}
		}
		m.effects = append(m.effects, s.then...)
		return true
	})
}
