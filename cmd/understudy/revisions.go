package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
	"github.com/understudy-io/understudy/infra/config"
)

// revisionCommands are those on the landscape's configuration, which all its servers
// share.
func revisionCommands() []*cobra.Command {
	var out []*cobra.Command
	for _, command := range []func(*globals) *cobra.Command{
		publishCommand, activateCommand, showCommand, diffCommand, previewCommand, rollbackCommand,
		configExportCommand, configImportCommand, driftCommand, transferCommand,
	} {
		g := &globals{}
		cmd := command(g)
		g.register(cmd.Flags())
		out = append(out, cmd)
	}
	return out
}

// changes are the flags of whatever changes the configuration.
type changes struct {
	comment  string
	ifMatch  uint64
	activate bool
	override bool
}

func (c *changes) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.comment, "comment", "m", "", "why; kept in the log")
	cmd.Flags().BoolVar(&c.override, "override", false, "also while the configuration is locked; needs --comment")
}

func (c *changes) match(cmd *cobra.Command) {
	cmd.Flags().Uint64Var(&c.ifMatch, "if-match", 0, "number of the newest revision that you have seen; 0 if there was none")
}

func publishCommand(g *globals) *cobra.Command {
	var c changes
	cmd := &cobra.Command{
		Use:   "publish FILE",
		Short: "Publish a configuration as the next revision",
		Long: `Publish a configuration (YAML: devices, ports, panels, mappings, policy) as the next
revision. All its faults are told with their lines, and then nothing is published.
--if-match names the newest revision that you have seen: if there is a newer one,
the difference is shown and nothing is published. It does not count before it is
activated. FILE may be - for the standard input.`,
		Example: "  understudy config publish landscape.yaml --if-match 3 --comment \"two more cameras\" --activate",
		Args:    exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readConfiguration(cmd, args[0])
			if err != nil {
				return err
			}
			if len(text) == 0 {
				return fmt.Errorf("%s is empty, and nothing was published: it needs devices, ports, panels, mappings or policy: %w", args[0], domain.ErrInvalid)
			}
			return g.publish(cmd, httpapi.Publication{Text: string(text), Comment: c.comment, Activate: c.activate, Override: c.override, IfMatch: c.ifMatch})
		},
	}
	c.register(cmd)
	c.match(cmd)
	cmd.Flags().BoolVar(&c.activate, "activate", false, "and activate it, in the same step")
	require(cmd, "if-match")
	return cmd
}

// readConfiguration reads a file no further than a configuration may go.
func readConfiguration(cmd *cobra.Command, name string) ([]byte, error) {
	in := untilEnough(cmd)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w: %w", err, domain.ErrInvalid)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, config.MaxLandscapeFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(text) > config.MaxLandscapeFile:
		return nil, fmt.Errorf("%s has more than %d bytes, so it is no configuration, or there are verbs in it that many devices share: give them an anchor: %w", name, config.MaxLandscapeFile, domain.ErrInvalid)
	}
	return text, nil
}

func (g *globals) publish(cmd *cobra.Command, p httpapi.Publication) error {
	s, err := g.open(cmd)
	if err != nil {
		return err
	}
	r, err := s.client.Publish(cmd.Context(), p)
	return s.showRevised(r, err)
}

func (s *session) showRevised(r httpapi.Revised, err error) error {
	if err != nil {
		if e, ok := errors.AsType[*httpapi.Error](err); ok && len(e.Changes) > 0 {
			err = fmt.Errorf("%w\n%s", s.explain(err), changesInWords(e.Changes))
			return withExit(e.ExitCode(), err)
		} else if ok && len(e.Errors) > 0 { // the file is wrong, not the line
			var b strings.Builder
			for _, f := range e.Errors {
				fmt.Fprintf(&b, "\n%s: %s", f.Location, f.Message)
			}
			return withExit(exitError, fmt.Errorf("%s:%s", e.Detail, b.String()))
		}
		return s.explain(err)
	}
	return s.show(r, func(t *table) {
		switch {
		case r.Applied && len(r.Waiting) > 0:
			t.text("revision %d is active, and all devices have it; not yet gone over to it: %s, see `%s`", r.Revision, oneLine(strings.Join(r.Waiting, ", ")), s.line("config", "show"))
		case r.Applied:
			t.text("revision %d is active, all devices have it, and all servers have gone over to it", r.Revision)
		case r.Active:
			t.text("revision %d is active; not all devices have it yet: %s", r.Revision, s.line("config", "show"))
		default:
			t.text("revision %d is published; activate it with `%s`", r.Revision, s.line("config", "activate", strconv.FormatUint(r.Revision, 10)))
		}
		if m := r.Move; m != nil {
			t.text("%s is primary in epoch %d", oneLine(m.To), m.Epoch)
		}
	})
}

func activateCommand(g *globals) *cobra.Command {
	var c changes
	cmd := &cobra.Command{
		Use: "activate REVISION", Short: "Go over to a revision", Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := revisionNumber(args[0])
			if err != nil {
				return err
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			r, err := s.client.Activate(cmd.Context(), httpapi.Activation{Revision: n, Comment: c.comment, Override: c.override})
			return s.showRevised(r, err)
		},
	}
	c.register(cmd)
	return cmd
}

func revisionNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usage("revision %q: give its number, such as 3", text)
	}
	return n, nil
}

