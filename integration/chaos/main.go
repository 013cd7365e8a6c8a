package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/integration/cluster"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	seed    uint64
	minutes float64
	round   time.Duration
	servers int
	dir     string
	kafka   string
	output  string
	ledger  string
	keep    bool
}

// errViolation is a guarantee that did not hold.
var errViolation = errors.New("a guarantee did not hold")

func run() error {
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "the seed of the first round; 0 takes a fresh one")
	flag.Float64Var(&o.minutes, "minutes", 1, "how long to make faults, all rounds together")
	flag.DurationVar(&o.round, "round", 5*time.Minute, "how long one round makes faults; each begins with an empty log")
	flag.IntVar(&o.servers, "servers", 3, "servers of a landscape")
	flag.StringVar(&o.dir, "dir", "", "where rounds have their folders; empty: a temporary one")
	flag.StringVar(&o.kafka, "kafka", "", "an existing Kafka, host:port,…, instead of the embedded broker; its brokers get no faults")
	flag.StringVar(&o.output, "o", "table", "table or json; with json the progress goes to standard error")
	flag.StringVar(&o.ledger, "ledger", "", "a file to which each round is added; rounds of one commit are summed")
	flag.BoolVar(&o.keep, "keep", false, "keep the folders also when all is well")
	flag.Parse()
	if o.output != "table" && o.output != "json" || o.minutes <= 0 || o.round <= 0 || o.servers < 2 || flag.NArg() > 0 {
		flag.Usage()
		return errors.New("give -o table or json, -minutes and -round above 0, at least 2 -servers, and nothing else")
	}
	if o.seed == 0 {
		o.seed = rand.Uint64() >> 32
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends this process, and all others end with it
	ctx, end := context.WithCancel(ctx)
	defer end()
	guard.WatchParent(ctx, end) // a SIGTERM to `go run` reaches only the wrapper
	return rounds(ctx, &o)
}

// rounds plays rounds until the time is over, one is wrong, or somebody interrupts.
func rounds(ctx context.Context, o *options) error {
	var progress io.Writer = os.Stdout
	if o.output == "json" {
		progress = os.Stderr
	}
	dir, err := o.folder()
	if err != nil {
		return err
	}
	if o.dir == "" {
		defer func() { _ = os.Remove(dir) }() // unless something in it is kept
	}
	fmt.Fprintf(progress, "building\n")
	program, err := cluster.Compile(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(program) }()
	var all []Result
	total, done := time.Duration(o.minutes*float64(time.Minute)), time.Duration(0)
	began := time.Now()
	for n := uint64(0); done < total && ctx.Err() == nil; n++ {
		length := min(o.round, total-done)
		r := &round{
			program: program, dir: filepath.Join(dir, fmt.Sprintf("round-%d", n+1)), seed: o.seed + n, length: length,
			servers: o.servers, kafka: o.kafka, disk: (o.seed+n)%2 == 0, out: progress,
		}
		fmt.Fprintf(progress, "round %d, seed %d: %v of faults on %d servers, %v of %v done%s; to play it again: task chaos -- -seed %d -minutes %.3g -round %v\n",
			n+1, r.seed, length, o.servers, done, total, eta(began, done, total), r.seed, length.Minutes(), length)
		if err := os.MkdirAll(r.dir, 0o755); err != nil {
			return err
		}
		res, err := r.run(ctx)
		if err != nil {
			return fmt.Errorf("round %d, seed %d (its folder is %s): %w", n+1, r.seed, r.dir, err)
		}
		done += length
		if res.Wrong() > 0 || o.keep {
			res.Evidence = r.dir
		} else if err := os.RemoveAll(r.dir); err != nil {
			return err
		}
		all = append(all, res)
		if o.ledger != "" {
			if err := enter(o.ledger, res); err != nil {
				return err
			}
		}
		if res.Wrong() > 0 {
			break
		}
	}
	return conclude(o, all, progress)
}

func (o *options) folder() (string, error) {
	if o.dir == "" {
		return os.MkdirTemp("", "understudy-chaos-")
	}
	dir, err := filepath.Abs(o.dir)
	return dir, errors.Join(err, os.MkdirAll(dir, 0o755))
}

func eta(began time.Time, done, total time.Duration) string {
	if done == 0 {
		return ""
	}
	left := time.Duration(float64(time.Since(began)) / float64(done) * float64(total-done))
	return fmt.Sprintf(", until about %s", time.Now().Add(left).Format(time.TimeOnly))
}

// conclude prints what came of it.
func conclude(o *options, all []Result, progress io.Writer) error {
	sum := sumOf(all)
	if o.output == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(struct {
			Summary
			Rounds []Result `json:"rounds"`
		}{sum, all}); err != nil {
			return err
		}
	} else {
		sum.print(progress)
	}
	if o.ledger != "" {
		if err := tellLedger(o.ledger, progress); err != nil {
			return err
		}
	}
	if sum.Wrong > 0 {
		return fmt.Errorf("%w: %d violations; the evidence is in %s", errViolation, sum.Wrong, all[len(all)-1].Evidence)
	}
	return nil
}
