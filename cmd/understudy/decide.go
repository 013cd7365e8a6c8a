package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// decideCommand is a command that decides something; its arguments are those that use
// names.
func decideCommand(g *globals, use, short, long string, decide func(ctx context.Context, c *httpapi.Client, args []string, reason string) (httpapi.Decision, error)) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			d, err := decide(cmd.Context(), s.client, args, reason)
			return s.showDecision(d, err)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept in the log")
	return cmd
}

func clusterPauseCommand(g *globals) *cobra.Command {
	return decideCommand(g, "pause", "Pause automatic failover",
		`While it is paused nobody takes over from a primary that falls, but that server itself
when it is back. Planned and forced moves go on.`,
		func(ctx context.Context, c *httpapi.Client, _ []string, reason string) (httpapi.Decision, error) {
			return c.Pause(ctx, true, reason)
		})
}

func clusterResumeCommand(g *globals) *cobra.Command {
	return decideCommand(g, "resume", "Resume automatic failover", "",
		func(ctx context.Context, c *httpapi.Client, _ []string, reason string) (httpapi.Decision, error) {
			return c.Pause(ctx, false, reason)
		})
}

func clusterDrainCommand(g *globals) *cobra.Command {
	return decideCommand(g, "drain NODE", "Take a server out of the succession for maintenance",
		`A primary hands over in a planned move. The server goes on to fold and to answer, and
does not take over, also after a restart, until it is undrained.`,
		func(ctx context.Context, c *httpapi.Client, args []string, reason string) (httpapi.Decision, error) {
			return c.Drain(ctx, args[0], true, reason)
		})
}

func clusterUndrainCommand(g *globals) *cobra.Command {
	return decideCommand(g, "undrain NODE", "Take a server back into the succession", "",
		func(ctx context.Context, c *httpapi.Client, args []string, reason string) (httpapi.Decision, error) {
			return c.Drain(ctx, args[0], false, reason)
		})
}

func clusterLeaveCommand(g *globals) *cobra.Command {
	return takeOutCommand(g, true, "leave NODE", "Take a server out of the landscape for good, in order",
		`A primary hands over in a planned move first. Then the server ends, with 78, and one that is
started again under its name says that it was removed, and stays out. It cannot be taken back: at
a terminal, without --force, it is asked for the server's name.`)
}

func clusterRemoveCommand(g *globals) *cobra.Command {
	return takeOutCommand(g, false, "remove NODE", "Remove a server for good, at once, whatever state it is in",
		`Also one that is away. A primary is contested: what was under way may be in doubt. One that is
started again under its name says that it was removed, and stays out. It cannot be taken back: at
a terminal, without --force, it is asked for the server's name.`)
}

// takeOutCommand is one that takes a server out for good, which is asked about first.
func takeOutCommand(g *globals, inOrder bool, use, short, long string) *cobra.Command {
	var force bool
	cmd := decideCommand(g, use, short, long, func(ctx context.Context, c *httpapi.Client, args []string, reason string) (httpapi.Decision, error) {
		return c.Remove(ctx, args[0], inOrder, reason)
	})
	decide := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !force {
			if err := confirmTakingOut(cmd, args[0]); err != nil {
				return err
			}
		}
		return decide(cmd, args)
	}
	cmd.Flags().BoolVar(&force, "force", false, "yes, for good")
	return cmd
}

// confirmTakingOut asks for the server's name, where somebody is there to be asked.
func confirmTakingOut(cmd *cobra.Command, server string) error {
	if !isTerminal(cmd.InOrStdin()) {
		return fmt.Errorf("nobody takes part under the name %s any more, ever: give --force if that is wanted: %w", server, domain.ErrConflict)
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "nobody takes part under the name %s any more, ever; type that name to go on, anything else to leave it:\n", oneLine(server))
	if answered(cmd) != server {
		return fmt.Errorf("not confirmed, and nothing was done; with --force nothing is asked: %w", domain.ErrConflict)
	}
	return nil
}

func clusterDissolveCommand(g *globals) *cobra.Command {
	var yes bool
	cmd := decideCommand(g, "dissolve LANDSCAPE", "End a landscape for good: nobody acts in it any more",
		`Its primary stops, its servers end with 78, and none of them takes part again. The log stays, to be
read. It cannot be taken back.`, nil)
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, for good")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		reason, _ := cmd.Flags().GetString("reason")
		switch {
		case !yes:
			return fmt.Errorf("nobody acts in a landscape that is dissolved, ever: give --yes if that is wanted: %w", domain.ErrConflict)
		case reason == "":
			return usage("--reason is empty: the log keeps why")
		}
		s, err := g.open(cmd)
		if err != nil {
			return err
		}
		d, err := s.client.Dissolve(cmd.Context(), args[0], reason)
		return s.showDecision(d, err)
	}
	require(cmd, "reason")
	return cmd
}

func clusterHistoryCommand(g *globals) *cobra.Command {
	var last int
	cmd := &cobra.Command{
		Use: "history", Short: "Show every epoch: who held it, why, on whose word, how it ended", Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 0 {
				return usage("--last %d: give 1 or more, or leave it out for all", last)
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			terms, err := s.client.History(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			if last > 0 && len(terms) > last {
				terms = terms[len(terms)-last:]
			}
			return s.show(terms, func(t *table) { historyTable(t, terms) })
		},
	}
	cmd.Flags().IntVar(&last, "last", 0, "only so many, the newest (default: all)")
	return cmd
}

func historyTable(t *table, terms []httpapi.Term) {
	if len(terms) == 0 {
		t.text("there was no epoch yet")
		return
	}
	t.row("EPOCH", "SERVER", "CAUSE", "BEGAN", "GAP", "LASTED", "BY", "EVIDENCE", "ENDED")
	for _, e := range terms {
		gap := ""
		if e.Gap > 0 {
			gap = shortMs(e.Gap)
		}
		t.row(e.Epoch, e.Server, e.Cause, e.Began.Local().Format(time.DateTime+".000"), gap, shortMs(e.Lasted), e.By, e.Evidence, e.Ended)
	}
}
