package sim_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/integration/sim"
)

// In histories with all that goes wrong otherwise, operators publish revisions of the
// configuration: in the end all devices are as the active one says.
func TestARevisionReachesEveryDeviceWhateverGoesWrong(t *testing.T) {
	first, limit := *seed, *span/2
	if first == 0 {
		first = rand.Uint64() >> 16 << 8
	}
	if testing.Short() {
		limit = 2 * time.Second
	}
	stats := sim.NewStats()
	began := time.Now()
	for n := first; time.Since(began) < limit; n++ {
		plan := sim.NewPlan(n)
		r := rand.New(rand.NewPCG(n, 12))
		for range 1 + r.IntN(6) {
			at := time.Duration(r.Int64N(int64(plan.Ends)))
			plan.Faults = append(plan.Faults, sim.Fault{Do: "reconfigure", At: at, Host: r.IntN(plan.Servers), Arg: r.IntN(1<<20) &^ 128})
		}
		if err := sim.Run(plan, stats, nil); err != nil {
			var play strings.Builder
			sim.Tell(&play, plan, *tries)
			t.Fatalf("seed %d: %v\n%s", n, err, play.String())
		}
	}
	report := stats.Report(time.Since(began))
	if !strings.Contains(report, "histories end with a revision") || strings.Contains(report, "configuration: 0 histories") || strings.Contains(report, "acknowledged 0 times") {
		t.Errorf("no revision was ever active: it proves nothing\n%s", report)
	}
	t.Log(report)
}
