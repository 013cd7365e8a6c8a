package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
)

func routeCommand(g *globals) *cobra.Command {
	return group("route", "Set crosspoints and locks of a router",
		routeSetCommand(g), routeSalvoCommand(g), routeLockCommand(g), routeUnlockCommand(g))
}

func routeSetCommand(g *globals) *cobra.Command {
	var take domain.Take
	var o sending
	cmd := &cobra.Command{
		Use:     "set DEVICE",
		Short:   "Connect a source to a destination, and wait for the device's own report",
		Example: "  understudy route set videohub-1 --dest 5 --source 12",
		Args:    exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			if take.Destination < 1 || take.Source < 1 {
				return usage("--dest and --source count from 1, as on labels")
			}
			return g.submit(cmd, args[0], take, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&take.Destination, "dest", 0, "destination (output), from 1")
	f.IntVar(&take.Source, "source", 0, "source (input), from 1")
	f.StringVar(&take.Level, "level", "", "level (default video)")
	require(cmd, "dest", "source")
	o.register(cmd)
	return cmd
}

func routeSalvoCommand(g *globals) *cobra.Command {
	var o sending
	cmd := &cobra.Command{
		Use:   "salvo DEVICE FILE",
		Short: "Set up to 288 crosspoints of one device at once",
		Long: `Set 1 to 288 crosspoints of one device: one command, one UID, a result for each.
FILE holds lines "DEST SOURCE [LEVEL]", or a list in JSON or YAML:
[{"destination": 5, "source": 12}]. "-" reads standard input.`,
		Example: `  understudy route salvo videohub-1 evening.txt
  printf '1 10\n2 11\n' | understudy route salvo videohub-1 -`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readSalvo(cmd, args[1])
			if err != nil {
				return err
			}
			takes, err := parseSalvo(text)
			if err != nil {
				return withExit(exitUsage, fmt.Errorf("salvo in %s: %w", args[1], err))
			}
			return g.submit(cmd, args[0], domain.Salvo{Takes: takes}, o)
		},
	}
	o.register(cmd)
	return cmd
}

func readSalvo(cmd *cobra.Command, path string) ([]byte, error) {
	in := untilEnough(cmd)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the salvo: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSalvoFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the salvo: %w", err)
	}
	if len(b) > maxSalvoFile {
		return nil, usage("the salvo has more than %d bytes: split it", maxSalvoFile)
	}
	return b, nil
}

func routeLockCommand(g *globals) *cobra.Command {
	return lockCommand(g, "lock", "Lock a destination against other clients", func(bool) domain.LockState { return domain.LockOn })
}

func routeUnlockCommand(g *globals) *cobra.Command {
	return lockCommand(g, "unlock", "Unlock a destination", func(force bool) domain.LockState {
		if force {
			return domain.LockForce
		}
		return domain.LockOff
	})
}

func lockCommand(g *globals, use, short string, state func(force bool) domain.LockState) *cobra.Command {
	var lock domain.SetLock
	var force bool
	var o sending
	cmd := &cobra.Command{
		Use:   use + " DEVICE",
		Short: short,
		Args:  exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			if lock.Destination < 1 {
				return usage("--dest counts from 1, as on labels")
			}
			lock.State = state(force)
			return g.submit(cmd, args[0], lock, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&lock.Destination, "dest", 0, "destination (output), from 1")
	f.StringVar(&lock.Level, "level", "", "level (default video)")
	if use == "unlock" {
		f.BoolVar(&force, "force", false, "take the lock from whoever holds it")
	}
	require(cmd, "dest")
	o.register(cmd)
	return cmd
}

func labelCommand(g *globals) *cobra.Command {
	return group("label", "Name the ports of a router", labelSetCommand(g))
}

func labelSetCommand(g *globals) *cobra.Command {
	var input int
	output := outputPort{form: &g.Output}
	var text string
	var o sending
	cmd := &cobra.Command{
		Use:     "set DEVICE",
		Short:   "Name an input or an output",
		Example: `  understudy label set videohub-1 --input 12 --text "Camera 3"`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			label := domain.SetLabel{Port: domain.PortInput, Number: input, Text: text}
			if output.number != 0 {
				label.Port, label.Number = domain.PortOutput, output.number
			}
			if label.Number < 1 || input != 0 && output.number != 0 {
				return usage("give the port with --input N or --output N, from 1, and not both")
			}
			return g.submit(cmd, args[0], label, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&input, "input", 0, "number of the input, from 1")
	f.VarP(&output, "output", "o", "number of the output, from 1; or table, json or yaml, as everywhere")
	f.StringVar(&text, "text", "", "the label")
	require(cmd, "text")
	o.register(cmd)
	return cmd
}

// outputPort is --output where it names a port. The form of the output, which
// has that name everywhere, is told from it by its words.
type outputPort struct {
	number int
	form   *string
}

func (p *outputPort) String() string { return "" }
func (p *outputPort) Type() string   { return "number" }

func (p *outputPort) Set(s string) error {
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		*p.form = s
	case n < 1:
		return fmt.Errorf("outputs count from 1")
	default:
		p.number = n
	}
	return nil
}

// require makes flags required. It fails only for a flag that is not there,
// which every test would show.
func require(cmd *cobra.Command, flags ...string) {
	for _, f := range flags {
		if err := cmd.MarkFlagRequired(f); err != nil {
			panic(err)
		}
	}
}
