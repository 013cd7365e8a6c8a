package sim_test

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/integration/sim"
)

var (
	seed  = flag.Uint64("seed", 0, "the first seed; 0 takes a fresh one")
	span  = flag.Duration("for", 12*time.Second, "how long to play histories")
	tries = flag.Int("shrink", 100, "how many tries to make a wrong history shorter")
)

// TestNoHistoryIsWrong plays histories with fresh seeds. It ends with the first one
// that breaks a guarantee, tells it as a play, and names its seed: put that into
// testdata/seeds.txt once the fault is mended.
func TestNoHistoryIsWrong(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64() >> 16 << 8
	}
	fmt.Printf("seeds from %d: go test -run TestNoHistoryIsWrong ./integration/sim -args -seed %d\n", first, first)
	limit := *span
	if testing.Short() {
		limit = 3 * time.Second
	}
	began := time.Now()
	stats, wrong := playUntil(first, func(s *sim.Stats) bool { return time.Since(began) > limit })
	if wrong != nil {
		var play strings.Builder
		sim.Tell(&play, wrong, *tries)
		t.Fatalf("%s", play.String())
	}
	t.Log(stats.Report(time.Since(began)))
	if stats.Takeovers == 0 {
		t.Error("there was no takeover: it proves nothing")
	}
}

// playUntil plays histories on all processors, until enough or one is wrong.
func playUntil(first uint64, enough func(*sim.Stats) bool) (*sim.Stats, *sim.Plan) {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		next  = first
		all   = sim.NewStats()
		wrong *sim.Plan
	)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for {
				mu.Lock()
				if wrong != nil || enough(all) {
					mu.Unlock()
					return
				}
				plan := sim.NewPlan(next)
				next++
				mu.Unlock()
				stats := sim.NewStats()
				err := sim.Run(plan, stats, nil)
				mu.Lock()
				all.Add(stats)
				if err != nil && wrong == nil {
					wrong = plan
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all, wrong
}

// TestSeedsThatOnceFailed plays the histories that have shown a fault.
func TestSeedsThatOnceFailed(t *testing.T) {
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Run(sim.NewPlan(n), sim.NewStats(), nil); err != nil {
			t.Errorf("seed %d: %v", n, err)
		}
	}
}

// P16: in histories in which servers lose devices for long, primaries are contested
// because of it; that there was a reason, and that it was damped, the judges see.
func TestAPrimaryThatMissesDevicesIsContested(t *testing.T) {
	stats := sim.NewStats()
	for n := uint64(5); n < 100 && stats.Outreached < 2; n += 8 {
		if err := sim.Run(sim.NewPlan(n), stats, nil); err != nil {
			t.Fatalf("seed %d: %v", n, err)
		}
	}
	if stats.Outreached < 2 {
		t.Errorf("only %d primaries were contested because of devices", stats.Outreached)
	}
}

// TestOneSeedIsOneHistory guards the simulator itself: without it no seed is worth
// anything.
func TestOneSeedIsOneHistory(t *testing.T) {
	for n := range uint64(6) {
		var plays [2]string
		for i := range plays {
			var b strings.Builder
			plan := sim.NewPlan(n)
			plan.Ends = min(plan.Ends, 6*time.Second)
			err := sim.Run(plan, sim.NewStats(), func(at time.Duration, line string) {
				b.WriteString(at.String() + " " + line + "\n")
			})
			if err != nil {
				b.WriteString(err.Error())
			}
			plays[i] = b.String()
		}
		if plays[0] != plays[1] {
			a, b := strings.Split(plays[0], "\n"), strings.Split(plays[1], "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Fatalf("seed %d differs at line %d:\n%s\n%s", n, i, a[i], b[i])
				}
			}
			t.Fatalf("seed %d: %d and %d lines", n, len(a), len(b))
		}
	}
}

// TestAServerThatIsFrozenBeforeAWriteDoesNotMakeIt plays servers that are frozen
// between the lease's check and the write again and again, under leases of changing
// length: what the valve is not told of, leaves.
func TestAServerThatIsFrozenBeforeAWriteDoesNotMakeIt(t *testing.T) {
	all := sim.NewStats()
	for n := range uint64(40) {
		p := sim.NewPlan(n)
		if p.Servers < 2 {
			continue
		}
		p.Ends, p.Gap, p.GapFor = min(p.Ends, 6*time.Second), 0.2, time.Second
		stats := sim.NewStats()
		if err := sim.Run(p, stats, nil); err != nil {
			t.Fatalf("seed %d: %v", n, err)
		}
		all.Add(stats)
	}
	if all.Refused() < 100 {
		t.Errorf("the kernel refused %d writes: it proves nothing", all.Refused())
	}
	t.Logf("the kernel refused %d writes", all.Refused())
}

// TestTheJudgesSeeWhatIsWrong plays landscapes that break a rule on purpose.
func TestTheJudgesSeeWhatIsWrong(t *testing.T) {
	for _, x := range []struct {
		name  string
		spoil func(*sim.Plan)
	}{
		{"clocks that are off by more than the margin", func(p *sim.Plan) {
			for i := range p.Hosts {
				p.Hosts[i].Rate = []int64{700_000, 1_500_000}[i%2]
			}
		}},
		{"no margin", func(p *sim.Plan) {
			for i := range p.Hosts {
				p.Hosts[i].Rate = []int64{850_000, 1_150_000}[i%2]
				p.Hosts[i].Election.Margin = 0.001
			}
		}},
		{"a lease that is not asked", func(p *sim.Plan) { p.NoLease = true }},
		{"a pause between the lease's check and the write", func(p *sim.Plan) { p.NoValve, p.Gap, p.GapFor = true, 0.2, 2*time.Second }},
		{"a log that loses what it has acknowledged", func(p *sim.Plan) { p.Loses = true }},
		{"a guard that takes the living for dead", func(p *sim.Plan) { p.Lies = true }},
	} {
		t.Run(x.name, func(t *testing.T) {
			for n := range uint64(300) {
				p := sim.NewPlan(n)
				if p.Servers < 2 {
					continue
				}
				p.Ends = min(p.Ends, 8*time.Second)
				x.spoil(p)
				if err := sim.Run(p, sim.NewStats(), nil); err != nil {
					t.Logf("seed %d: %v", n, err)
					return
				}
			}
			t.Error("nothing was found wrong: the judges are blind")
		})
	}
}
