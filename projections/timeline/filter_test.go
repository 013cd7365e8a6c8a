package timeline_test

import (
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/timeline"
)

// TestWhatAUserDecidedAboutTheClusterIsOfThatUser: a server writes it, in its own name.
func TestWhatAUserDecidedAboutTheClusterIsOfThatUser(t *testing.T) {
	for _, p := range []domain.Payload{
		domain.Policy{By: "root"}, domain.Paused{By: "root"}, domain.Drained{By: "root"}, domain.Removed{By: "root"},
		domain.Dissolved{By: "root"}, domain.Invited{By: "root"}, domain.Contest{By: "root"},
	} {
		r := domain.Record{Type: p.Type(), Subject: "A", Source: domain.ServerSource("B"), Signed: true, Payload: p}
		for user, want := range map[string]bool{"root": true, "anna": false} {
			if f := (&timeline.Filter{User: user}); f.Matches(&r, "") != want {
				t.Errorf("%s: --user %s: %v", r.Type, user, !want)
			}
		}
		r.Signed = false
		if f := (&timeline.Filter{User: "root"}); f.Matches(&r, "") {
			t.Errorf("%s: believed without a server that vouches for it", r.Type)
		}
	}
}
