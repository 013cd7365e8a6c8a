package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/drill"
	"github.com/understudy-io/understudy/infra/relay"
	"github.com/understudy-io/understudy/infra/up"
)

func drillCommand(g *globals) *cobra.Command {
	return group("drill", "Rehearse failovers and measure them at the devices", drillFailoverCommand(g))
}

// drilling are the flags of drill failover.
type drilling struct {
	kind     string
	runs     int
	cut      string
	rate     float64
	oneShots float64
	freezer  string
	yes      bool
}

// Limits of a drill.
const (
	maxDrillRuns = 10_000
	maxDrillRate = 2_000
)

func drillFailoverCommand(g *globals) *cobra.Command {
	var o drilling
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "End the primary again and again, and measure until another one acts",
		Long: `While a steady stream of commands runs, end the primary the way that --kind says,
as often as --runs says, and measure at the simulated devices: from the fault to
the first action of another server; actions lost, doubled, out of order, in doubt;
and what the old primary still sent after the new one's first action.

With fail-back the primary is made the favourite of a policy with a hold-down of a
second. Each run moves primacy away, starts the favourite again, and measures from the
last action of the other one to the favourite's first. The policy that was before is
restored at the end, also if the drill fails or is interrupted.

The stream goes to the simulated devices of the landscape that ` + "`understudy up`" + `
runs. Where that landscape uses a Kafka of its own, say --yes.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			return s.drill(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.kind, "kind", string(drill.Kill), "how the primary is ended: "+kindList())
	f.IntVar(&o.runs, "runs", 20, "how often")
	f.StringVar(&o.cut, "cut", "drop", "of isolate: drop (both directions, in silence), in, out or reset")
	f.Float64Var(&o.rate, "rate", 200, "commands per second of the stream")
	f.Float64Var(&o.oneShots, "one-shots", 0.1, "share of them that are one-shots")
	f.StringVar(&o.freezer, "freezer", "", "of pause: stop server and guard together by a control group made below this folder of cgroup v2, instead of SIGSTOP; needs root")
	f.BoolVar(&o.yes, "yes", false, "rehearse also on a landscape whose Kafka up did not start")
	return cmd
}

func kindList() string {
	var names []string
	for _, k := range drill.Kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func (o *drilling) validate() error {
	switch {
	case !slices.Contains(drill.Kinds, drill.Kind(o.kind)):
		return usage("--kind %q: give one of %s", o.kind, kindList())
	case !slices.Contains([]string{"drop", "in", "out", "reset"}, o.cut):
		return usage("--cut %q: give drop, in, out or reset", o.cut)
	case o.freezer != "" && drill.Kind(o.kind) != drill.Pause:
		return usage("--freezer is for --kind pause")
	case o.runs < 1 || o.runs > maxDrillRuns:
		return usage("--runs %d: give 1 to %d", o.runs, maxDrillRuns)
	case o.rate <= 0 || o.rate > maxDrillRate:
		return usage("--rate %g: give more than 0, at most %d", o.rate, maxDrillRate)
	case o.oneShots < 0 || o.oneShots >= 1:
		return usage("--one-shots %g: give a share from 0 to below 1", o.oneShots)
	}
	return nil
}

// drill runs it on the landscape of the folder.
func (s *session) drill(cmd *cobra.Command, o drilling) error {
	if s.run == nil {
		return usage("a drill needs the folder of a landscape that up runs: name it with --dir")
	}
	if !s.run.Embedded() && !o.yes {
		return fmt.Errorf("this landscape uses a Kafka that up did not start; say --yes to rehearse on it: %w", domain.ErrConflict)
	}
	if !s.run.Alive() {
		return s.ended()
	}
	token, err := s.token(s.run, []string{s.run.Servers[0].Address})
	if err != nil {
		return err
	}
	joined, err := s.joined(cmd.Context())
	if err != nil {
		return err
	}
	land, err := drill.NewLocal(*s.run, joined, token)
	if err != nil {
		return err
	}
	if o.freezer != "" {
		if err := land.FreezeBy(o.freezer); err != nil {
			return err
		}
		defer func() { _ = land.Thaw() }()
	}
	cfg, err := settingsOf(s.run)
	if err != nil {
		return err
	}
	log, err := openLog(cfg, "drill", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	records, err := openCodec(cfg)
	if err != nil {
		return err
	}
	relayed, end, err := openRelayed(cfg)
	if err != nil {
		return err
	}
	defer end()
	ctx := cmd.Context()
	report, err := drill.Run(ctx, o.options(s.run, land, progress(cmd, o.runs)), land, log, relayed, records)
	if err != nil {
		return s.pasted(err)
	}
	if err := s.show(report, func(t *table) { s.drillTable(t, report) }); err != nil {
		return err
	}
	if ctx.Err() != nil && report.Runs < o.runs {
		return fmt.Errorf("interrupted: these are the figures of %d of %d runs", report.Runs, o.runs)
	}
	if report.Unfinished > 0 {
		return fmt.Errorf("in %d of %d runs nobody took over: `%s` says what keeps the others from it", report.Unfinished, report.Runs, s.line("cluster", "doctor"))
	}
	if !report.Passed() {
		return errors.New("the drill has found what must not be: see the figures above")
	}
	return nil
}

// joined are the members of the landscape that up does not run.
func (s *session) joined(ctx context.Context) (out []up.Server, err error) {
	st, err := s.client.Status(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	for _, m := range st.Servers {
		if _, own := s.run.Server(m.Name); !own {
			out = append(out, up.Server{Name: m.Name, Address: m.Address})
		}
	}
	return out, nil
}

// openRelayed reaches the brokers through relays of this process, as each
// server reaches them through one of `up`.
func openRelayed(cfg config.Config) (log *kafka.Log, end func(), err error) {
	quiet := slog.New(slog.DiscardHandler)
	var ends []func() error
	end = func() {
		for _, f := range slices.Backward(ends) {
			_ = f() // nothing is left to lose
		}
	}
	through := make(map[string]string, len(cfg.Kafka.Brokers))
	for _, b := range cfg.Kafka.Brokers {
		r, err := relay.New("127.0.0.1:0", b, quiet)
		if err != nil {
			end()
			return nil, nil, err
		}
		through[b], ends = r.Address(), append(ends, r.Close)
	}
	cfg.Kafka.AddressMap = through
	log, err = openLog(cfg, "drill-relayed", quiet)
	if err != nil {
		end()
		return nil, nil, err
	}
	ends = append(ends, log.Close)
	return log, end, nil
}

func (o *drilling) options(run *up.Run, land *drill.Local, progress func(int, time.Duration)) drill.Options {
	options := drill.Options{
		Kind: drill.Kind(o.kind), Runs: o.runs, Cut: o.cut, Rate: o.rate, OneShots: o.oneShots,
		Landscape: run.Landscape, Partitions: run.Partitions(), Servers: land.Servers(),
		Progress: progress, Logger: slog.New(slog.NewTextHandler(os.Stderr, inLogs(nil))),
	}
	for _, d := range run.Devices {
		switch d.ID {
		case up.VideohubID:
			options.Hub = d.Control
		case up.GateID:
			options.Gate = d.Control
		}
	}
	return options
}

// progress tells on stderr how far the drill is, and when it may end.
func progress(cmd *cobra.Command, runs int) func(int, time.Duration) {
	began := time.Now()
	return func(run int, took time.Duration) {
		left := time.Since(began) / time.Duration(run) * time.Duration(runs-run)
		line := fmt.Sprintf("run %d of %d: %s   about %s left", run, runs, tookInWords(took), left.Round(time.Second))
		switch {
		case !isTerminal(cmd.ErrOrStderr()), run == runs:
			line += "\n"
		default:
			line += "   \r" // the next one takes its place
		}
		_, _ = fmt.Fprint(cmd.ErrOrStderr(), line)
	}
}

// tookInWords is how long a takeover took, where there was one.
func tookInWords(took time.Duration) string {
	if took == drill.NoTakeover {
		return "nobody took over"
	}
	return short(took)
}

func (s *session) drillTable(t *table, r drill.Report) {
	q := func(q drill.Quantiles) string {
		if q == (drill.Quantiles{}) {
			return "-" // nothing was measured
		}
		return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms, max %.2f ms", q.P50, q.P99, q.Max)
	}
	what := "fault to first action"
	if r.Kind == drill.Switchover || r.Kind == drill.FailBack {
		what = "last action to first action"
	}
	t.field("kind", r.Kind)
	t.field("runs", r.Runs)
	t.field("valve", r.Valve)
	t.field(what, q(r.FaultToFirstAction))
	t.field("raw broker round trip", q(r.RawRoundTrip))
	t.field("the same through a relay, as the servers", q(r.RawByRelay))
	t.field("command to device, routes", q(r.CommandToDevice.Absolute))
	t.field("command to device, one-shots", q(r.CommandToDevice.OneShot))
	t.field("commands", fmt.Sprintf("%d, %.0f a second", r.Commands, r.CommandsPerSecond))
	t.field("actions at devices", fmt.Sprintf("%.0f a second", r.ActionsPerSecond))
	for _, k := range []domain.Outcome{domain.Confirmed, domain.Superseded, domain.InDoubt, domain.Expired, domain.Failed, domain.Refused, ""} {
		if n := r.Outcomes[k]; n > 0 {
			name := inPlain(k)
			if k == "" {
				name = "not logged"
			}
			t.field("  "+name, n)
		}
	}
	t.field("lost", r.Lost)
	t.field("one-shots doubled", r.Doubled)
	t.field("out of order", r.OutOfOrder)
	t.field("stale actions", r.Stale)
	t.field("confirmed, not received", r.Unsent)
	t.field("more than one outcome", r.Repeated)
	t.field("runs without a takeover", r.Unfinished)
	t.field("changes of primary", r.Changes)
	t.field("longest gap between actions", fmt.Sprintf("%.2f ms", r.LongestGap))
	if r.InDoubt > 0 {
		t.text("%d in doubt: %s", r.InDoubt, s.line("indoubt", "list"))
	}
}
