package election

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Limits on a policy.
const (
	// MaxHoldDown bounds how long a server that is preferred may be made to wait.
	MaxHoldDown = 24 * time.Hour
	// fallsWithin is how soon a member must fall again for its falls to add up.
	fallsWithin = domain.Instant(10 * time.Minute)
	// maxFalls bounds what is counted of them.
	maxFalls = 16
)

// policyIs takes a new policy, as a whole.
func (s *State) policyIs(p domain.Policy) Ruling {
	if why := FaultOf(p); why != "" {
		return void("%s", why)
	}
	s.policy = p
	s.policy.Members = append([]string{}, p.Members...)
	return counts
}

// pausedIs suspends automatic failover, or ends that.
func (s *State) pausedIs(p domain.Paused) Ruling {
	switch {
	case !sound(p.By, domain.MaxText) || !sound(p.Reason, domain.MaxText):
		return void("carries no sound text")
	case p.On == s.paused.On:
		return void("automatic failover is %s already", map[bool]string{true: "paused", false: "on"}[p.On])
	}
	s.paused = domain.Paused{}
	if p.On {
		s.paused = p
	}
	return counts
}

// drained takes a member out of the succession, or back into it. One that is away may
// come back: what was said of it holds then, and can be taken back before.
func (s *State) drained(r *domain.Record, d domain.Drained) Ruling {
	m := s.members[r.Subject]
	switch {
	case m == nil || m.Tombstone != "":
		return void("%s is not a member", r.Subject)
	case d.On == m.Drained:
		return void("%s is that already", r.Subject)
	}
	m.Drained, m.DrainedBy = d.On, ""
	if d.On && sound(d.By, domain.MaxText) && sound(d.Reason, domain.MaxText) {
		m.DrainedBy = d.By + because(d.Reason)
	}
	return counts
}

// dissolvedIs ends the landscape's cluster. Its holder stops as if it were contested.
func (s *State) dissolvedIs(d domain.Dissolved) Ruling {
	switch {
	case d.By == "" || !sound(d.By, domain.MaxText) || !sound(d.Reason, domain.MaxText):
		return void("carries no sound text")
	case s.dissolved.By != "":
		return void("it is dissolved already")
	}
	s.dissolved = d
	if s.held && !s.contested {
		s.contested, s.cause = true, CauseForced
	}
	return counts
}

// barred says why a member may not claim, whatever else is the case; empty if it may.
// An operator's word for it goes before a pause and before its own maintenance.
func (s *State) barred(m *entry) string {
	switch {
	case s.dissolved.By != "" && s.broken.keeps(ruleDissolved):
		return "the landscape was dissolved by " + s.dissolved.By
	case m.Quarantined:
		return m.Name + " is quarantined"
	case m.Name == s.successor:
		return ""
	case m.Drained && s.broken.keeps(ruleDrained):
		return m.Name + " is drained"
	case s.paused.On && s.holder.Name != "" && s.holder.Name != m.Name && s.broken.keeps(rulePause):
		return "automatic failover is paused by " + s.paused.By
	}
	return ""
}

// fell notes that a member has lost an epoch that nobody had asked it for. It is
// counted where there is a policy that could bring it back.
func (s *State) fell(at domain.Instant) {
	m := s.members[s.holder.Name]
	if m == nil || s.policy.Order == "" {
		return
	}
	if at-m.FellAt > fallsWithin {
		m.Falls = 0
	}
	m.Falls, m.FellAt = min(m.Falls+1, maxFalls), at
}
