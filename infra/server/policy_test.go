package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// What is not given of a policy stays as it is, whoever has set it and through whichever server.
func TestAPolicyIsChangedPieceByPiece(t *testing.T) {
	s := newStage(t)
	steady := func(o *server.Options) { o.Election.TTL, o.Election.Precedence = time.Second, 10 }
	a := s.startWith("A", steady)
	s.primary(a)
	b := s.startWith("B", func(o *server.Options) { o.Election.TTL, o.Election.Precedence = time.Second, 20 })
	s.primary(a, b)
	eight, one, none := 8, 1, 0
	for _, step := range []struct {
		change httpapi.PolicyChange
		want   httpapi.Policy
	}{
		{httpapi.PolicyChange{MaxMembers: &eight}, httpapi.Policy{Order: "longest-running", FailBack: "never", MaxMembers: 8}},
		{httpapi.PolicyChange{FailBack: "manual"}, httpapi.Policy{Order: "longest-running", FailBack: "manual", MaxMembers: 8}},
		{httpapi.PolicyChange{FailBack: "auto"}, httpapi.Policy{Order: "longest-running", FailBack: "auto", HoldDown: "10s", MaxMembers: 8}},
		{httpapi.PolicyChange{Order: "designated", Members: []string{"A", "B"}}, httpapi.Policy{Order: "designated", Members: []string{"A", "B"}, FailBack: "auto", HoldDown: "10s", MaxMembers: 8}},
		{httpapi.PolicyChange{HoldDown: "30s"}, httpapi.Policy{Order: "designated", Members: []string{"A", "B"}, FailBack: "auto", HoldDown: "30s", MaxMembers: 8}},
		{httpapi.PolicyChange{Members: []string{"A"}}, httpapi.Policy{Order: "designated", Members: []string{"A"}, FailBack: "auto", HoldDown: "30s", MaxMembers: 8}},
		{httpapi.PolicyChange{Order: "precedence", MaxMembers: &none}, httpapi.Policy{Order: "precedence", FailBack: "auto", HoldDown: "30s"}},
		{httpapi.PolicyChange{FailBack: "never"}, httpapi.Policy{Order: "precedence", FailBack: "never"}},
		{httpapi.PolicyChange{FailBack: "auto"}, httpapi.Policy{Order: "precedence", FailBack: "auto", HoldDown: "30s"}},
		{httpapi.PolicyChange{FailBack: "never"}, httpapi.Policy{Order: "precedence", FailBack: "never"}},
	} {
		decided(t)(b.SetPolicy(s.ctx, "ann", step.change))
		st, err := b.Status(s.ctx)
		must(t, err)
		step.want.By = "ann"
		if st.Policy == nil || st.Policy.Order != step.want.Order || strings.Join(st.Policy.Members, " ") != strings.Join(step.want.Members, " ") ||
			st.Policy.FailBack != step.want.FailBack || st.Policy.HoldDown != step.want.HoldDown || st.Policy.MaxMembers != step.want.MaxMembers || st.Policy.By != "ann" {
			t.Errorf("after %+v it is %+v, want %+v", step.change, st.Policy, step.want)
		}
	}
	for name, test := range map[string]struct {
		change httpapi.PolicyChange
		class  error
		words  string
	}{
		"a list where there is none":    {httpapi.PolicyChange{Members: []string{"A"}}, domain.ErrInvalid, "precedence takes no list of servers"},
		"a hold-down where there is no": {httpapi.PolicyChange{HoldDown: "1s"}, domain.ErrInvalid, "fail-back is never: give both"},
		"less than there are":           {httpapi.PolicyChange{MaxMembers: &one}, domain.ErrConflict, "there are 2 servers, and at most 1 could be"},
		"an unknown server":             {httpapi.PolicyChange{Order: "designated", Members: []string{"Z"}}, domain.ErrNotFound, "Z is no server"},
		"designated without a list":     {httpapi.PolicyChange{Order: "designated"}, domain.ErrInvalid, "name the servers"},
	} {
		if _, err := b.SetPolicy(s.ctx, "ann", test.change); !errors.Is(err, test.class) || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v, want %q", name, err, test.words)
		}
	}
}
