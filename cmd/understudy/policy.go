package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

func clusterPolicyCommand(g *globals) *cobra.Command {
	var order, failBack string
	var members []string
	var holdDown time.Duration
	var limit int
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show or set who comes next, and whether primacy comes back",
		Long: `Without a flag: show the policy. With one: change it for the landscape, while all run; what
is not given stays as it is.

longest-running  the server that joined first comes next; primacy does not come back
precedence       the lowest server.precedence comes next, and gets primacy back
designated       the first of --servers, and so on

Primacy comes back (auto) to a server that is preferred once it has been ready for the
hold-down without a break: twice as long each time it falls again soon after. With
manual an operator moves it, with never nobody is told. A move that an operator has
made is not undone: the server that is preferred gets primacy back only after a start
of its own.`,
		Example: `  understudy cluster policy
  understudy cluster policy --order precedence --hold-down 30s
  understudy cluster policy --order designated --servers B,A --fail-back manual
  understudy cluster policy --max-members 8`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := cmd.Flags()
			if err := checkPolicy(flags, order, failBack, holdDown, limit); err != nil {
				return err
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			p := httpapi.PolicyChange{Order: order, Members: members, FailBack: failBack}
			if flags.Changed("hold-down") {
				p.HoldDown = holdDown.String()
			}
			if flags.Changed("max-members") {
				p.MaxMembers = &limit
			}
			if !slices.ContainsFunc([]string{"order", "servers", "fail-back", "hold-down", "max-members"}, flags.Changed) {
				return s.showPolicy(cmd)
			}
			d, err := s.client.SetPolicy(cmd.Context(), p)
			return s.showDecision(d, err)
		},
	}
	cmd.Flags().StringVar(&order, "order", "", "longest-running, precedence or designated (if none was ever set: longest-running)")
	cmd.Flags().StringSliceVar(&members, "servers", nil, "designated: who goes first")
	cmd.Flags().StringVar(&failBack, "fail-back", "", "never, auto or manual (if none was ever set: never for longest-running, else auto)")
	cmd.Flags().DurationVar(&holdDown, "hold-down", 0, "auto: how long a server must have been ready (if none was ever set: 10s)")
	cmd.Flags().IntVar(&limit, "max-members", 0, "how many servers there may be; 0: the default of 6")
	return cmd
}

// checkPolicy finds what no policy can be, in the words of the flags. What does not go
// together the servers know.
func checkPolicy(flags *pflag.FlagSet, order, failBack string, holdDown time.Duration, limit int) error {
	orders := []domain.PolicyOrder{domain.OrderLongestRunning, domain.OrderPrecedence, domain.OrderDesignated}
	ways := []domain.FailBack{domain.FailBackNever, domain.FailBackAuto, domain.FailBackManual}
	switch {
	case flags.Changed("order") && !slices.Contains(orders, domain.PolicyOrder(order)):
		return usage("--order %q: give one of %s, %s and %s", order, orders[0], orders[1], orders[2])
	case flags.Changed("fail-back") && !slices.Contains(ways, domain.FailBack(failBack)):
		return usage("--fail-back %q: give one of %s, %s and %s", failBack, ways[0], ways[1], ways[2])
	case holdDown < 0 || holdDown > election.MaxHoldDown:
		return usage("--hold-down %s: give 0s to %s", holdDown, election.MaxHoldDown)
	case limit < 0 || limit > election.MaxMembers:
		return usage("--max-members %d: give 1 to %d, or 0 for the default of %d", limit, election.MaxMembers, election.DefaultMaxMembers)
	}
	return nil
}

func (s *session) showPolicy(cmd *cobra.Command) error {
	st, err := s.client.Status(cmd.Context())
	if err != nil {
		return s.explain(err)
	}
	p := httpapi.Policy{Order: "longest-running", FailBack: "never"}
	if st.Policy != nil {
		p = *st.Policy
	}
	return s.show(p, func(t *table) {
		t.text("%s", policyLine(&p))
		if f := failBackLine(st.FailBack); f != "" {
			t.text("%s", f)
		}
	})
}

// policyLine is a policy in a line.
func policyLine(p *httpapi.Policy) string {
	text := "policy " + p.Order
	if len(p.Members) > 0 {
		text += " (" + strings.Join(p.Members, ", ") + ")"
	}
	text += ", fail-back " + p.FailBack
	if p.HoldDown != "" {
		text += " after " + p.HoldDown
	}
	if p.MaxMembers > 0 {
		text += fmt.Sprintf(", at most %d servers", p.MaxMembers)
	}
	if p.By != "" {
		return text + ", set by " + oneLine(p.By)
	}
	return text + ", as it is where nobody has set one"
}

// failBackLine says where primacy would go back to; empty if nowhere.
func failBackLine(f *httpapi.FailBack) string {
	switch {
	case f == nil:
		return ""
	case f.In < 0:
		return fmt.Sprintf("the policy prefers %s, and primacy does not go back there by itself: %s", oneLine(f.To), oneLine(f.Why))
	}
	return fmt.Sprintf("primacy goes back to %s in %s", oneLine(f.To), shortMs(f.In))
}

// showDecision says what an operator's decision has done.
func (s *session) showDecision(d httpapi.Decision, err error) error {
	if err != nil {
		return s.explain(err)
	}
	return s.show(d, func(t *table) { t.text("%s", oneLine(s.pasteable(d.Done))) })
}
