package partition

import "github.com/understudy-io/understudy/domain"

// fence decides whether a signed record of a primary counts: of the highest
// epoch opened here, and next in its sequence. A writer whose append timed out
// appends again under the same sequence, so both copies may stand in the log;
// and a primary that was replaced may still write. Neither must count.
//
// It returns Applied if the record counts, and has then moved the sequence on.
func (s *State) fence(r *domain.Record) (Verdict, domain.Defect) {
	switch {
	case r.Epoch == 0:
		return Dead, domain.DefectEpoch
	case r.Epoch < s.epoch:
		return Fenced, domain.DefectEpoch
	case r.Type == domain.TypeEpochOpened:
		return s.open(r)
	case r.Epoch > s.epoch:
		return Dead, domain.DefectSequence // an epoch begins with epoch.opened
	case r.Sequence == 0:
		return Dead, domain.DefectSequence
	case r.Sequence <= s.sequence:
		return Repeated, domain.DefectNone
	case r.Sequence != s.sequence+1:
		return Dead, domain.DefectSequence
	}
	s.sequence = r.Sequence
	return Applied, domain.DefectNone
}

// open begins an epoch. Only its first mark counts: a second one of the same
// server is a repeat, of another server it is fenced.
func (s *State) open(r *domain.Record) (Verdict, domain.Defect) {
	p, ok := r.Payload.(domain.EpochOpened)
	switch {
	case r.Defect != domain.DefectNone:
		return Dead, known(r.Defect)
	case !ok:
		return Dead, domain.DefectPayload
	case r.Sequence != 1:
		return Dead, domain.DefectSequence
	case r.Epoch == s.epoch && p.Incarnation == s.opener:
		return Repeated, domain.DefectNone
	case r.Epoch == s.epoch:
		return Fenced, domain.DefectEpoch
	}
	s.epoch, s.sequence, s.opener = r.Epoch, 1, p.Incarnation
	return Applied, domain.DefectNone
}
