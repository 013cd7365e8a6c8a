package letters_test

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/letters"
)

func TestTheFirstDecisionOfALetterCounts(t *testing.T) {
	l := letters.New(-1)
	next := int64(0)
	add := func(user string, signed bool, p domain.Payload) bool {
		r := domain.Record{Position: domain.Position{Offset: next}, Type: p.Type(), Signed: signed, User: user, Payload: p}
		next++
		return l.Apply(&r)
	}
	decided := func(letter int64, as domain.LetterVerdict) domain.LetterDecided {
		return domain.LetterDecided{Letter: letter, As: as, Reason: "x"}
	}
	for i, c := range []struct {
		counts bool
		user   string
		signed bool
		p      domain.Payload
	}{
		{true, "", true, domain.DeadLetter{Reason: domain.DefectType}},    // 0
		{true, "", true, domain.DeadLetter{Reason: domain.DefectPayload}}, // 1
		{false, "", false, domain.DeadLetter{}},                           // a forged one
		{false, "eve", false, decided(0, domain.Discarded)},               // likewise
		{false, "", true, decided(0, domain.Discarded)},                   // nobody's
		{false, "anna", true, decided(9, domain.Discarded)},               // of no letter
		{false, "anna", true, decided(4, domain.Discarded)},               // likewise: it is a decision
		{false, "anna", true, decided(0, "eaten")},                        // unheard of
		{true, "anna", true, decided(0, domain.Requeued)},                 // 8
		{false, "bert", true, decided(0, domain.Discarded)},               // too late
		{false, "bert", true, domain.Copied{}},                            // of another topic
	} {
		if got := add(c.user, c.signed, c.p); got != c.counts {
			t.Errorf("record %d counts: %t", i, got)
		}
	}
	all := l.All()
	if len(all) != 2 || all[1].Decision != nil || l.Find(0) != all[0] || l.Find(2) != nil {
		t.Fatalf("%+v", all)
	}
	if d := all[0].Decision; d == nil || d.As != domain.Requeued || d.By != "anna" || d.Offset != 8 {
		t.Errorf("decided as %+v", d)
	}
}
