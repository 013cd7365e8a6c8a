package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

func logCommand(g *globals) *cobra.Command {
	return group("log", "Read the log", logTailCommand(g))
}

// tailing are the flags of log tail.
type tailing struct {
	logFlags
	device   string
	topic    string
	from     string
	lines    int
	follow   bool
	json     bool
	keysFile string
}

// maxTailLines bounds how many records are held to be put in order.
const maxTailLines = 100_000

func logTailCommand(g *globals) *cobra.Command {
	var o tailing
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the records of the log, decoded, straight from Kafka",
		Long: `Show the newest records of a landscape's log, decoded, straight from Kafka: no
server is asked. With --from start all of them. Records of one partition come in
their order; partitions are put in the order of time, --follow as they arrive.`,
		Example: `  understudy log tail --device videohub-1 --follow
  understudy log tail --from start --json | jq 'select(.defect)'
  understudy log tail --topic deadletter
  understudy log tail --config /etc/understudy/server.yaml
  understudy log tail --kafka broker-1:9092 --landscape main --keys-file keys`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.json {
				g.Output = formJSON
			}
			t, err := g.openTail(cmd, o)
			if err != nil {
				return err
			}
			defer func() { _ = t.log.Close() }()
			err = t.run(cmd.Context())
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.device, "device", "", "only the records of this device (or member, in control)")
	f.StringVar(&o.topic, "topic", "log", "log, control, elections or deadletter")
	f.StringVar(&o.from, "from", "end", "start or end")
	f.IntVarP(&o.lines, "lines", "n", 20, "how many records, from the end")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what is appended, until interrupted")
	f.BoolVar(&o.json, "json", false, "one JSON object for each record, the same as -o json")
	f.StringVar(&o.keysFile, "keys-file", "", "file with the landscape's keys (default: that of the configuration, or in --dir; without it nothing can be verified)")
	o.register(cmd)
	return cmd
}

func (o *tailing) kind() (domain.TopicKind, error) {
	for _, k := range []domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter} {
		if k.String() == o.topic {
			return k, nil
		}
	}
	return 0, usage("--topic %q: give log, control, elections or deadletter", o.topic)
}

// openTail finds the brokers and the keys.
func (g *globals) openTail(cmd *cobra.Command, o tailing) (*tail, error) {
	kind, err := o.kind()
	switch {
	case err != nil:
		return nil, err
	case o.from != "start" && o.from != "end":
		return nil, usage("--from %q: give start or end", o.from)
	case o.lines < 0 || o.lines > maxTailLines:
		return nil, usage("--lines %d: give 0 to %d", o.lines, maxTailLines)
	case g.Address != "" && !o.named(cmd), g.Server != "":
		return nil, usage("the log is read from Kafka, not from a server: name the brokers with --kafka or --config, or a landscape with --dir")
	}
	var devices []string
	cfg, err := o.settings(cmd, func() (*up.Run, error) {
		s, err := g.folder(cmd, "name one with --dir, or its brokers with --kafka or --config")
		if err != nil {
			return nil, err
		}
		if s.run.OwnBroker() && !s.run.Alive() {
			return nil, s.ended()
		}
		for _, d := range s.run.Devices {
			devices = append(devices, d.ID)
		}
		return s.run, nil
	})
	if err != nil {
		return nil, err
	}
	if o.keysFile != "" {
		cfg.KeysFile = o.keysFile
	}
	screen, err := newScreen(cmd, g.Output)
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(cfg.KeysFile)
	if err != nil {
		return nil, err
	}
	log, err := openLog(cfg, "cli", slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	for _, d := range cfg.Devices {
		devices = append(devices, d.Device)
	}
	return &tail{
		tailing: o, screen: screen, notes: cmd.ErrOrStderr(), log: log, brokers: cfg.Kafka.Brokers, devices: devices, kind: kind,
		topic: domain.Topic(cfg.Landscape, kind), codec: codec.New(cfg.Landscape, keys),
	}, nil
}

// readKeys reads a key file. Without one, or without the right to read it,
// records are shown all the same and nothing is marked as signed.
func readKeys(path string) (codec.Keyring, error) {
	if path == "" {
		return codec.Keyring{}, nil
	}
	keys, err := readKeyFile(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return codec.Keyring{}, nil
	case err != nil:
		return codec.Keyring{}, fmt.Errorf("read the keys: name another file with --keys-file: %w", err)
	}
	return keys, nil
}

// matches says whether a record is asked for.
func (o *tailing) matches(r *domain.Record) bool {
	return o.device == "" || o.device == r.Subject
}
