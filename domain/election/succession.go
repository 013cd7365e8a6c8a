package election

import "time"

// Hindrance is why a member does not take over, as it follows on its name; empty if
// nothing hinders it.
type Hindrance string

// The hindrances.
const (
	HinderedAbsent      Hindrance = "is no server of this landscape"
	HinderedEnded       Hindrance = "has ended"
	HinderedHolds       Hindrance = "is the primary already"
	HinderedDrained     Hindrance = "is drained"
	HinderedQuarantined Hindrance = "is quarantined"
	HinderedSilent      Hindrance = "is not heard"
	HinderedNotReady    Hindrance = "is not ready"
)

// Hindrance says why a member could not take over from the holder now, as this server
// hears it. Whoever asks for a move of primacy, and whoever ranks, asks here.
func (s *Server) Hindrance(member string) Hindrance {
	e, ok := s.state.members[member]
	switch {
	case !ok:
		return HinderedAbsent
	case s.state.held && s.state.holder.Name == member:
		return HinderedHolds
	}
	return s.hindrance(e)
}

func (s *Server) hindrance(e *entry) Hindrance {
	at, heard := s.watch.received[e.Name]
	switch {
	case e.Left || e.Removed:
		return HinderedAbsent
	case e.Died:
		return HinderedEnded
	case e.Drained:
		return HinderedDrained
	case e.Quarantined:
		return HinderedQuarantined
	case !heard || s.now-at > s.cfg.LiveWithin:
		return HinderedSilent
	case !e.Ready:
		return HinderedNotReady
	}
	return ""
}

// courtesy is how much longer this server leaves an epoch that nobody holds to the
// successor who was named, if that one is heard and ready: the release may reach it
// late, and the stagger is far less than what a slow machine takes. It is as long as the
// holder's lease was: that has the measure of this log.
func (s *Server) courtesy() time.Duration {
	named := s.state.members[s.state.successor]
	if named == nil || named.Name == s.cfg.Member || !s.fit(named) {
		return 0
	}
	return max(s.state.ttl, s.cfg.Stagger)
}

// fit reports whether a member could take over now, as this server hears it.
func (s *Server) fit(e *entry) bool { return s.hindrance(e) == "" }

// Next is the member that would take over if this landscape's holder gave its epoch
// up now; nobody, if no other one could.
func (s *Server) Next() (member string, ok bool) {
	var best *entry
	for _, e := range s.state.members {
		if e.Name != s.state.holder.Name && s.fit(e) && (best == nil || s.before(e, best)) {
			best = e
		}
	}
	if best == nil {
		return "", false
	}
	return best.Name, true
}
