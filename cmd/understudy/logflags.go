package main

import (
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/infra/config"
	"github.com/understudy-io/understudy/infra/up"
)

// logFlags say which log a command means and how it is reached: by the settings
// of a server, TLS and SASL included, or as the folder of a landscape tells.
type logFlags struct {
	file    string
	brokers []string
}

func (l *logFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.file, "config", "", "configuration file of a server, for its settings of the log; environment and flags come before it")
	f.StringSliceVar(&l.brokers, "kafka", nil, "brokers, host:port, the same as --kafka.brokers (default: those of the landscape in --dir)")
	f.String("landscape", "", "landscape (default: that of the configuration, or in --dir, or main)") // read by config.Load
	config.AddLogFlags(f)
}

// named tells whether the flags say more than the folder would.
func (l *logFlags) named(cmd *cobra.Command) bool {
	return len(l.brokers) > 0 || l.file != "" || cmd.Flags().Changed("kafka.brokers")
}

// settings are those of the log. The folder is asked where nothing else names
// brokers; one that was named on the command line comes before the environment.
func (l *logFlags) settings(cmd *cobra.Command, folder func() (*up.Run, error)) (config.Config, error) {
	loaded, err := config.Load(config.Source{File: l.file, Environ: os.Environ(), Flags: cmd.Flags()})
	if err != nil {
		return config.Config{}, err
	}
	cfg := loaded.Config
	switch {
	case len(l.brokers) > 0:
		for _, b := range l.brokers {
			if _, _, err := net.SplitHostPort(b); err != nil {
				return cfg, usage("--kafka %q: give host:port", b)
			}
		}
		cfg.Kafka.Brokers = l.brokers
	case !loaded.Given("kafka.brokers"), cmd.Flags().Changed("dir") && !l.named(cmd):
		run, err := folder()
		if err != nil {
			return cfg, err
		}
		cfg.Kafka.Brokers = run.Kafka
		if !cmd.Flags().Changed("landscape") && l.file == "" {
			cfg.Landscape = run.Landscape
		}
		cfg.KeysFile = run.KeysFile
	}
	return cfg, cfg.Kafka.Validate()
}

// settingsOf are those of the log of a landscape that up runs: what up has
// handed on to its servers through the environment is valid here too.
func settingsOf(run *up.Run) (config.Config, error) {
	loaded, err := config.Load(config.Source{Environ: os.Environ()})
	if err != nil {
		return config.Config{}, err
	}
	cfg := loaded.Config
	cfg.Landscape, cfg.KeysFile, cfg.Kafka.Brokers = run.Landscape, run.KeysFile, run.Kafka
	return cfg, cfg.Kafka.Validate()
}
