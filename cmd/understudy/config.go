package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
)

// configFile is the flag for a server's configuration, with a flag for each of
// its keys.
type configFile struct{ path string }

func (c *configFile) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.path, "config", "", "configuration file (YAML); environment and flags come before it")
	config.AddFlags(cmd.Flags())
}

// load reads the configuration from file, environment and flags.
func (c *configFile) load(cmd *cobra.Command) (*config.Loaded, error) {
	return config.Load(config.Source{File: c.path, Environ: os.Environ(), Flags: cmd.Flags()})
}

func configCommand() *cobra.Command {
	return group("config", "Explain or validate the configuration of a server", configExplainCommand(), configValidateCommand())
}

func configExplainCommand() *cobra.Command {
	var file configFile
	var output string
	cmd := &cobra.Command{
		Use: "explain", Short: "Say for each value where it came from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := file.load(cmd)
			if err != nil {
				return err
			}
			return printSettings(cmd.OutOrStdout(), loaded.Explain(), output)
		},
	}
	file.register(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printSettings(w io.Writer, settings []config.Setting, output string) error {
	switch output {
	case "table":
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "KEY\tVALUE\tORIGIN")
		for _, s := range settings {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, s.Value, s.Origin)
		}
		return t.Flush()
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(settings)
	}
	return withExit(exitUsage, fmt.Errorf("output %q: give table or json: %w", output, domain.ErrInvalid))
}

func configValidateCommand() *cobra.Command {
	var file configFile
	cmd := &cobra.Command{
		Use: "validate", Short: "Say everything that is wrong with it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := file.load(cmd)
			if err == nil {
				err = loaded.Config.Validate()
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "the configuration is sound")
			return err
		},
	}
	file.register(cmd)
	return cmd
}
