package election

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// A token is good once, until it runs out, and for whoever shows its secret.
func TestATokenIsGoodOnceAndForATime(t *testing.T) {
	const second = domain.Instant(time.Second)
	now := 1000 * second
	invited := domain.Invited{ID: "t", Hash: HashOfToken("secret"), Until: now + 10*second, By: "ann"}
	admitted := domain.Admitted{ID: "t", Identity: "key-c"}
	type step struct {
		after domain.Instant
		p     domain.Payload
	}
	for name, test := range map[string]struct {
		steps []step
		void  string // why the last one does not count
	}{
		"used":                    {[]step{{0, invited}, {9 * second, admitted}}, ""},
		"used twice":              {[]step{{0, invited}, {second, admitted}, {second, domain.Admitted{ID: "t", Identity: "key-d"}}}, "token t was used for c"},
		"used too late":           {[]step{{0, invited}, {10 * second, admitted}}, "token t has run out"},
		"that nobody made":        {[]step{{0, admitted}}, `there is no token "t"`},
		"made too late":           {[]step{{10 * second, invited}}, "has run out already"},
		"made twice":              {[]step{{0, invited}, {0, invited}}, "is there already"},
		"for nobody":              {[]step{{0, invited}, {0, domain.Admitted{ID: "t"}}}, "names no identity"},
		"without a hash":          {[]step{{0, domain.Invited{ID: "t", Until: now + second}}}, "no sound token"},
		"made anew when run out":  {[]step{{0, invited}, {11 * second, domain.Invited{ID: "t", Hash: invited.Hash, Until: now + 20*second}}}, "is there already"},
		"another when it has run": {[]step{{0, invited}, {11 * second, domain.Invited{ID: "u", Hash: invited.Hash, Until: now + 20*second}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewState()
			var last Ruling
			for _, step := range test.steps {
				last = s.Apply(domain.Record{
					Position: domain.Position{Offset: s.Next()}, Subject: "c", Signed: true, Type: step.p.Type(), Payload: step.p, Appended: now + step.after,
				})
			}
			if last.Counts != (test.void == "") || !strings.Contains(last.Void, test.void) {
				t.Errorf("%+v, want it void for %q", last, test.void)
			}
			again, err := Restore(s.Export())
			if err != nil || again.Hash() != s.Hash() || s.Clone().Hash() != s.Hash() {
				t.Errorf("a view or a copy forgets it: %v", err)
			}
		})
	}
	s := NewState()
	s.Apply(domain.Record{Subject: "a", Signed: true, Payload: invited, Appended: now})
	if _, ok := s.Token("t", "guess"); ok {
		t.Error("another secret is good too")
	}
	if token, ok := s.Token("t", "secret"); !ok || token.By != "ann" {
		t.Errorf("%+v, %t", token, ok)
	}
}

// A view with tokens that no fold makes is no view: equal states have equal bytes.
func TestAViewWithUnsoundTokensIsRefused(t *testing.T) {
	good := func(id string) Invitation { return Invitation{ID: id, Hash: HashOfToken(id), Until: 1, By: "ann"} }
	for name, test := range map[string]struct {
		tokens []Invitation
		fault  string
	}{
		"in order":         {[]Invitation{good("a"), good("b")}, ""},
		"doubled":          {[]Invitation{good("a"), good("a")}, "twice or out of order"},
		"out of order":     {[]Invitation{good("b"), good("a")}, "twice or out of order"},
		"a short hash":     {[]Invitation{{ID: "a", Hash: "00ff", By: "ann"}}, "makes no sense"},
		"no hash":          {[]Invitation{{ID: "a", Hash: "zz", By: "ann"}}, "makes no sense"},
		"no name":          {[]Invitation{good("")}, "makes no sense"},
		"used by nobody":   {[]Invitation{{ID: "a", Hash: HashOfToken("a"), By: "ann", Used: "c"}}, "makes no sense"},
		"more than may be": {make([]Invitation, maxInvitations+1), "more tokens"},
	} {
		s := NewState()
		s.invitations = test.tokens
		if _, err := Restore(s.Export()); (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
