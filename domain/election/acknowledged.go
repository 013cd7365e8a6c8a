package election

import "github.com/understudy-io/understudy/domain"

// acknowledged notes what a member says of the active revision. It changes nothing
// else: who has not applied it is no worse a successor for that.
func (s *State) acknowledged(r *domain.Record, a domain.RevisionAcknowledged) Ruling {
	m, ruling := s.speaker(r, a.Incarnation)
	switch {
	case m == nil:
		return ruling
	case a.Revision == 0 || a.At < 0 || !sound(a.Hash, domain.MaxText) || !sound(a.Failure, domain.MaxText):
		return void("is no sound acknowledgement")
	case a.Revision < m.Acknowledged.Revision:
		return void("%s has acknowledged revision %d already", m.Name, m.Acknowledged.Revision)
	}
	m.Acknowledged = a
	if a.Failure == "" {
		m.Applied = a.Revision
	}
	return noted
}

// acknowledgeRevision says what this server has to say of the active revision, until the log
// gives it back.
func (s *Server) acknowledgeRevision() {
	m, want := s.state.current(s.me), s.health.Acknowledged
	if m == nil || want.Revision == 0 || want.Same(m.Acknowledged) || s.now < s.acknowledgeAt {
		return
	}
	s.acknowledgeAt = s.now + joinRetry
	s.emit(Append{Type: domain.TypeAcknowledged, Payload: want})
}
