package audit

import (
	"encoding/json"
	"flag"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/sim"
	"github.com/understudy-io/understudy/projections/audit"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first seed of the simulated histories that are judged")
	playFor   = flag.Duration("for", 6*time.Second, "for how long they are played")
)

// A history that its own judges, who know true time and what the devices received, take
// for right, is right by its log too. Where a server misread a command, its checkpoint
// may say so, and nothing else may be wrong.
func TestSimulatedHistoriesGetTheVerdictOfTheirOwnJudges(t *testing.T) {
	var judged, terms, fenced, doubts int
	for began, n := time.Now(), *firstSeed; judged < 2 || time.Since(began) < *playFor; n++ {
		plan := sim.NewPlan(n)
		plan.Ends = min(plan.Ends, 20*time.Second)
		kept, wrong := sim.Keep(plan, sim.NewStats())
		if wrong != nil {
			t.Fatalf("seed %d: %v", n, wrong)
		}
		l := &Log{Topics: kept.Topics, Original: kept.Original, Start: map[domain.TopicKind]int64{domain.TopicControl: kept.Start}}
		r := Judge(l)
		judged++
		terms += len(r.Terms)
		fenced += int(r.Verdict(audit.RuleFence).Notes)
		doubts += len(r.Doubts)
		for _, v := range r.Verdicts {
			if v.Status == audit.Violated && (!kept.Misread || v.Rule != audit.RuleState) {
				b, _ := json.MarshalIndent(v.Violated[:min(3, len(v.Violated))], "", " ")
				t.Fatalf("seed %d: %s is violated %d times, and the simulation's judges found nothing\n%s", n, v.Rule, v.Violations, b)
			}
		}
	}
	t.Logf("%d histories with %d terms, %d fenced records and %d doubts", judged, terms, fenced, doubts)
	if terms < 2 || judged < 2 {
		t.Error("there was next to nothing to judge")
	}
}
