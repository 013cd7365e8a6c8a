package device

import (
	"slices"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
)

// promote begins a term with the work that waits and what the log last heard of
// the device.
func (m *Machine) promote(now domain.Mono, p Promote) {
	protocol := protocols[m.settings.Definition.Driver]
	m.epoch, m.ending = p.Epoch, p.Finishing
	m.queue = emission.NewQueue(emission.Settings{
		ConfirmWithin: m.settings.Definition.ConfirmWithin,
		Window:        protocol.window,
		Polled:        protocol.polled,
		LastRef:       m.lastRef,
	}, p.Reported)
	if p.Held {
		m.feed(now, emission.Hold{})
	}
	if p.Finishing {
		m.feed(now, emission.Finish{})
	}
	if m.settings.Removed {
		m.feed(now, emission.Remove{})
	}
	if m.warm() && !p.Held && !p.Finishing {
		m.detail = "only the primary connects, and this server has just become it"
		m.open()
	}
	if !m.settings.Removed && (p.Connected != m.up || !m.linked) {
		m.say(domain.Connection{Up: m.up, Detail: m.detail})
	}
	if !m.up {
		m.feed(now, emission.LinkDown{Cause: m.detail})
	}
	if m.up && !protocol.polled {
		m.feed(now, emission.Report{Values: slices.Clone(m.observed), Full: true})
	}
	for _, w := range p.Work {
		m.feed(now, emission.Accept{Work: w})
	}
	if m.up {
		m.feed(now, emission.LinkUp{})
	}
}

// demote ends a term: the queue goes, and so does whatever the kernel still
// holds for the device.
func (m *Machine) demote(now domain.Mono, in Demote) {
	if in.Settle != 0 {
		m.settling = append(m.settling, in.Settle)
	}
	if m.queue == nil {
		return
	}
	if uids := m.queue.Unsent(); len(uids) > 0 {
		m.do(Unsent{Epoch: m.epoch, UIDs: uids})
	}
	m.epoch, m.queue = 0, nil
	switch {
	case !m.linked:
	case m.warm():
		m.shut(now, "this server is no longer primary")
	default:
		m.do(Reset{})
	}
}

// hold stops sending. After a lapse somebody else may act at any moment: what
// the device has not acknowledged must not reach it any more.
func (m *Machine) hold(now domain.Mono, in Hold) {
	if in.Settle != 0 {
		m.settling = append(m.settling, in.Settle)
	}
	m.feed(now, emission.Hold{})
	switch {
	case m.queue == nil || !in.Lapsed || !m.linked:
	case m.warm():
		m.shut(now, "the lease ran out")
	default:
		m.do(ResetUnacknowledged{})
	}
}
