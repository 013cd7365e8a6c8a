package audit

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func TestDecisionsAboutDeadLettersAreJudged(t *testing.T) {
	letter := domain.DeadLetter{Reason: domain.DefectType}
	decided := func(letter int64, as domain.LetterVerdict) domain.LetterDecided {
		return domain.LetterDecided{Letter: letter, As: as, Reason: "x"}
	}
	for _, c := range []struct {
		name       string
		user       string
		signed     bool
		p          domain.Payload
		violations int64
		notes      int64
	}{
		{"a decision", "anna", true, decided(5, domain.Requeued), 0, 1},
		{"about what is no letter", "anna", true, decided(6, domain.Requeued), 1, 0},
		{"about one that was removed", "anna", true, decided(2, domain.Requeued), 0, 1},
		{"by nobody", "", true, decided(5, domain.Discarded), 1, 0},
		{"as nobody can", "anna", true, decided(5, "eaten"), 1, 0},
		{"a forged one", "eve", false, decided(5, domain.Discarded), 0, 0},
		{"of another topic", "", true, domain.Copied{}, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(Options{Partitions: 1})
			a.Begins(domain.TopicDeadLetter, 0, 5)
			add := func(offset int64, user string, signed bool, p domain.Payload) {
				a.Letter(&domain.Record{Position: domain.Position{Offset: offset}, Type: p.Type(), Signed: signed, User: user, Payload: p})
			}
			add(5, "", true, letter)
			add(7, c.user, c.signed, c.p)
			if v := a.of(RuleLetters); v.Violations != c.violations || v.Notes != c.notes {
				t.Errorf("%d violations, %d notes: %+v", v.Violations, v.Notes, v)
			}
			add(8, "bert", true, decided(5, domain.Discarded))
			if v := a.of(RuleLetters); v.Violations != c.violations || v.Notes != c.notes+1 {
				t.Errorf("with one more decision: %+v", v)
			}
		})
	}
}
