package letters_test

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/letters"
)

func TestTheFirstDecisionOfALetterCounts(t *testing.T) {
	l := letters.New()
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

// However many there are behind it, the one that is asked for is there, with its value and
// its decision, and no other one.
func TestOneLetterAloneIsKept(t *testing.T) {
	all, one := letters.New(), letters.Only(7)
	apply := func(offset int64, p domain.Payload) {
		for _, l := range []*letters.Letters{all, one} {
			l.Apply(&domain.Record{Position: domain.Position{Offset: offset}, Type: p.Type(), Signed: true, User: "anna", Payload: p})
		}
	}
	for offset := range int64(letters.Max + 8) {
		apply(offset, domain.DeadLetter{Value: []byte("v")})
	}
	apply(letters.Max+8, domain.LetterDecided{Letter: 8, As: domain.Requeued})
	apply(letters.Max+9, domain.LetterDecided{Letter: 7, As: domain.Discarded})
	l := one.Find(7)
	if l == nil || string(l.Letter.Value) != "v" || l.Decision == nil || l.Decision.As != domain.Discarded || len(one.All()) != 1 || one.Forgotten != 0 {
		t.Errorf("of one it keeps %+v, forgotten %d", one.All(), one.Forgotten)
	}
	if all.Find(7) != nil || all.Forgotten != 8 || all.Find(8).Letter.Value != nil || all.Find(8).Decision == nil {
		t.Errorf("of all it has forgotten %d", all.Forgotten)
	}
}
