package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/understudy-io/understudy/infra/bench"
	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/up"
)

// benching are the flags of bench.
type benching struct {
	logFlags
	opts   bench.Options
	output string
}

func benchCommand() *cobra.Command {
	var o benching
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a broker and the servers on it, each figure beside its limit",
		Long: `Measure a broker and the servers on it. Each figure stands beside its limit, the
least that the same work costs on this broker, measured in turns in the same run:
so the ratio says something on a noisy machine too.

Without --kafka or --config it measures the embedded broker. It starts landscapes
of its own with simulated devices, and takes away all that it has made: on a Kafka
that it is given, topics understudy.bench-*. The defaults fit a laptop and take a
minute or two; for the figures of a large landscape, and for hours of a quiet
machine, give --records 10000000 --uids 1000000 --devices 10000 --rounds 20.`,
		Example: `  understudy bench
  understudy bench --only latency,replay -o json
  understudy bench --kafka kafka1:9092,kafka2:9092`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.register(cmd)
	f := cmd.Flags()
	_ = f.MarkHidden("landscape") // each measurement has one of its own
	f.StringSliceVar(&o.opts.Only, "only", nil, "measure only these: "+strings.Join(bench.Names(), ", "))
	f.IntVar(&o.opts.Records, "records", 100_000, "records in the log")
	f.IntVar(&o.opts.UIDs, "uids", 20_000, "UIDs that are remembered")
	f.IntVar(&o.opts.Devices, "devices", 100, "devices of the landscape")
	f.IntVar(&o.opts.Servers, "servers", 2, "servers of a landscape whose latency is measured")
	f.IntVar(&o.opts.Rounds, "rounds", 6, "pairs of blocks, a figure and its limit in turn")
	f.DurationVar(&o.opts.Block, "block", 500*time.Millisecond, "length of a block under load")
	f.StringVar(&o.opts.Dir, "dir", "", "folder for the data, on the disk that is to be measured (default: a temporary one)")
	f.StringVarP(&o.output, "output", "o", formTable, "table, json or yaml")
	return cmd
}

func (o *benching) run(cmd *cobra.Command) (err error) {
	rareCollections() // as in a server
	screen, err := newScreen(cmd, o.output)
	if err != nil {
		return err
	}
	if err := o.opts.Validate(); err != nil {
		return withExit(exitUsage, err)
	}
	if err := o.broker(cmd); err != nil {
		return err
	}
	if o.opts.Program, err = up.Program(); err != nil {
		return err
	}
	if o.opts.Dir != "" {
		if err := os.MkdirAll(o.opts.Dir, 0o755); err != nil {
			return fmt.Errorf("--dir: %w", err)
		}
	}
	if o.opts.Dir, err = os.MkdirTemp(o.opts.Dir, "understudy-bench-"); err != nil {
		return fmt.Errorf("folder for the data: name another with --dir: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.opts.Dir)) }()
	o.opts.Progress = benchProgress(cmd)
	figures, err := bench.Run(cmd.Context(), o.opts)
	_, _ = fmt.Fprintln(cmd.ErrOrStderr())
	if figures == nil {
		figures = []bench.Figure{} // an empty list in JSON
	}
	return errors.Join(err, screen.show(figures, func(t *table) { benchTable(t, figures) }))
}

// broker takes over which Kafka is meant; none means an embedded one.
func (o *benching) broker(cmd *cobra.Command) error {
	// Only these flags are settings of a server; --devices is a number here.
	settings := pflag.NewFlagSet("log", pflag.ContinueOnError)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, "kafka.") {
			settings.AddFlag(f)
		}
	})
	loaded, err := config.Load(config.Source{File: o.file, Environ: os.Environ(), Flags: settings})
	if err != nil {
		return err
	}
	cfg := loaded.Config
	switch {
	case len(o.brokers) > 0:
		cfg.Kafka.Brokers = o.brokers
	case loaded.Given("kafka.brokers"):
	case o.file != "":
		return usage("--config %s names no brokers: add kafka.brokers, or name them with --kafka", o.file)
	default:
		return nil
	}
	if err := cfg.Kafka.Validate(); err != nil {
		return err
	}
	o.opts.ServerKafka = kafkaSection(cfg.Kafka)
	o.opts.Kafka, err = logConfig(cfg, "bench")
	return err
}

// kafkaSection is what the servers of a bench need of it in their files.
func kafkaSection(k config.Kafka) map[string]any {
	section := map[string]any{}
	if len(k.AddressMap) > 0 {
		section["address_map"] = k.AddressMap
	}
	if k.TLS.Enabled {
		section["tls"] = map[string]any{"enabled": true, "ca": k.TLS.CA, "cert": k.TLS.Cert, "key": k.TLS.Key, "server_name": k.TLS.ServerName}
	}
	if k.SASL.Mechanism != "" {
		section["sasl"] = map[string]any{
			"mechanism": k.SASL.Mechanism, "user": k.SASL.User, "password": k.SASL.Password, "password_file": k.SASL.PasswordFile,
		}
	}
	return section
}

// benchProgress tells on stderr how far it is: in one line on a terminal.
func benchProgress(cmd *cobra.Command) func(bench.Progress) {
	last := 0
	return func(p bench.Progress) {
		line := fmt.Sprintf("%s (%d of %d): %s, about %s left", p.Measurement, p.Number, p.Of, p.Step, p.Left.Round(time.Second))
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "\r%-*s", last, line)
		last = len(line)
	}
}

func benchTable(t *table, figures []bench.Figure) {
	t.row("NAME", "VALUE", "LIMIT", "UNIT", "RATIO", "TARGET", "MET")
	for _, f := range figures {
		met := ""
		if f.Met != nil {
			met = map[bool]string{true: "yes", false: "no"}[*f.Met]
		}
		ratio := figureText(f.Ratio)
		if f.Interval != nil {
			ratio += " (" + figureText(&f.Interval[0]) + " to " + figureText(&f.Interval[1]) + ")"
		}
		t.row(f.Name, figureText(&f.Value), figureText(f.Limit), f.Unit, ratio, f.Target, met)
	}
}

// figureText has the digits that mean something; empty for none.
func figureText(v *float64) string {
	switch {
	case v == nil:
		return ""
	case *v >= 1000:
		return strconv.FormatFloat(*v, 'f', 0, 64)
	}
	return strconv.FormatFloat(*v, 'g', 3, 64)
}
