package partition

import (
	"math"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// Apply folds the next record. Records come in offset order; offsets may have
// gaps. One that was folded before, or of another partition, is ignored.
func (s *State) Apply(r domain.Record) Change {
	ch := Change{Position: r.Position, Type: r.Type, Device: r.Subject, UID: r.UID}
	off := r.Position.Offset
	if r.Position.Partition != s.partition || off < s.next || off == math.MaxInt64 {
		return ch
	}
	if s.frozen != nil {
		s.preserve(r.Subject)
	}
	s.next = off + 1
	s.counters.Records++
	s.advance(r.Appended)
	s.decide(&r, &ch)
	s.counters.verdict(ch.Verdict)
	s.forget()
	if len(s.stale) >= maxStale {
		s.settleItems()
	}
	return ch
}

func (s *State) decide(r *domain.Record, ch *Change) {
	class := domain.ClassOf(r.Type)
	if r.Signed && (class == domain.ClassPrimary || class == domain.ClassUnknown && r.Sequence > 0) {
		// Also a record that this build cannot read takes its place in the
		// sequence; otherwise everything behind it would be out of sequence.
		if v, d := s.fence(r); v != Applied {
			s.drop(r, ch, v, d)
			return
		}
	}
	if d := s.defect(r, class); d != domain.DefectNone {
		s.drop(r, ch, Dead, d)
		return
	}
	if class == domain.ClassPrimary {
		s.fact(r, ch)
		return
	}
	if class == domain.ClassRevision {
		s.revise(r, ch)
		return
	}
	s.command(r, ch)
}

// drop leaves a record without effect. A dead one is owed a dead letter.
func (s *State) drop(r *domain.Record, ch *Change, v Verdict, d domain.Defect) {
	ch.Verdict, ch.Defect = v, d
	if v != Dead {
		return
	}
	s.counters.Defects.add(string(d), 1)
	if s.owe(Chore{Kind: DeadLetter, Position: r.Position, Defect: d}) {
		ch.ChoresChanged = true
	} else {
		s.counters.Unlettered++
	}
}

// impossible drops a fact that does not fit the state.
func (s *State) impossible(r *domain.Record, ch *Change) { s.drop(r, ch, Dead, domain.DefectState) }

// defect says what is wrong with a record, apart from any state.
func (s *State) defect(r *domain.Record, class domain.Class) domain.Defect {
	if r.Defect != domain.DefectNone {
		return known(r.Defect)
	}
	switch class {
	case domain.ClassUnknown:
		return domain.DefectType
	case domain.ClassControl, domain.ClassCopy:
		return domain.DefectWrongTopic
	case domain.ClassCommand, domain.ClassOperator, domain.ClassRevision:
		if len(r.UID) == 0 || len(r.UID) > domain.MaxUID || !utf8.ValidString(r.UID) {
			return domain.DefectUID
		}
		if len(r.Subject) == 0 || len(r.Subject) > domain.MaxSubject || !utf8.ValidString(r.Subject) {
			return domain.DefectSubject
		}
	}
	if class != domain.ClassCommand && !r.Signed {
		return domain.DefectUnsigned
	}
	if typeOf(r.Payload) != r.Type {
		return domain.DefectPayload
	}
	return domain.DefectNone
}

// typeOf is the type of a payload that belongs into the log. Anything else,
// a pointer to a payload too, has none.
func typeOf(p domain.Payload) domain.Type {
	switch p.(type) {
	case domain.Take:
		return domain.TypeTake
	case domain.Salvo:
		return domain.TypeSalvo
	case domain.SetLabel:
		return domain.TypeLabel
	case domain.SetLock:
		return domain.TypeLock
	case domain.Invoke:
		return domain.TypeInvoke
	case domain.Resolve:
		return domain.TypeResolve
	case domain.EpochOpened:
		return domain.TypeEpochOpened
	case domain.Tick:
		return domain.TypeTick
	case domain.Configured:
		return domain.TypeConfigured
	case domain.Connection:
		return domain.TypeConnection
	case domain.Reported:
		return domain.TypeReported
	case domain.Started:
		return domain.TypeStarted
	case domain.Ended:
		return domain.TypeOutcome
	case domain.Answer:
		return domain.TypeAnswer
	case domain.Handled:
		return domain.TypeHandled
	case domain.RevisionApplied:
		return domain.TypeRevisionApplied
	case domain.RevisionPart:
		return domain.TypeRevisionPart
	case domain.Published:
		return domain.TypePublished
	case domain.Activated:
		return domain.TypeActivated
	}
	return ""
}
