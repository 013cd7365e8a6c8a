package election

import (
	"github.com/understudy-io/understudy/domain"
)

// heartbeat is noted for its member, and counts if it is the holder's.
func (s *State) heartbeat(r *domain.Record, h domain.Heartbeat) Ruling {
	id, ok := who(r, h.Incarnation)
	switch {
	case !ok:
		return noIncarnation
	case h.TTL < 0 || h.TTL > LimitTTL:
		return void("TTL %s is not within %s", h.TTL, LimitTTL)
	case !sound(h.Hash, domain.MaxText) || !sound(h.Valve, domain.MaxText):
		return void("carries no sound text")
	}
	fresh, known := s.note(r, id, h)
	switch {
	case h.Epoch == 0 && !known && !s.isHolder(id):
		return void("incarnation %s of %s is not a member", id.Incarnation, id.Name)
	case h.Epoch == 0 && known && !fresh:
		return void("n %d of %s came late", h.N, id.Name)
	case h.Epoch == 0:
		return noted
	case !s.isHolder(id) || h.Epoch != s.epoch:
		return void("epoch %d is not held by incarnation %s of %s", h.Epoch, id.Incarnation, id.Name)
	case s.contested:
		return void("epoch %d is contested", h.Epoch)
	case s.broken.keeps(ruleOrder) && h.N <= s.heardN:
		return void("n %d is not above %d", h.N, s.heardN)
	case h.TTL == 0:
		return void("carries no TTL")
	}
	s.heard, s.heardN, s.ttl = r.Position.Offset, h.N, h.TTL
	return counts
}

// note keeps the latest heartbeat of a member.
func (s *State) note(r *domain.Record, id identity, h domain.Heartbeat) (fresh, known bool) {
	m := s.current(id)
	if m == nil {
		return false, false
	}
	if h.N <= m.LastHeartbeat.N {
		return false, true
	}
	m.LastHeartbeat, m.Ready, m.LastSeen, m.LastAppended = h, h.Ready, r.Position.Offset, r.Appended
	return true, true
}

// claim is valid if it is for the next epoch, by a member that may, and either
// nobody holds the present one or the claimant has seen the holder's last record
// that counts.
func (s *State) claim(r *domain.Record, c domain.Claim) Ruling {
	id, ok := who(r, c.Incarnation)
	if !ok {
		return noIncarnation
	}
	m := s.current(id)
	switch {
	case s.broken.keeps(ruleNextEpoch) && c.Epoch != s.epoch+1:
		return void("epoch %d is not %d", c.Epoch, s.epoch+1)
	case m == nil:
		return void("incarnation %s of %s is not a member", id.Incarnation, id.Name)
	case s.barred(m) != "":
		return void("%s", s.barred(m))
	case c.TTL <= 0 || c.TTL > LimitTTL:
		return void("TTL %s is not within %s", c.TTL, LimitTTL)
	case c.Seen >= r.Position.Offset:
		return void("seen %d is not before the claim", c.Seen)
	case s.held && s.broken.keeps(ruleSeen) && c.Seen < s.heard:
		return void("seen %d is below heard %d", c.Seen, s.heard)
	}
	s.passOn(r)
	s.epoch, s.holder, s.held = c.Epoch, id, true
	s.heard, s.heardN, s.ttl = r.Position.Offset, c.N, c.TTL
	s.contested, s.successor, s.cause = false, "", CauseFailover
	return counts
}

// passOn notes how the epoch before has ended, where there is a policy.
func (s *State) passOn(r *domain.Record) {
	s.moved = 0
	switch {
	case s.policy.Order == "":
	case s.cause == CauseFailover:
		s.fell(r.Appended)
	case s.cause == CauseForced || s.cause == CauseSwitchover && !s.inMaintenance(s.holder.Name):
		s.moved = r.Position.Offset
	}
}

func (s *State) inMaintenance(name string) bool {
	m := s.members[name]
	return m != nil && m.Drained
}

// release is the holder's own end of its epoch.
func (s *State) release(r *domain.Record, rel domain.Release) Ruling {
	id, ok := who(r, rel.Incarnation)
	switch {
	case !ok:
		return noIncarnation
	case !sound(rel.To, domain.MaxSubject):
		return void("names no sound successor")
	case !s.isHolder(id) || rel.Epoch != s.epoch:
		return void("epoch %d is not held by incarnation %s of %s", rel.Epoch, id.Incarnation, id.Name)
	}
	if rel.To != "" {
		s.successor = rel.To
	}
	if rel.Reason == ReasonFailBack {
		s.vacate(CauseFailBack)
	} else {
		s.vacate(CauseSwitchover)
	}
	return counts
}

// Reasons of a planned end that nobody has asked for in words.
const (
	// ReasonFailBack gives primacy back to a server that the policy prefers.
	ReasonFailBack = "fail-back"
	// ReasonDrained gives it to whom the policy prefers, because of maintenance.
	ReasonDrained = "drained"
)

// contest ends the counting of the holder's heartbeats. A second one may still
// name a successor.
func (s *State) contest(r *domain.Record, c domain.Contest) Ruling {
	switch {
	case !sound(c.To, domain.MaxSubject):
		return void("names no sound successor")
	case !s.held && c.Epoch == s.epoch && c.To != "" && c.To != s.successor && s.paused.On:
		s.successor, s.cause = c.To, s.causeOf(c) // the operator's word ends nothing, and lets that one begin
		return counts
	case !s.held || c.Epoch != s.epoch:
		return void("epoch %d is not held", c.Epoch)
	case s.contested && (c.To == "" || c.To == s.successor):
		return void("epoch %d is contested already", c.Epoch)
	}
	if c.To != "" {
		s.successor = c.To
	}
	if !s.contested && len(c.Devices) > 0 {
		s.outreached.note(r.Appended)
	}
	s.contested, s.cause = true, s.causeOf(c)
	return counts
}

func (s *State) causeOf(c domain.Contest) string {
	_, member := s.members[c.By]
	switch {
	case c.Reason == ReasonFailBack:
		return CauseFailBack
	case member:
		return CauseFailover
	}
	return CauseForced
}

// floor lifts the epoch above all that the log has seen, while nobody holds one.
func (s *State) floor(f domain.Floor) Ruling {
	switch {
	case s.held:
		return void("epoch %d is held", s.epoch)
	case f.Epoch <= s.epoch || f.Epoch > limitEpoch:
		return void("floor %d is not above %d", f.Epoch, s.epoch)
	}
	s.epoch = f.Epoch
	return counts
}
