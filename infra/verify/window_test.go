package verify

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
)

// windowed is what `export --since --until` keeps of a log.
type windowed struct {
	*stored
	since, until domain.Instant
}

func (w *windowed) Bounds(ctx context.Context, topic string) ([]domain.Bounds, error) {
	out, err := w.stored.Bounds(ctx, topic)
	for p := range out {
		messages := w.Topics[w.kind(topic)][p]
		if i := slices.IndexFunc(messages, func(m domain.Stored) bool { return m.Appended >= w.until }); i >= 0 {
			out[p].End = messages[i].Offset
		}
		out[p].Start = out[p].End
		if i := slices.IndexFunc(messages, func(m domain.Stored) bool { return m.Appended >= w.since }); i >= 0 {
			out[p].Start = min(out[p].End, messages[i].Offset)
		}
	}
	return out, err
}

// TestAnHonestWindowIsNotViolated: where it was cut, what happened is not decidable.
func TestAnHonestWindowIsNotViolated(t *testing.T) {
	s := &stored{Corpus: load(t), few: 500}
	var moments []domain.Instant // just before and behind claims, where most is under way
	for _, m := range s.Topics[domain.TopicControl][0] {
		if r := s.Codec().Decode(domain.TopicControl, 0, m); r.Type == domain.TypeClaim {
			moments = append(moments, r.Appended, r.Appended+1, r.Appended.Add(300*time.Millisecond))
		}
	}
	if len(moments) < 6 {
		t.Fatalf("%d moments", len(moments))
	}
	end := moments[len(moments)-1].Add(time.Hour)
	for i, since := range moments {
		for _, until := range []domain.Instant{end, moments[min(i+4, len(moments)-1)]} {
			if until <= since {
				continue
			}
			r, err := Run(t.Context(), Config{Landscape: "main", Source: &windowed{s, since, until}, Codec: s.Codec()})
			if err != nil {
				t.Fatal(err)
			}
			if r.Violated() {
				for _, v := range r.Verdicts {
					for _, f := range v.Violated {
						t.Errorf("%v to %v: %s: %s %v", since, until, v.Rule, f.Says, f.Records)
					}
				}
			}
			if !r.Undecided() {
				t.Errorf("%v to %v: nobody is told that the beginning is missing", since, until)
			}
		}
	}
}

// TestTwoLogsInOneAreNotHeld: what another landscape has written behind this one's has
// other keys, and may be older.
func TestTwoLogsInOneAreNotHeld(t *testing.T) {
	for name, test := range map[string]struct {
		earlier time.Duration
		keep    bool // their MACs
		rule    audit.Rule
	}{
		"of other keys": {0, false, audit.RuleSignatures},
		"older":         {24 * time.Hour, true, audit.RuleComplete},
	} {
		s := &stored{Corpus: load(t), few: 500}
		own, other := s.Codec(), codec.New("main", codec.Generate())
		list := s.Topics[domain.TopicLog][0]
		last := list[len(list)-1]
		for n := range 200 {
			r := domain.Record{UID: "f", Subject: "log", Source: "/server/Z", Type: domain.TypeTick, Epoch: 99, Sequence: uint64(n + 2), Payload: domain.Tick{Time: last.Appended}}
			by := other
			if test.keep {
				by, r.Epoch = own, 1
			}
			m, err := by.Encode(domain.TopicLog, 0, r)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, domain.Stored{Offset: last.Offset + 1 + int64(n), Appended: last.Appended.Add(time.Duration(n) - test.earlier), Message: m})
		}
		s.Topics[domain.TopicLog][0] = list
		r, err := Run(t.Context(), Config{Landscape: "main", Source: s, Codec: own})
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Verdict(test.rule); v.Status != audit.Undecided {
			t.Errorf("%s: %s is %s", name, test.rule, v.Status)
		}
	}
}
