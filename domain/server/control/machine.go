// Package control follows the control topic on every server: it drives the
// election, tells the core of epochs won and lost and of what other servers say of
// their state, and finds out when a newer process has taken this server's name.
//
// A [Machine] is one server's: feed it inputs with the time, read before the call,
// and carry out its effects in order, without waiting for appends. It has no clock,
// goroutine or I/O. It is never held up by the core: what the core does about an
// epoch, it does on its own, under the lease.
//
// It guarantees what [election.Server] guarantees. On a crash nothing is lost: a
// new start folds control again.
package control

import (
	"cmp"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/core"
)

// DefaultViewEvery is how often the primary writes a view.
const DefaultViewEvery = time.Minute

// Machine is one server's control.
type Machine struct {
	server, landscape string
	incarnation       string
	election          *election.Server
	term              uint64 // the epoch that it has won, until it is over; 0 for none
	informed          bool   // the core knows that control has been read to its end
	viewEvery         time.Duration
	viewAt            domain.Mono
	twin              twin
	stated            stated
	now               domain.Mono
	effects           []Effect
}

// stated is the process that has stated its state as primary last; empty once it has
// ended.
type stated struct {
	member, incarnation string
	doubtful            bool // it is of this server's build, and has not said that it folded again and is right
}

// Config says who the server is.
type Config struct {
	Landscape, Server, Incarnation string
	ViewEvery                      time.Duration // DefaultViewEvery, if it is 0
}

// New is a control that drives an election. That one is the machine's own from
// then on.
func New(cfg Config, e *election.Server) *Machine {
	return &Machine{
		landscape: cfg.Landscape, server: cfg.Server, incarnation: cfg.Incarnation,
		viewEvery: cmp.Or(cfg.ViewEvery, DefaultViewEvery), election: e,
	}
}

// Step takes one input at the time now and returns what is to be done, in order.
// The slice is valid until the next step.
func (m *Machine) Step(now domain.Mono, in Input) []Effect {
	m.effects, m.now = m.effects[:0], now
	switch in := in.(type) {
	case Begin:
		m.viewAt = now + m.viewEvery
		m.step(election.Start{})
	case Read:
		m.read(in)
	case Election:
		m.step(in.Input)
	case Timer:
		m.step(election.Timer{})
		m.replacedDue()
		m.view()
	}
	return m.effects
}

func (m *Machine) read(in Read) {
	for i := range in.Records {
		r := &in.Records[i]
		m.step(election.Received{Record: *r})
		if r.Defect == domain.DefectNone {
			m.copy(i, r)
			m.regard(r)
			m.outlive()
		}
	}
	if m.election.State().Next() < in.High {
		return
	}
	m.step(election.CaughtUp{})
	if !m.informed {
		m.informed = true
		m.core(core.Informed{})
	}
}

// copy gives the copier what belongs into the elections topic.
func (m *Machine) copy(i int, r *domain.Record) {
	switch r.Type {
	case domain.TypeCheckpoint, domain.TypeView:
	case domain.TypeHeartbeat:
		if m.election.State().Heard() == r.Position.Offset {
			m.do(Copy{Record: i, Heard: true})
		}
	default:
		m.do(Copy{Record: i})
	}
}

// regard looks at what concerns the fold's state rather than the election.
func (m *Machine) regard(r *domain.Record) {
	holder, incarnation, held := m.election.State().Holder()
	mine := held && incarnation == m.incarnation
	switch payload := r.Payload.(type) {
	case domain.Checkpoint:
		if !held || r.Subject != holder || payload.Epoch != m.election.State().Epoch() {
			return
		}
		m.do(Copied{Through: payload.Copied})
		switch {
		case mine:
			m.core(core.Issued{Checkpoint: payload, At: r.Position.Offset})
		case r.Subject == m.server:
			// An earlier process of this server may have had the same wrong snapshot:
			// that both agree proves nothing.
		default:
			m.stated = stated{holder, incarnation, m.build(holder) == m.build(m.server)}
			m.core(core.Expect{Checkpoint: payload, At: r.Position.Offset, Incarnation: incarnation})
		}
	case domain.Joined:
		if mine && r.Subject != m.server {
			m.core(core.Joined{})
		}
	case domain.Quarantined:
		if payload.Incarnation != m.incarnation {
			m.core(core.Conceded{Incarnation: payload.Incarnation})
		}
	case domain.Heartbeat:
		if payload.Hash == domain.HashRight && payload.Incarnation == m.stated.incarnation {
			m.stated.doubtful = false
		}
		if r.Subject == m.server {
			m.heardTwin(payload)
			return
		}
		if mine && payload.Agreed > 0 {
			m.core(core.Agreed{At: payload.Agreed})
		}
		if mine && payload.Hash == domain.HashDiffers {
			m.core(core.Complaint{Incarnation: payload.Incarnation})
		} else if mine {
			m.core(core.Contentment{Incarnation: payload.Incarnation})
		}
	}
}

