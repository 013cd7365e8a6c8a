package election

import (
	"maps"
	"slices"
)

// Clone is a second machine in the same state that shares nothing with the
// first: for who wants to know what would happen if.
func (s *Server) Clone() *Server {
	c := *s
	c.out = nil
	c.state = s.state.Clone()
	c.flight = slices.Clone(s.flight)
	c.sends.sends = slices.Clone(s.sends.sends)
	c.health.Reaches = slices.Clone(s.health.Reaches)
	c.watch.received = maps.Clone(s.watch.received)
	c.watch.since = maps.Clone(s.watch.since)
	return &c
}

// Clone is a second state that is equal and shares nothing with the first.
func (s *State) Clone() *State {
	c := *s
	c.members = make(map[string]*entry, len(s.members))
	for name, e := range s.members {
		member := *e
		c.members[name] = &member
	}
	c.retired = slices.Clone(s.retired)
	c.invitations = slices.Clone(s.invitations)
	c.policy.Members = slices.Clone(s.policy.Members)
	return &c
}
