// Command simulate plays histories of whole landscapes in simulated time and judges
// them; see the package integration/sim.
//
//	go run ./integration/simulate                       # for a minute, with fresh seeds
//	go run ./integration/simulate -takeovers 1000000    # until there were so many
//	go run ./integration/simulate -seed 7 -trace        # one history, told aloud
//
// The first history that is judged wrong is made shorter and told as a play, and
// the command fails. A long run fails too if a fault point has never fired.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/understudy-io/understudy/integration/sim"
)

// longRun is how many takeovers it takes until every fault point must have fired.
const longRun = 100_000

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	seed      uint64
	trace     bool
	shrink    int
	minutes   float64
	takeovers int
	workers   int
	points    bool
	profile   string
	keepOn    bool
}

func run() error {
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "the seed of the first history; 0 takes a fresh one")
	flag.BoolVar(&o.trace, "trace", false, "play the history of -seed alone, aloud")
	flag.IntVar(&o.shrink, "shrink", 400, "how many tries to make a wrong history shorter")
	flag.Float64Var(&o.minutes, "minutes", 0, "how long to go on; 0: for a minute, or until -takeovers")
	flag.IntVar(&o.takeovers, "takeovers", 0, "how many takeovers there are to be")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "how many histories are played at once")
	flag.BoolVar(&o.points, "points", false, "list all fault points in the end")
	flag.StringVar(&o.profile, "profile", "", "a file for a CPU profile")
	flag.BoolVar(&o.keepOn, "keep-on", false, "go on behind a wrong history, and list them all")
	flag.Parse()
	if o.trace {
		sim.Trace(os.Stdout, sim.NewPlan(o.seed))
		return nil
	}
	if o.seed == 0 {
		o.seed = rand.Uint64() >> 16 << 8
	}
	debug.SetGCPercent(800) // histories are short: most of what they make is gone with them
	if o.minutes == 0 && o.takeovers == 0 {
		o.minutes = 1
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return play(&o)
}

// play plays histories until the time is over or there were enough takeovers.
func play(o *options) error {
	var (
		mu    sync.Mutex
		next  = o.seed
		all   = sim.NewStats()
		wrong []uint64
		wg    sync.WaitGroup
	)
	began := time.Now()
	said := began
	done := func() bool {
		return len(wrong) > 0 && !o.keepOn || o.minutes > 0 && time.Since(began).Minutes() >= o.minutes || o.takeovers > 0 && all.Takeovers >= o.takeovers
	}
	fmt.Printf("seeds from %d\n", o.seed)
	for range o.workers {
		wg.Go(func() {
			for {
				mu.Lock()
				if done() {
					mu.Unlock()
					return
				}
				seed := next
				next++
				mu.Unlock()
				stats := sim.NewStats()
				err := sim.Run(sim.NewPlan(seed), stats, nil)
				mu.Lock()
				all.Add(stats)
				if err != nil {
					wrong = append(wrong, seed)
					fmt.Printf("seed %d: %v\n", seed, err)
				}
				if time.Since(said) > time.Minute {
					said = time.Now()
					fmt.Printf("%s: %d takeovers in %d histories, seed %d\n", time.Since(began).Round(time.Second), all.Takeovers, all.Histories, seed)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Print(all.Report(time.Since(began)))
	if o.points {
		fmt.Print(all.Table())
	}
	if len(wrong) > 0 {
		if !o.keepOn {
			sim.Tell(os.Stdout, sim.NewPlan(wrong[0]), o.shrink)
		}
		return fmt.Errorf("%d histories are wrong: %d", len(wrong), wrong)
	}
	if never := all.NeverFired(); all.Takeovers >= longRun && len(never) > 0 {
		return errors.New("some fault points have never fired")
	}
	return nil
}