// outlive tells of the end of a process that has stated its state: it will not say
// any more whether it was wrong.
func (m *Machine) outlive() {
	if m.stated.incarnation == "" {
		return
	}
	member, ok := m.election.State().Member(m.stated.member)
	if ok && member.Incarnation == m.stated.incarnation && !member.Died {
		return
	}
	if m.stated.doubtful {
		m.core(core.Ended{Incarnation: m.stated.incarnation})
	}
	m.stated = stated{}
}

func (m *Machine) build(name string) string {
	member, _ := m.election.State().Member(name)
	return member.Build
}

// step feeds the election and follows what it decides.
func (m *Machine) step(in election.Input) {
	for _, e := range m.election.Step(m.now, in) {
		m.follow(e)
	}
	m.checkTerm()
}

func (m *Machine) follow(e election.Effect) {
	switch e := e.(type) {
	case election.Lost:
		m.do(Lease{Epoch: e.Epoch})
		m.do(Role{Old: "primary", New: "secondary", Epoch: e.Epoch, Cause: e.Cause})
		m.core(core.Suspend{Lapsed: !m.election.State().Contested()})
	case election.Lease:
		m.do(Lease{Epoch: m.election.State().Epoch(), Until: e.Until})
	case election.Won:
		m.term = e.Epoch
		m.do(Reign{Epoch: e.Epoch})
		m.core(core.Won{Epoch: e.Epoch})
	case election.Resumed:
		m.do(Role{Old: "secondary", New: "primary", Epoch: e.Epoch, Cause: "the log is back, and nobody else has held the epoch"})
		m.core(core.Resume{})
	case election.Drain:
		m.core(core.Drain{Then: []core.Effect{core.Control{Input: election.Drained(e)}}})
	case election.Yield:
		m.core(core.Finish{Epoch: e.Epoch, Then: []core.Effect{core.Control{Input: election.Release(e)}}})
	case election.Refused:
		m.do(Refused{Cause: e.Cause})
	case election.Gone:
		m.gone(e)
	case election.Append:
		m.do(Append{Payload: e.Payload, N: e.N})
	}
}

// checkTerm ends an epoch for good once the fold says that somebody else holds
// it, or nobody.
func (m *Machine) checkTerm() {
	if m.term == 0 {
		return
	}
	_, incarnation, held := m.election.State().Holder()
	if held && incarnation == m.incarnation && m.election.State().Epoch() == m.term {
		return
	}
	epoch := m.term
	m.term = 0
	m.do(Over{Epoch: epoch})
	m.core(core.Over{Cause: fmt.Sprintf("epoch %d is over", epoch)})
}

// view writes the whole folded control state, so that old heartbeats need not
// be kept, nor read.
func (m *Machine) view() {
	if m.now < m.viewAt {
		return
	}
	m.viewAt = m.now + m.viewEvery
	if state := m.election.State(); m.term != 0 && state.Next() > 0 {
		m.do(View{domain.View{At: state.Next() - 1, State: state.Export()}})
	}
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

func (m *Machine) core(in core.Input) { m.do(Core{in}) }

// NextWake is when control wants a Timer.
func (m *Machine) NextWake() domain.Mono {
	at := min(m.election.NextWake(), m.viewAt)
	if m.twin.replacedAt > 0 {
		at = min(at, m.twin.replacedAt)
	}
	return at
}

// Election is the machine's own: read it.
func (m *Machine) Election() *election.Server { return m.election }
