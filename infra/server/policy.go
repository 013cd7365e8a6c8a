package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// defaultHoldDown is how long a server must have been ready until primacy goes back
// to it, where nobody says.
const defaultHoldDown = 10 * time.Second

// SetPolicy implements httpapi.Cluster. What is not given stays as it is: the policy in
// force is read, changed and appended without another one between them here.
func (s *Server) SetPolicy(ctx context.Context, user string, in httpapi.PolicyChange) (httpapi.Decision, error) {
	var p domain.Policy
	d, err := s.decide(ctx, decision{
		subject: s.me(),
		record:  func() domain.Payload { return p },
		refused: func(m *election.Server) (err error) {
			now, _ := m.State().Policy()
			if p, err = revised(now, in, m.State()); err != nil {
				return err
			}
			p.By = user
			if why := election.FaultOf(p); why != "" {
				return fmt.Errorf("%s: %w", why, domain.ErrInvalid)
			}
			return s.unfitting(m.State(), p)
		},
		holds: func(st *election.State) bool {
			now, ok := st.Policy()
			return ok && now.By == p.By && now.Order == p.Order && slices.Equal(now.Members, p.Members) &&
				now.FailBack == p.FailBack && now.HoldDown == p.HoldDown && now.MaxMembers == p.MaxMembers
		},
	})
	d.Done = policyInWords(p)
	return d, err
}

// revised is the policy in force with what is given changed. A list that stays loses who
// was removed; a hold-down stays for when there is fail-back again.
func revised(now domain.Policy, in httpapi.PolicyChange, st *election.State) (domain.Policy, error) {
	p := now
	p.Order = domain.PolicyOrder(cmp.Or(in.Order, string(now.Order), string(domain.OrderLongestRunning)))
	switch {
	case in.Members != nil:
		p.Members = in.Members
	case p.Order != domain.OrderDesignated:
		p.Members = nil
	default:
		p.Members = slices.DeleteFunc(slices.Clone(p.Members), func(name string) bool { return st.Banned(name) != "" })
	}
	usual := domain.FailBackAuto
	if p.Order == domain.OrderLongestRunning {
		usual = domain.FailBackNever
	}
	p.FailBack = domain.FailBack(cmp.Or(in.FailBack, string(now.FailBack), string(usual)))
	if in.MaxMembers != nil {
		p.MaxMembers = *in.MaxMembers
	}
	switch d, err := time.ParseDuration(in.HoldDown); {
	case in.HoldDown == "" && p.FailBack == domain.FailBackAuto && now.FailBack != domain.FailBackAuto && now.HoldDown == 0:
		p.HoldDown = defaultHoldDown
	case in.HoldDown == "":
	case err != nil:
		return p, fmt.Errorf("hold-down %q is no duration such as 10s: %w", in.HoldDown, domain.ErrInvalid)
	case p.FailBack != domain.FailBackAuto:
		return p, fmt.Errorf("a hold-down is of fail-back auto, and fail-back is %s: give both, or leave it out: %w", p.FailBack, domain.ErrInvalid)
	default:
		p.HoldDown = d
	}
	return p, nil
}

// unfitting says why a policy does not go with the members that there are.
func (s *Server) unfitting(st *election.State, p domain.Policy) error {
	var faults []string
	class := domain.ErrConflict
	members := 0
	for _, m := range st.Members() {
		if m.Removed {
			continue
		}
		members++
		if p.Order == domain.OrderPrecedence && m.Precedence == 0 {
			faults = append(faults, m.Name+" has no precedence: set server.precedence in its configuration, and start it again")
		}
	}
	if limit := cmp.Or(p.MaxMembers, cmp.Or(s.options.Election.MaxMembers, election.DefaultMaxMembers)); members > limit {
		faults = append(faults, fmt.Sprintf("there are %d servers, and at most %d could be: one that starts again would stay out. Take some out first with `understudy cluster leave NODE`, or give at least %d", members, limit, members))
	}
	for _, name := range p.Members {
		if m, ok := st.Member(name); !ok || m.Removed {
			faults = append(faults, domain.Plain(hindered(st, name, election.HinderedAbsent)))
			class = domain.ErrNotFound
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", strings.Join(faults, "; "), class)
}

func policyInWords(p domain.Policy) string {
	text := "the policy is " + string(p.Order)
	if len(p.Members) > 0 {
		text += " (" + strings.Join(p.Members, ", ") + ")"
	}
	text += ", fail-back " + string(p.FailBack)
	if p.FailBack == domain.FailBackAuto {
		text += fmt.Sprintf(" once a server has been ready for %s", p.HoldDown)
	}
	if p.MaxMembers > 0 {
		text += fmt.Sprintf(", at most %d servers", p.MaxMembers)
	}
	return text
}
