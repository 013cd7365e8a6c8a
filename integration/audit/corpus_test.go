package audit

import (
	"encoding/json"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/corpus"
	"github.com/understudy-io/understudy/projections/audit"
)

const stored = "../corpus/0.1.0"

func load(t *testing.T) *corpus.Corpus {
	t.Helper()
	c, err := corpus.Load(stored)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAStoredLogHoldsAllRules(t *testing.T) {
	c := load(t)
	r := Judge(decoded(c))
	clean(t, r)
	if n := r.Verdict(audit.RuleState).Looked; n < 60 {
		t.Errorf("only %d state hashes were compared", n)
	}
	if len(r.Terms) != c.Expected.Checks.Epochs {
		t.Errorf("%d terms, want %d", len(r.Terms), c.Expected.Checks.Epochs)
	}
	totals := c.Expected.Totals
	if r.Commands.Accepted != int64(totals.Accepted) || r.Commands.Refused != int64(totals.Refused) || r.Verdict(audit.RuleFence).Notes != int64(totals.Fenced) {
		t.Errorf("%+v, want %+v", r.Commands, totals)
	}
	for o, n := range totals.Outcomes {
		if r.Commands.Outcomes[o] != int64(n) {
			t.Errorf("%d %s, want %d", r.Commands.Outcomes[o], o, n)
		}
	}
	for p, f := range c.Expected.Partitions {
		if h := topicOf(r, domain.TopicLog, p); h.Next != f.Next || h.Hash == nil || *h.Hash != f.Hash {
			t.Errorf("partition %d folds to %v at %d", p, h.Hash, h.Next)
		}
	}
}

func topicOf(r *audit.Report, kind domain.TopicKind, p int) audit.Topic {
	for _, x := range r.Topics {
		if x.Topic == kind.String() && int(x.Partition) == p {
			return x
		}
	}
	return audit.Topic{}
}

// clean fails a test if any rule was not held.
func clean(t *testing.T, r *audit.Report) {
	t.Helper()
	for _, v := range r.Verdicts {
		if v.Status != audit.Held {
			b, _ := json.MarshalIndent(v, "", "  ")
			t.Errorf("%s: %s\n%s", v.Rule, v.Status, b)
		}
	}
}
