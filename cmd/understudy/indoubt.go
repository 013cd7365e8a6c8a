package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

func indoubtCommand(g *globals) *cobra.Command {
	return group("indoubt", "List and resolve actions of which nobody knows whether they were done",
		indoubtListCommand(g), indoubtResolveCommand(g))
}

func indoubtListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the actions in doubt", Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			list, err := s.client.Doubts(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			return s.show(list, func(t *table) { s.doubtsTable(t, list) })
		},
	}
}

func (s *session) howToLook() string {
	return fmt.Sprintf("`%s` shows whether it still is in doubt; resolve it again if so", s.line("indoubt", "list"))
}

func (s *session) doubtsTable(t *table, list []httpapi.Doubt) {
	if len(list) == 0 {
		t.text("nothing is in doubt")
		return
	}
	t.row("DEVICE", "UID", "WHAT", "SINCE", "EPOCH", "POSITION", "DETAIL")
	for _, d := range list {
		since := ""
		if !d.Since.IsZero() {
			since = d.Since.Format(time.DateTime)
		}
		t.row(d.Device, d.UID, wishInWords(d.Wish), since, d.Epoch, d.Position, d.Detail)
	}
	t.text("")
	t.text("Look at the device, then: %s", s.line("indoubt", "resolve", list[0].UID, "--device", list[0].Device, "--as", "done", "--reason", "TEXT"))
}

func indoubtResolveCommand(g *globals) *cobra.Command {
	var v httpapi.Resolution
	var as string
	cmd := &cobra.Command{
		Use:   "resolve UID",
		Short: "Say what became of an action in doubt",
		Long: `Say what became of an action in doubt: it was done, it was not done and is not
wanted any more, or it is to be sent again, as a new command with a UID that
follows from the old one. The log keeps who said so, and why.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			v.UID, v.As = args[0], domain.Resolution(as)
			switch v.As {
			case domain.ResolvedDone, domain.ResolvedNotDone, domain.ResolvedAgain:
			default:
				return usage("--as %q: give done, not-done or again", as)
			}
			if v.Reason == "" {
				return usage("--reason is empty: the log keeps why you decided so")
			}
			return g.resolve(cmd, v)
		},
	}
	f := cmd.Flags()
	f.StringVar(&as, "as", "", "done, not-done or again")
	f.StringVar(&v.Reason, "reason", "", "why; kept in the log")
	f.StringVar(&v.Device, "device", "", "its device (default: whichever has the UID in doubt)")
	require(cmd, "as", "reason")
	return cmd
}

func (g *globals) resolve(cmd *cobra.Command, v httpapi.Resolution) error {
	s, err := g.open(cmd)
	if err != nil {
		return err
	}
	if v.ResolutionUID, err = httpapi.NewUID(); err != nil {
		return err
	}
	r, err := s.client.Resolve(cmd.Context(), v)
	if err = s.explain(err); errors.Is(err, domain.ErrUnknownFate) {
		return fmt.Errorf("%w\nNobody knows yet whether this is in the log: %s", err, s.howToLook())
	}
	if err != nil {
		return err
	}
	if r.Outcome == "" {
		return withExit(r.ExitCode(), errors.New("it is in the log and not yet effective: "+s.howToLook()))
	}
	if err := s.showResult("resolve "+v.UID+" as "+string(v.As), r); err != nil {
		return err
	}
	if v.As == domain.ResolvedAgain && s.form == formTable {
		t := newTable(s.out)
		t.text("It is sent again as %s: %s", domain.DerivedUID(v.UID, "again"),
			s.line("command", "status", domain.DerivedUID(v.UID, "again"), "--device", r.Device))
		return t.flush()
	}
	return nil
}
