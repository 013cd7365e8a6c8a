package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

// globals are the flags of every command that talks to a running landscape.
type globals struct {
	Dir       string // the folder of the landscape that `up` started
	Server    string // its name; empty asks any
	Address   string // URL of a server, instead of --dir
	TokenFile string // instead of the one in the folder
	Output    string // table, json or yaml
}

func (g *globals) register(f *pflag.FlagSet) {
	f.StringVar(&g.Dir, "dir", up.DefaultDir, "folder of the landscape, as given to up")
	f.StringVar(&g.Server, "server", "", "ask this server, by name (default: any)")
	f.StringVar(&g.Address, "address", "", "ask the server at this URL, instead of --dir")
	f.StringVar(&g.TokenFile, "token-file", "", "file with the token (default: the one in the folder)")
	f.StringVarP(&g.Output, "output", "o", "table", "table, json or yaml")
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	reached := false
	noteReached(root, &reached)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code := exitCode(err)
	if !reached { // flags or arguments were wrong
		code, err = exitUsage, missingFlags(err)
	}
	_, _ = fmt.Fprintf(errOut, "understudy: %s\n", visible(domain.Plain(err)))
	if code == exitUsage {
		_, _ = fmt.Fprintf(errOut, "See '%s --help'.\n", cmd.CommandPath())
	}
	return code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "understudy",
		Short: "A hot-standby cluster of control servers for devices",
		Long: `Understudy keeps one server, the primary, driving your devices, and others ready
to take over within a fraction of a second. Start with: understudy up`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          oneOfItsCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.AddCommand(upCommand(), serverCommand(), brokerCommand(), simCommand())
	for _, c := range []*cobra.Command{topicsCommand(), keysCommand(), configCommand(), benchCommand(), versionCommand()} {
		untilInterrupted(c)
		root.AddCommand(c)
	}
	g := &globals{}
	for _, c := range clientCommands(g) {
		g.register(c.PersistentFlags())
		untilInterrupted(c)
		root.AddCommand(c)
	}
	return root
}

// noteReached finds out whether a command was reached at all: what fails before
// is a fault of flags or arguments.
func noteReached(cmd *cobra.Command, reached *bool) {
	if inner := cmd.RunE; inner != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*reached = true
			return inner(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		noteReached(c, reached)
	}
}

// exactly checks that a command gets the arguments that its line of use names; one in
// brackets may be left out.
func exactly(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	needed := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.HasPrefix(name, "[") })
	switch {
	case len(args) < len(needed):
		return fmt.Errorf("missing %s: %s %s", strings.Join(needed[len(args):], " and "), cmd.CommandPath(), strings.Join(names, " "))
	case len(args) > len(names) && len(names) == 0:
		return fmt.Errorf("%q is one too many: %s takes no argument, only flags", args[0], cmd.CommandPath())
	case len(args) > len(names):
		return fmt.Errorf("%q is one too many: %s %s, and the rest as flags", args[len(names)], cmd.CommandPath(), strings.Join(names, " "))
	}
	return nil
}

// nearCommand is how many letters a command may be away from what was meant.
const nearCommand = 2

// oneOfItsCommands tells of a command that there is none of that name.
func oneOfItsCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = nearCommand
	near := ""
	if found := cmd.SuggestionsFor(args[0]); len(found) > 0 {
		near = "; did you mean " + strings.Join(found, " or ") + "?"
	}
	return fmt.Errorf("%s has no command %q%s", cmd.CommandPath(), args[0], near)
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: oneOfItsCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}
