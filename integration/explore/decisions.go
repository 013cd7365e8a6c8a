package explore

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// What an operator decides, once in a history.
const (
	Prefer   Fault = "prefer"   // a policy prefers a member, and gives primacy back to it at once
	Suspend  Fault = "suspend"  // automatic failover is paused
	Drain    Fault = "drain"    // a member is taken out of the succession
	Retire   Fault = "retire"   // a member is removed for good
	Dissolve Fault = "dissolve" // the landscape is dissolved
)

// Decisions are all of those.
var Decisions = []Fault{Prefer, Suspend, Drain, Retire, Dissolve}

// decidable says whether an operator could decide that about a process.
func (s *state) decidable(f Fault, p *process) bool {
	m, member := s.fold().Member(p.server.Name)
	_, holder, _ := s.fold().Holder()
	switch f {
	case Prefer:
		return member && holder != p.inc
	case Suspend, Dissolve:
		return holder == p.inc
	case Drain:
		return member && !m.Drained
	}
	return member
}

func (s *state) decide(f Fault, p *process) {
	by := "ops"
	switch f {
	case Prefer:
		s.tell("an operator prefers %s", p.server.Name)
		s.write(p, domain.Policy{By: by, Order: domain.OrderDesignated, Members: []string{p.server.Name}, FailBack: domain.FailBackAuto})
	case Suspend:
		s.tell("an operator pauses automatic failover")
		s.write(p, domain.Paused{On: true, By: by})
	case Drain:
		s.tell("an operator drains %s", p.server.Name)
		s.write(p, domain.Drained{On: true, By: by})
	case Retire:
		s.tell("an operator removes %s for good", p.server.Name)
		s.write(p, domain.Removed{By: by, Out: true})
	case Dissolve:
		s.tell("an operator dissolves the landscape")
		s.write(p, domain.Dissolved{By: by})
	}
}

// undecide takes back what keeps servers from taking over.
func (s *state) undecide() {
	if s.fold().Paused().On {
		s.write(s.procs[0], domain.Paused{By: "ops"})
	}
	for _, p := range s.procs {
		if m, ok := s.fold().Member(p.server.Name); ok && m.Drained {
			s.write(p, domain.Drained{By: "ops"})
		}
	}
}

// checkDecided checks that a record keeps to what was decided before it.
func (s *state) checkDecided(before *election.State, e *entry) {
	name := e.record.Subject
	_, dissolved := before.Dissolved()
	switch p := e.record.Payload.(type) {
	case domain.Joined:
		if m, ok := e.fold.Member(name); ok && m.Incarnation == p.Incarnation && (dissolved || e.retired[name]) {
			s.fail("%s joins, and is out for good", p.Incarnation)
		}
	case domain.Claim:
		if _, holder, held := e.fold.Holder(); !held || holder != p.Incarnation || e.fold.Epoch() != p.Epoch || before.Epoch() == p.Epoch {
			return
		}
		m, _ := before.Member(name)
		last := e.owners[before.Epoch()]
		named := before.Successor() == name
		switch {
		case dissolved:
			s.fail("epoch %d is given to %s in a landscape that is dissolved", p.Epoch, p.Incarnation)
		case m.Drained && !named:
			s.fail("epoch %d is given to %s, which is drained", p.Epoch, p.Incarnation)
		case before.Paused().On && !named && last != "" && last[:1] != name:
			s.fail("epoch %d is given to %s while failover is paused", p.Epoch, p.Incarnation)
		}
	}
}
