package election

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// joined makes a member of an incarnation that never was one. It takes the place
// of an older one of the same name, but never clears the holder.
func (s *State) joined(r *domain.Record, j domain.Joined) Ruling {
	id, ok := who(r, j.Incarnation)
	switch {
	case !ok:
		return noIncarnation
	case !sound(j.Address, domain.MaxText) || !sound(j.Build, domain.MaxText):
		return void("carries no sound text")
	case !Proven(id.Name, j):
		return void("its proof is not by identity %q", j.Identity)
	case s.isRetired(id):
		return void("incarnation %s of %s is over", id.Incarnation, id.Name)
	case s.current(id) != nil:
		return void("incarnation %s of %s has joined already", id.Incarnation, id.Name)
	}
	if why := s.unwelcome(id.Name, j); why != "" {
		return void("%s", why)
	}
	old := s.members[id.Name]
	if old == nil {
		if !s.makeRoom() {
			return void("there are %d members already", MaxMembers)
		}
		old = &entry{}
	} else {
		s.retire(identity{old.Name, old.Incarnation})
	}
	if !s.broken.keeps(ruleJoin) && s.holder.Name == id.Name {
		s.held = false
	}
	s.members[id.Name] = &entry{
		Member: Member{
			Name: id.Name, Incarnation: id.Incarnation, Joined: r.Position.Offset, Precedence: j.Precedence,
			Address: j.Address, Build: j.Build, Quarantined: old.Quarantined, LastSeen: noOffset,
			Drained: old.Drained, DrainedBy: old.DrainedBy, Falls: old.Falls, FellAt: old.FellAt, Identity: j.Identity,
		},
		QuarantinedAs: old.QuarantinedAs, Removal: old.Removal,
	}
	return counts
}

// unwelcome says why nobody may join under a name, or with what it brings; empty if
// somebody may.
func (s *State) unwelcome(name string, j domain.Joined) string {
	if why := s.Banned(name); why != "" && s.broken.keeps(ruleTombstone) {
		return why
	}
	others := 0
	for _, e := range s.members {
		if e.Name == name || e.Left || e.Removed {
			continue
		}
		others++
		if j.Precedence != 0 && e.Precedence == j.Precedence {
			return fmt.Sprintf("precedence %d of %s is also that of %s: give each server its own server.precedence", j.Precedence, name, e.Name)
		}
	}
	if limit := s.policy.MaxMembers; limit > 0 && others >= limit {
		return s.full(name, limit)
	}
	return ""
}

func (s *State) full(name string, limit int) string {
	return fmt.Sprintf("%s would be one more than the %d servers that this landscape may have: remove one, or raise the limit with the policy", name, limit)
}

// Banned says why no server may join under a name; empty if one may.
func (s *State) Banned(name string) string {
	if s.dissolved.By != "" {
		return "this landscape was dissolved by " + s.dissolved.By + because(s.dissolved.Reason)
	}
	if e, ok := s.members[name]; ok && e.Tombstone != "" {
		return name + " was removed by " + e.Tombstone
	}
	return ""
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// makeRoom forgets the oldest member that is gone, if there are too many.
func (s *State) makeRoom() bool {
	if len(s.members) < MaxMembers {
		return true
	}
	var oldest *entry
	for _, e := range s.members {
		if !e.present() && e.Tombstone == "" && (oldest == nil || e.Joined < oldest.Joined) {
			oldest = e
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.members, oldest.Name)
	return true
}

// died ends an incarnation, on the word of the guard that saw it end.
func (s *State) died(r *domain.Record, d domain.Died) Ruling {
	id, ok := who(r, d.Incarnation)
	if !ok {
		return noIncarnation
	}
	m, holder := s.current(id), s.isHolder(id)
	if !s.broken.keeps(ruleIncarnation) && s.held && s.holder.Name == id.Name {
		holder = true
	}
	if m == nil && !holder && s.isRetired(id) {
		return void("incarnation %s of %s is over already", id.Incarnation, id.Name)
	}
	s.retire(id)
	if m != nil {
		m.Died, m.Ready = true, false
	}
	if holder {
		s.vacate(CauseFailover)
	}
	return counts
}

// left is a member's own farewell; of the holder it is a release too.
func (s *State) left(r *domain.Record, l domain.Left) Ruling {
	id, ok := who(r, l.Incarnation)
	if !ok {
		return noIncarnation
	}
	m, holder := s.current(id), s.isHolder(id)
	if m == nil && !holder {
		return void("incarnation %s of %s is not a member", id.Incarnation, id.Name)
	}
	s.retire(id)
	if m != nil {
		m.Left, m.Ready = true, false
	}
	if holder {
		s.vacate(CauseSwitchover)
	}
	return counts
}

// removed is a tombstone. Removing the holder is a contest: the claimant waits.
func (s *State) removed(r *domain.Record, v domain.Removed) Ruling {
	m := s.members[r.Subject]
	switch {
	case v.Out && (v.By == "" || !sound(v.By, domain.MaxText) || !sound(v.Reason, domain.MaxText)):
		return void("carries no sound text")
	case v.Out && m != nil && m.Tombstone == "" && (m.Left || m.Removed):
		m.Removed, m.Removal, m.Tombstone = true, r.UID, v.By+because(v.Reason)
		return counts
	case m == nil || m.Left || m.Removed:
		return void("%s is not a member", r.Subject)
	case r.UID != "" && r.UID == m.Removal:
		return void("this removal of %s has been folded", r.Subject)
	}
	s.retire(identity{m.Name, m.Incarnation})
	m.Removed, m.Ready, m.Removal = true, false, r.UID
	if v.Out {
		m.Tombstone = v.By + because(v.Reason)
	}
	if s.held && s.holder.Name == m.Name && !s.contested {
		s.contested, s.cause = true, CauseForced
		if !s.broken.keeps(ruleRemoval) {
			s.held = false
		}
	}
	return counts
}

// speaker is the member whose own incarnation a record names; nil where it is none, and
// the ruling then says why.
func (s *State) speaker(r *domain.Record, incarnation string) (*entry, Ruling) {
	id, ok := who(r, incarnation)
	if !ok {
		return nil, noIncarnation
	}
	m := s.current(id)
	if m == nil {
		return nil, void("incarnation %s of %s is not a member", id.Incarnation, id.Name)
	}
	return m, counts
}

// quarantined bars a member from claims, over restarts, until it is cleared.
func (s *State) quarantined(r *domain.Record, q domain.Quarantined) Ruling {
	m, ruling := s.speaker(r, q.Incarnation)
	switch {
	case m == nil:
		return ruling
	case m.Quarantined && m.QuarantinedAs == m.Incarnation:
		return void("%s is quarantined already", m.Name)
	}
	m.Quarantined, m.QuarantinedAs = true, m.Incarnation
	return counts
}

// cleared ends a quarantine.
func (s *State) cleared(r *domain.Record, c domain.Cleared) Ruling {
	m, ruling := s.speaker(r, c.Incarnation)
	switch {
	case m == nil:
		return ruling
	case !m.Quarantined:
		return void("%s is not quarantined", m.Name)
	}
	m.Quarantined, m.QuarantinedAs = false, ""
	return counts
}
