package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/infra/broker"
)

func brokerCommand() *cobra.Command {
	var cfg broker.Config
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run the embedded broker: the log on one machine",
		Long: `Run the embedded broker. It speaks Kafka's protocol, so every Kafka client works
with it. It is for one machine: a demo, a test, a small site. Use Apache Kafka
for more.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBroker(cmd, cfg) },
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Folder, "dir", "./broker", "folder for the data")
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:9092", "host:port to listen at")
	f.StringVar(&cfg.Advertise, "advertise", "", "host:port that clients are told (default: where it listens)")
	f.StringVar(&cfg.Landscape, "landscape", "main", "landscape that owns the folder")
	f.Int32Var(&cfg.Partitions, "partitions", 0, "partitions of the log, fixed at the first start (default 8)")
	return cmd
}

func runBroker(cmd *cobra.Command, cfg broker.Config) error {
	rareCollections()
	logger := processLogger()
	life, err := begin(cmd.Context(), logger)
	if err != nil {
		return err
	}
	defer life.end()
	b, err := broker.Start(life, cfg, logger)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(cmd.OutOrStdout(), "broker of landscape %s at %s\n", cfg.Landscape, b.Address())
	<-life.Done()
	return b.Close()
}
