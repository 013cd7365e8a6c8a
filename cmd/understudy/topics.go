package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

// topicsWithin bounds the work on topics.
const topicsWithin = 30 * time.Second

// topicsFlags say which topics, and where.
type topicsFlags struct {
	dir       string
	brokers   []string
	landscape string
	spec      kafka.TopicSpec
}

func topicsCommand() *cobra.Command {
	return group("topics", "Create or check the topics of a landscape", topicsCreateCommand(), topicsCheckCommand())
}

func (t *topicsFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.dir, "dir", up.DefaultDir, "folder of the landscape, as given to up")
	f.StringSliceVar(&t.brokers, "kafka", nil, "brokers, host:port (default: those of the folder)")
	f.StringVar(&t.landscape, "landscape", "", "landscape (default: that of the folder, or main)")
	f.Int32Var(&t.spec.Partitions, "partitions", 0, "partitions of the log, fixed for ever (default 8)")
	f.IntVar(&t.spec.Replication, "replication", 0, "brokers that hold each record (default 3, or as many as there are)")
}

// open connects to the brokers that the flags, or the folder, name.
func (t *topicsFlags) open() (*kafka.Log, error) {
	if len(t.brokers) == 0 {
		run, err := up.Load(t.dir)
		if err != nil {
			return nil, fmt.Errorf("which brokers? name them with --kafka: %w", err)
		}
		t.brokers = run.Kafka
		if t.landscape == "" {
			t.landscape = run.Landscape
		}
	}
	if t.landscape == "" {
		t.landscape = "main"
	}
	return kafka.Open(kafka.Config{Brokers: t.brokers, ClientID: "understudy-topics"}, processLogger())
}

func topicsCreateCommand() *cobra.Command {
	var t topicsFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Create the topics that are missing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), func(ctx context.Context, log *kafka.Log) error {
				if err := log.EnsureTopics(ctx, t.landscape, t.spec); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "the topics of landscape %s are there\n", t.landscape)
				return err
			})
		},
	}
	t.register(cmd)
	return cmd
}

func topicsCheckCommand() *cobra.Command {
	var t topicsFlags
	cmd := &cobra.Command{
		Use: "check", Short: "Say everything that is wrong with the topics", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd.Context(), func(ctx context.Context, log *kafka.Log) error {
				findings, err := log.CheckTopics(ctx, t.landscape, t.spec)
				if err != nil {
					return err
				}
				if len(findings) > 0 {
					return withExit(exitRefused, fmt.Errorf("the topics of landscape %s are not as they must be: %w\n  %s",
						t.landscape, domain.ErrConflict, strings.Join(findings, "\n  ")))
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the topics of landscape %s are as they must be\n", t.landscape)
				return err
			})
		},
	}
	t.register(cmd)
	return cmd
}

func (t *topicsFlags) with(ctx context.Context, do func(context.Context, *kafka.Log) error) error {
	log, err := t.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, topicsWithin)
	defer cancel()
	return errors.Join(do(ctx, log), log.Close())
}