func rollbackCommand(g *globals) *cobra.Command {
	var c changes
	var to uint64
	cmd := &cobra.Command{
		Use: "rollback", Short: "Go back to what an earlier revision holds, as a new revision",
		Long: `Publish what an earlier revision holds as the next one, and activate it: numbers of
revisions only grow. Without --to it is the one that was active before.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			v, err := s.client.Configuration(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			from := to
			for _, r := range v.Revisions {
				if from == 0 && r.Revision < v.Active && !r.Activated.IsZero() {
					from = r.Revision
				}
			}
			if from == 0 {
				return fmt.Errorf("no earlier revision was ever active: name one with --to: %w", domain.ErrNotFound)
			}
			comment := c.comment
			if comment == "" {
				comment = fmt.Sprintf("back from revision %d to %d", v.Active, from)
			}
			r, err := s.client.Publish(cmd.Context(), httpapi.Publication{From: from, Comment: comment, Activate: true, Override: c.override, IfMatch: v.Latest})
			return s.showRevised(r, err)
		},
	}
	c.register(cmd)
	cmd.Flags().Uint64Var(&to, "to", 0, "number of the revision (default: the one that was active before)")
	return cmd
}

func transferCommand(g *globals) *cobra.Command {
	var c changes
	cmd := &cobra.Command{
		Use: "transfer", Short: "Publish what a server has as the next revision, activate it, and have that server take over",
		Long: `Publish the running configuration of one server (--server or --address) as the next
revision, activate it, and make that server the primary: in one step, which is one
record of the log. It works at a secondary too. What is under way at the present
primary may be in doubt afterwards, as after a takeover.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if g.Server == "" && g.Address == "" {
				return usage("name the server whose configuration is transferred, with --server or --address")
			}
			if c.comment == "" {
				return usage("--comment is empty: the log keeps why")
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			v, err := s.client.Configuration(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			r, err := s.client.Publish(cmd.Context(), httpapi.Publication{Running: true, Comment: c.comment, Activate: true, TakeOver: true, Override: c.override, IfMatch: v.Latest})
			return s.showRevised(r, err)
		},
	}
	c.register(cmd)
	return cmd
}

func showCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "show [REVISION]", Short: "List the revisions, or show what one holds", Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				n, err := strconv.ParseUint(args[0], 10, 64)
				if err != nil {
					return usage("revision %q: give its number; 0 is what counts now", args[0])
				}
				v, err := s.client.RevisionText(cmd.Context(), n)
				if err != nil {
					return s.explain(err)
				}
				return s.show(v, func(t *table) { t.block(v.Text) })
			}
			v, err := s.client.Configuration(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			return s.show(v, func(t *table) { s.showConfiguration(t, v) })
		},
	}
}

func (s *session) showConfiguration(t *table, v httpapi.Configuration) {
	if v.Active == 0 {
		t.text("no revision is active: the primary's own file says what devices there are")
	} else {
		t.text("revision %d is active; all devices have revision %d", v.Active, v.Applied)
	}
	if v.Locked != "" {
		t.text("%s", oneLine(s.pasteable(v.Locked)))
	}
	if len(v.Servers) > 0 && v.Active > 0 {
		t.row("SERVER", "REVISION", "WHAT IS WRONG")
		for _, m := range v.Servers {
			t.row(m.Name, m.Revision, s.pasteable(m.Unapplied))
		}
		t.text("")
	}
	if len(v.Revisions) > 0 {
		t.row("REVISION", "PUBLISHED", "AUTHOR", "ACTIVATED", "HASH", "COMMENT")
	}
	for _, r := range v.Revisions {
		t.row(r.Revision, dateOf(r.Published), r.Author, dateOf(r.Activated), r.Hash[:12], r.Comment)
	}
}

// dateOf is a time in this machine's zone; nothing of one that is not known.
func dateOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

func diffCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "diff A B", Short: "Tell what changes from revision A to revision B", Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			var n [2]uint64
			for i, a := range args {
				var err error
				if n[i], err = strconv.ParseUint(a, 10, 64); err != nil {
					return usage("revision %q: give its number; 0 is what counts now", a)
				}
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			v, err := s.client.Differences(cmd.Context(), n[0], n[1])
			return s.showChanges(v, "nothing changes", err)
		},
	}
}

func previewCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "preview REVISION", Short: "Tell what a revision would change on the devices as they are now", Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := revisionNumber(args[0])
			if err != nil {
				return err
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			v, err := s.client.Preview(cmd.Context(), n)
			return s.showChanges(v, "no device changes", err)
		},
	}
}

func (s *session) showChanges(v []configuration.Change, none string, err error) error {
	if err != nil {
		return s.explain(err)
	}
	return s.show(v, func(t *table) {
		if len(v) == 0 {
			t.text("%s", none)
			return
		}
		t.block(changesInWords(v))
	})
}

// shownChanges is how many changes people are shown.
const shownChanges = 200

func changesInWords(list []configuration.Change) string {
	var b strings.Builder
	for i, c := range list {
		if i == shownChanges {
			fmt.Fprintf(&b, "… and %d more (-o json has all)\n", len(list)-i)
			break
		}
		sign := map[string]string{configuration.Added: "+", configuration.Removed: "-", configuration.Changed: "~"}[c.Kind]
		fmt.Fprintf(&b, "%s %s", sign, c.Section)
		if c.ID != "" {
			b.WriteString(" " + oneLine(c.ID))
		}
		for _, f := range c.Fields {
			fmt.Fprintf(&b, "  %s: %s → %s", f.Name, oneLine(f.Before), oneLine(f.After))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
