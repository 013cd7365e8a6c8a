package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

func switchoverCommand(g *globals) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "switchover",
		Short: "Move primacy to another server in a planned way: nothing is in doubt",
		Args:  exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			move, err := s.client.Switchover(cmd.Context(), to)
			return s.showMove(move, err)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the server that is to act (default: the policy chooses)")
	return cmd
}

func takeoverCommand(g *globals) *cobra.Command {
	var force, look bool
	var reason string
	cmd := &cobra.Command{
		Use:   "takeover",
		Short: "Take primacy from the primary at once, whatever state it is in",
		Long: `Contest the primary at once. A live one yields within a round trip, a dead or cut
one after its lease. One-shots that were under way may be in doubt afterwards;
a switchover leaves nothing in doubt, so use that where the primary works.
--server names the server that is to take over. --preview shows what could be in doubt and
does nothing; at a terminal, without --force, it is shown and asked for the landscape's name.`,
		Example: `  understudy takeover --force --reason "A answers but its devices do not" --server B`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if look {
				return g.lookAhead(cmd)
			}
			if !force && !isTerminal(cmd.InOrStdin()) {
				return fmt.Errorf("a takeover may leave actions in doubt: give --force if that is wanted, or use `%s`: %w", g.line("switchover"), domain.ErrConflict)
			}
			if reason == "" {
				return usage("--reason is empty: the log keeps why you took over")
			}
			if !force {
				if err := g.confirm(cmd); err != nil {
					return err
				}
			}
			return g.takeover(cmd, reason)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "yes, at once")
	cmd.Flags().BoolVar(&look, "preview", false, "only show what could be in doubt afterwards")
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept in the log")
	return cmd
}

func (g *globals) takeover(cmd *cobra.Command, reason string) error {
	s, err := g.open(cmd)
	if err != nil {
		return err
	}
	client, to := s.client, g.Server
	if to == "" {
		to, client = s.successor(cmd.Context())
	}
	move, err := client.Takeover(cmd.Context(), reason, to)
	return s.showMove(move, err)
}

// successor is whom the servers would let take over, and how it is asked itself. If none
// can be found out, the server that is asked takes over itself.
func (s *session) successor(ctx context.Context) (string, *httpapi.Client) {
	st, err := s.client.Status(ctx)
	if err != nil {
		return "", s.client
	}
	i := slices.IndexFunc(st.Servers, func(m httpapi.ServerStatus) bool { return m.Name == st.Next })
	if i < 0 || s.Address != "" {
		return st.Next, s.client
	}
	return st.Next, s.client.At(st.Servers[i].Address)
}

func (s *session) showMove(m httpapi.Move, err error) error {
	if err != nil {
		err = s.explain(err)
		if errors.Is(err, domain.ErrUnknownFate) || errors.Is(err, httpapi.ErrNoPrimary) {
			err = fmt.Errorf("%w\nSee who acts now: %s", err, s.line("cluster", "status"))
		}
		return err
	}
	return s.show(m, func(t *table) {
		from := m.From
		if from == "" {
			from = "nobody"
		}
		t.text("%s is primary in epoch %d, after %s; it took %s", oneLine(m.To), m.Epoch, oneLine(from), shortMs(m.Took))
	})
}
