package explore

import (
	"fmt"
	"maps"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

func (s *state) fail(format string, args ...any) {
	if s.wrong == "" {
		s.wrong = fmt.Sprintf(format, args...)
	}
}

// checkAll is the guarantee: a lease begins or moves in a step only, and steps
// happen at ticks only, so two that cover one instant are found here.
func (s *state) checkAll() {
	var first *process
	for _, p := range s.procs {
		switch {
		case !s.mayAct(p):
		case first != nil:
			s.fail("%s and %s may both act: the lease of %s lives for another %s, that of %s for %s by its own clock",
				first.inc, p.inc, first.inc, first.machine.LeaseEnd()-s.clock(first), p.inc, p.machine.LeaseEnd()-s.clock(p))
		default:
			first = p
		}
	}
}

// checkTold checks that a server was told what its machine says, and that it acts
// only in an epoch that its own fold gives it.
func (s *state) checkTold(p *process) {
	end := p.machine.LeaseEnd()
	if p.lease != end || p.acts != (end != 0) {
		s.fail("%s was told that it acts: %t, lease until %s; its machine has a lease until %s", p.inc, p.acts, p.lease, end)
	}
	if _, inc, held := p.machine.State().Holder(); end != 0 && (!held || inc != p.inc || p.machine.State().Contested()) {
		s.fail("%s may act though it has read that it holds nothing or is contested", p.inc)
	}
}

func (s *state) turn(p *process, acts bool) {
	if p.acts == acts {
		s.fail("%s is told twice that it acts: %t", p.inc, acts)
	}
	p.acts = acts
}

// checkRead checks that equal positions have equal states.
func (s *state) checkRead(p *process, e *entry) {
	if p.folded != e.folded {
		s.fail("%s has another state than the log behind #%d", p.inc, e.record.Position.Offset)
	}
}

// checkLanded checks what a record did to the landscape: epochs only grow, each has
// one holder, and nobody gets one who is out.
func (s *state) checkLanded(before *election.State, e *entry, ruling election.Ruling) {
	was, is := before.Epoch(), e.fold.Epoch()
	s.checkDecided(before, e)
	claim, claimed := e.record.Payload.(domain.Claim)
	claimed = claimed && ruling.Counts
	if is < was || claimed && is == was {
		s.fail("epoch %d follows on epoch %d", is, was)
	}
	if _, holder, held := e.fold.Holder(); held {
		switch owner := e.owners[is]; {
		case owner == "":
			e.owners = maps.Clone(e.owners)
			if e.owners == nil {
				e.owners = map[uint64]string{}
			}
			e.owners[is] = holder
		case owner != holder:
			s.fail("epoch %d was given to %s and now to %s", is, owner, holder)
		}
	}
	if claimed && e.over[claim.Incarnation] {
		s.fail("epoch %d is given to %s, which is out for good", is, claim.Incarnation)
	}
	if out := ended(before, &e.record); out != "" && !e.over[out] {
		e.over = maps.Clone(e.over)
		if e.over == nil {
			e.over = map[string]bool{}
		}
		e.over[out] = true
	}
	if r, ok := e.record.Payload.(domain.Removed); ok && r.Out && ruling.Counts {
		e.retired = maps.Clone(e.retired)
		if e.retired == nil {
			e.retired = map[string]bool{}
		}
		e.retired[e.record.Subject] = true
	}
}

// ended is the incarnation that a record puts out for good.
func ended(before *election.State, r *domain.Record) string {
	m, known := before.Member(r.Subject)
	switch p := r.Payload.(type) {
	case domain.Died:
		return p.Incarnation
	case domain.Left:
		return p.Incarnation
	case domain.Removed:
		if known {
			return m.Incarnation
		}
	}
	return ""
}
