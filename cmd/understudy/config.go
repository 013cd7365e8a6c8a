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
	cmd := group("config", "The landscape's configuration, and that of a server", configExplainCommand(), configValidateCommand())
	cmd.AddCommand(revisionCommands()...)
	return cmd
}

func configExplainCommand() *cobra.Command {
	var file configFile
	var output string
	cmd := &cobra.Command{
		Use: "explain", Short: "Say for each value where it came from", Args: exactly,
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
		Use: "validate [FILE]", Short: "Say everything that is wrong with a landscape's configuration, or with a server's", Args: exactly,
		Long: `Say everything that is wrong with the configuration of a landscape (FILE, as config
publish takes it), or without one with that of a server (--config, environment, flags).`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				text, err := readConfiguration(cmd, args[0])
				if err != nil {
					return err
				}
				c, err := config.ParseLandscape(text)
				if err != nil {
					return fmt.Errorf("%s:\n%w", args[0], err)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the configuration is sound: %d devices, %d ports, %d panels, %d mappings\n", len(c.Devices), len(c.Ports), len(c.Panels), len(c.Mappings))
				return err
			}
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
