package sim

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// decides does what operators decide on record; each is taken back after a while, but
// for a removal for good.
func (w *world) decides(h *host, f Fault) {
	switch f.Do {
	case "policy":
		w.record(h.name, w.policy(f.Arg))
	case "pause failover":
		w.record(h.name, domain.Paused{On: true, By: "ann", Reason: "work on the switches"})
		w.after(f.For, func() { w.record(h.name, domain.Paused{By: "ann"}) })
	case "drain":
		w.record(h.name, domain.Drained{On: true, By: "ann", Reason: "new disks"})
		w.after(f.For, func() { w.record(h.name, domain.Drained{By: "ann"}) })
	case "remove for good":
		if w.dispensable(h) {
			h.removed = true
			w.record(h.name, domain.Removed{By: "ann", Reason: "sold", Out: true})
			w.after(f.For, h.on) // it comes back with all that it remembers
		}
	}
}

// policy draws one.
func (w *world) policy(arg int) domain.Policy {
	p := domain.Policy{
		By: "ann", Order: domain.OrderLongestRunning, FailBack: domain.FailBackAuto,
		HoldDown: time.Duration(arg%500) * time.Millisecond,
	}
	switch arg / 7 % 3 {
	case 1:
		p.Order = domain.OrderPrecedence
	case 2:
		p.Order = domain.OrderDesignated
		for i := range w.plan.Servers {
			p.Members = append(p.Members, w.hosts[(arg+i)%w.plan.Servers].name)
		}
	}
	if arg%5 == 0 {
		p.FailBack = domain.FailBackNever
	}
	if arg%3 == 0 {
		p.MaxMembers = w.plan.Servers
	}
	return p
}

// dispensable says whether at least one other host stays a member, or two where one has
// misread a command: who is alone has nobody to be compared with.
func (w *world) dispensable(h *host) bool {
	need := 1
	for _, o := range w.hosts {
		if len(w.tainted) > 0 || o.server != nil && o.server.misreads {
			need = 2
		}
	}
	return w.staying(h) >= need && !h.removed && !h.twin
}

// staying is how many members there are beside a host, and its twin.
func (w *world) staying(h *host) (n int) {
	for _, o := range w.hosts {
		if !o.twin && o.name != h.name && !o.removed {
			n++
		}
	}
	return n
}

// undecide ends what keeps servers from taking over.
func (w *world) undecide() {
	w.record(w.hosts[0].name, domain.Paused{By: "ann"})
	for _, h := range w.hosts {
		if !h.removed {
			w.record(h.name, domain.Drained{By: "ann"})
		}
	}
}

// record appends a record of an operator to control. He says one thing after the other:
// what the log does not take holds up what he says next.
func (w *world) record(subject string, p domain.Payload) {
	scribe := domain.Scribe{Server: "ops", UID: w.uid}
	w.decisions = append(w.decisions, w.encode(domain.TopicControl, 0, scribe.Record(w.wall(), subject, p)))
	if len(w.decisions) == 1 {
		w.after(w.broker.way(), w.recordNext)
	}
}

func (w *world) recordNext() {
	control := w.broker.parts[domain.TopicControl][0]
	if w.broker.down || control.away {
		w.after(50*time.Millisecond, w.recordNext)
		return
	}
	next := w.decisions[0]
	if w.decisions = w.decisions[1:]; len(w.decisions) > 0 {
		w.after(w.broker.way(), w.recordNext)
	}
	w.broker.land(control, []message{next})
}

// decided judges a record of control by what operators have decided before it, in the
// plainest words.
func (c *checks) decided(r *domain.Record, before decisions, counts bool) {
	w := c.w
	if !counts {
		return
	}
	switch v := r.Payload.(type) {
	case domain.Joined:
		if c.banned[r.Subject] {
			w.failf("%s joins, and %s was removed for good", v.Incarnation, r.Subject)
		}
	case domain.Claim:
		switch {
		case c.banned[r.Subject]:
			w.failf("epoch %d is given to %s, which was removed for good", v.Epoch, v.Incarnation)
		case before.successor == r.Subject:
		case before.paused && before.last != "" && before.last != r.Subject:
			w.failf("epoch %d is given to %s while failover is paused", v.Epoch, v.Incarnation)
		case before.drained[r.Subject]:
			w.failf("epoch %d is given to %s, which is drained", v.Epoch, v.Incarnation)
		}
		w.stats.causes[v.Cause]++
		c.last = r.Subject
	case domain.Removed:
		c.banned[r.Subject] = c.banned[r.Subject] || v.Out
	case domain.Drained:
		c.drained[r.Subject] = v.On
	case domain.Paused:
		c.paused = v.On
	}
}

// decisions are what stood before a record.
type decisions struct {
	paused          bool
	drained         map[string]bool
	successor, last string
}
