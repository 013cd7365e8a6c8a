package partition

import (
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// fact applies a record of the primary that counts.
func (s *State) fact(r *domain.Record, ch *Change) {
	switch v := r.Payload.(type) {
	case domain.EpochOpened:
		s.confirm(r.Appended, v.Time)
		ch.Verdict, ch.EpochOpened = Applied, true
	case domain.Tick:
		s.confirm(r.Appended, v.Time)
		ch.Verdict = Applied
	case domain.Configured:
		s.configured(r, ch, v)
	case domain.Connection:
		s.connection(r, ch, v)
	case domain.Reported:
		s.reported(r, ch, v)
	case domain.Started:
		s.started(r, ch, v)
	case domain.Ended:
		s.outcome(r, ch, &v)
	case domain.Answer:
		ch.UID = v.UID
		c := s.owed(v.Repeat, GiveAnswer)
		if c == nil || c.UID != v.UID || c.Device != r.Subject {
			s.impossible(r, ch)
			return
		}
		s.done(c)
		ch.Verdict, ch.Counted, ch.Command, ch.ChoresChanged = Applied, r.Payload, c.Answer.Original, true
	case domain.RevisionApplied:
		s.revisionApplied(r, ch, v)
	case domain.Handled:
		c := s.owed(v.Record, DeadLetter, Forward)
		if c == nil {
			s.impossible(r, ch)
			return
		}
		s.done(c)
		ch.Verdict, ch.Command, ch.ChoresChanged = Applied, v.Record, true
	}
}

func (s *State) connection(r *domain.Record, ch *Change, v domain.Connection) {
	d := s.devices[r.Subject]
	if d == nil || d.Removed {
		s.impossible(r, ch)
		return
	}
	ch.ConnectionChanged = d.Connected != v.Up
	if ch.ConnectionChanged {
		d.ConnectionSince = s.logTime
	}
	d.Connected, d.ConnectionDetail = v.Up, strings.Clone(clip(v.Detail))
	s.recount(d)
	ch.Verdict = Applied
}
