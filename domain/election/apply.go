package election

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// Ruling is what a record did. With Counts false and Void empty it was taken
// note of: a standby's heartbeat, a checkpoint, a view.
type Ruling struct {
	Counts  bool   // it moved the lease, the epoch, the holder or the membership
	Void    string // why it did nothing, for people
	Changed bool   // holder, epoch or contest are others than before
}

var (
	counts = Ruling{Counts: true}
	noted  = Ruling{}
)

func void(format string, args ...any) Ruling { return Ruling{Void: fmt.Sprintf(format, args...)} }

// Apply folds one record. It is total and deterministic: what makes no sense
// changes nothing but Next. Records must come in order; one that is folded
// already changes nothing at all.
func (s *State) Apply(r domain.Record) Ruling {
	at := r.Position.Offset
	if at < s.next || at == math.MaxInt64 {
		return void("offset %d is not at or above %d", at, s.next)
	}
	s.next = at + 1
	if why := unsound(&r); why != "" {
		return Ruling{Void: why}
	}
	before := s.term()
	ruling := s.rule(&r)
	ruling.Changed = s.term() != before
	return ruling
}

// term is what a change of roles changes.
type term struct {
	epoch           uint64
	holder          identity
	held, contested bool
}

func (s *State) term() term { return term{s.epoch, s.holder, s.held, s.contested} }

func unsound(r *domain.Record) string {
	switch {
	case r.Defect != domain.DefectNone:
		return "defective: " + string(r.Defect)
	case !r.Signed:
		return "not signed by a server"
	case !sound(r.Subject, domain.MaxSubject) || r.Subject == "":
		return "names no member"
	case !sound(r.UID, domain.MaxUID):
		return "its UID is no text of 1 to 128 bytes"
	}
	return ""
}

// sound reports whether a text may be kept in the state.
func sound(s string, limit int) bool { return len(s) <= limit && utf8.ValidString(s) }

func (s *State) rule(r *domain.Record) Ruling {
	switch p := r.Payload.(type) {
	case domain.Joined:
		return s.joined(r, p)
	case domain.Heartbeat:
		return s.heartbeat(r, p)
	case domain.Claim:
		return s.claim(r, p)
	case domain.Release:
		return s.release(r, p)
	case domain.Contest:
		return s.contest(r, p)
	case domain.Died:
		return s.died(r, p)
	case domain.Left:
		return s.left(r, p)
	case domain.Removed:
		return s.removed(r, p)
	case domain.Quarantined:
		return s.quarantined(r, p)
	case domain.Cleared:
		return s.cleared(r, p)
	case domain.Floor:
		return s.floor(p)
	case domain.Policy:
		return s.policyIs(p)
	case domain.Paused:
		return s.pausedIs(p)
	case domain.Drained:
		return s.drained(r, p)
	case domain.Invited:
		return s.invited(r, p)
	case domain.Admitted:
		return s.admitted(r, p)
	case domain.Dissolved:
		return s.dissolvedIs(p)
	case domain.RevisionAcknowledged:
		return s.acknowledged(r, p)
	case domain.Checkpoint, domain.View, domain.Signed:
		return noted
	}
	return void("%s is no control record", r.Type)
}

// who is the process that a record speaks of.
func who(r *domain.Record, incarnation string) (identity, bool) {
	ok := incarnation != "" && sound(incarnation, domain.MaxUID)
	return identity{r.Subject, incarnation}, ok
}

var noIncarnation = void("names no incarnation of 1 to %d bytes", domain.MaxUID)
