package server_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// A token made at one server is good at another one, once, also when two show it at the
// same moment to two servers.
func TestATokenAdmitsOneServer(t *testing.T) {
	s := newStage(t)
	shares := func(o *server.Options) {
		o.Election.TTL = time.Second
		o.Share = server.Share{Brokers: []string{"broker:1"}, Keys: []byte("the key")}
		for i := range o.Devices {
			o.Devices[i].ValidAbsolute, o.Devices[i].ValidOneShot = time.Minute, 10*time.Second
		}
	}
	a := s.startWith("A", shares)
	s.primary(a)
	b := s.startWith("B", shares)
	s.primary(a, b)
	token, err := a.Invite(s.ctx, "ann", time.Minute)
	must(t, err)
	ask := func(m *member, name, identity string, check bool) (httpapi.Admission, error) {
		return m.Admit(s.ctx, httpapi.JoinRequest{Token: token.Token, Server: name, Identity: identity, Check: check})
	}
	// The landscape has no revision yet: nobody may join, and all is said that is in the way.
	s.eventually("B knows the token", func() error {
		looked, err := ask(b, "A", "c1", true)
		if err == nil && (looked.Keys != "" || looked.Landscape != "test" || !strings.Contains(strings.Join(looked.Faults, "\n"), "no configuration of this landscape is active")) {
			t.Fatalf("%+v", looked)
		}
		return err
	})
	if _, err := ask(b, "C", "c1", false); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("without a configuration: %v", err)
	}
	text, err := a.Text(s.ctx, 0)
	must(t, err)
	_, err = a.Publish(s.ctx, "ann", httpapi.Publication{Text: text.Text, Comment: "from the file", Activate: true})
	must(t, err)
	s.eventually("B has the configuration", func() error {
		looked, err := ask(b, "C", "c1", true)
		if err == nil && len(looked.Faults) > 0 {
			err = errors.New(looked.Faults[0])
		}
		return err
	})
	var admitted atomic.Int32
	var all sync.WaitGroup
	for i, m := range []*member{a, b} {
		all.Go(func() {
			got, err := ask(m, []string{"C", "D"}[i], []string{"c1", "d1"}[i], false)
			switch {
			case err == nil && got.Keys == "the key":
				admitted.Add(1)
			case !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "was used for server"):
				t.Errorf("%s: %+v, %v", m.name, got, err)
			}
		})
	}
	all.Wait()
	if n := admitted.Load(); n != 1 {
		t.Errorf("%d servers were admitted by one token", n)
	}
	for _, wrong := range []string{"", "x.y", token.Token + "x", strings.ToUpper(token.Token)} {
		if got, err := a.Admit(s.ctx, httpapi.JoinRequest{Token: wrong, Server: "C", Identity: "c1"}); !errors.Is(err, domain.ErrConflict) || got.Keys != "" {
			t.Errorf("token %q: %+v, %v", wrong, got, err)
		}
	}
}
