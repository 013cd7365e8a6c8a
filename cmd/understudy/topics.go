package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

// topicsWithin bounds the work on topics.
const topicsWithin = 30 * time.Second

// topicsFlags say which topics, and where.
type topicsFlags struct {
	logFlags
	dir  string
	spec kafka.TopicSpec
}

func topicsCommand() *cobra.Command {
	return group("topics", "Create or check the topics of a landscape", topicsCreateCommand(), topicsCheckCommand())
}

func (t *topicsFlags) register(cmd *cobra.Command) {
	t.logFlags.register(cmd)
	f := cmd.Flags()
	f.StringVar(&t.dir, "dir", up.DefaultDir, "folder of the landscape, as given to up")
	f.Int32Var(&t.spec.Partitions, "partitions", 0, "partitions of the log, fixed for ever (default: log.partitions of the configuration, or 8)")
	f.IntVar(&t.spec.Replication, "replication", 0, "brokers that hold each record (default 3, or as many as there are)")
}

// open connects to the brokers that the flags, the configuration or the folder
// name.
func (t *topicsFlags) open(cmd *cobra.Command) (log *kafka.Log, landscape string, err error) {
	cfg, err := t.settings(cmd, func() (*up.Run, error) {
		run, err := up.Load(t.dir)
		if err != nil {
			err = fmt.Errorf("which brokers? name them with --kafka or --config: %w", err)
		}
		return &run, err
	})
	if err != nil {
		return nil, "", err
	}
	if t.spec.Partitions == 0 {
		t.spec.Partitions = cfg.Log.Partitions
	}
	log, err = openLog(cfg, "topics", processLogger())
	return log, cfg.Landscape, err
}

func topicsCreateCommand() *cobra.Command {
	var t topicsFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Create the topics that are missing", Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd, func(ctx context.Context, log *kafka.Log, landscape string) error {
				if err := log.EnsureTopics(ctx, landscape, t.spec); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "the topics of landscape %s are there\n", landscape)
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
		Use: "check", Short: "Say everything that is wrong with the topics", Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.with(cmd, func(ctx context.Context, log *kafka.Log, landscape string) error {
				findings, err := log.CheckTopics(ctx, landscape, t.spec)
				if err != nil {
					return err
				}
				if len(findings) > 0 {
					return fmt.Errorf("the topics of landscape %s are not as they must be:\n  %s%s: %w",
						landscape, strings.Join(findings, "\n  "), howToCreate(cmd, findings), domain.ErrConflict)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the topics of landscape %s are as they must be\n", landscape)
				return err
			})
		},
	}
	t.register(cmd)
	return cmd
}

// howToCreate is a line that creates the topics that are missing: the same
// landscape, reached in the same way.
func howToCreate(cmd *cobra.Command, findings []string) string {
	if !slices.ContainsFunc(findings, kafka.IsMissing) {
		return ""
	}
	words := []string{programName(), "topics", "create"}
	cmd.Flags().Visit(func(f *pflag.Flag) { words = append(words, quoted("--"+f.Name+"="+valueOf(f))) })
	return "\nCreate what is missing: " + strings.Join(words, " ")
}

// valueOf is the value of a flag as it is written.
func valueOf(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return f.Value.String()
}

func (t *topicsFlags) with(cmd *cobra.Command, do func(context.Context, *kafka.Log, string) error) error {
	log, landscape, err := t.open(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), topicsWithin)
	defer cancel()
	err = do(ctx, log, landscape)
	if errors.Is(err, kafka.ErrSetup) {
		err = withExit(exitRefused, err)
	}
	return errors.Join(err, log.Close())
}
