package server_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// The whole life of a cluster, on an embedded broker: each decision is asked of another
// server than the one it is about.
func TestOperatorsDecideAboutTheServersOfALandscape(t *testing.T) {
	s := newStage(t)
	precedence := func(n int) func(*server.Options) {
		return func(o *server.Options) { o.Election.Precedence, o.Election.TTL = n, time.Second }
	}
	a := s.startWith("A", precedence(10))
	s.primary(a)
	b, c := s.startWith("B", precedence(20)), s.startWith("C", precedence(30))
	s.primary(a, b, c)

	if _, err := b.SetPolicy(s.ctx, "ann", httpapi.PolicyChange{Order: "designated", Members: []string{"Z"}, FailBack: "auto"}); !errors.Is(err, domain.ErrNotFound) || !strings.Contains(err.Error(), "Z is no server") {
		t.Errorf("a policy that names nobody: %v", err)
	}
	if _, err := b.SetPolicy(s.ctx, "ann", httpapi.PolicyChange{Order: "oldest", FailBack: "auto"}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a policy that is none: %v", err)
	}
	decided(t)(c.SetPolicy(s.ctx, "ann", httpapi.PolicyChange{Order: "designated", Members: []string{"B", "A"}, FailBack: "auto", HoldDown: "300ms"}))
	s.holds("B", a, b, c) // fail-back, at once: it has been ready for long

	decided(t)(a.Drain(s.ctx, "ann", "B", true, "new disks"))
	s.holds("A", a, b, c)
	decided(t)(a.Pause(s.ctx, "ann", true, "work on the switches"))
	s.eventually("C tells what was decided", func() error {
		st, err := c.Status(s.ctx)
		drained := slices.ContainsFunc(st.Servers, func(m httpapi.ServerStatus) bool {
			return m.Name == "B" && m.DrainedBy == "ann: new disks" && m.Drained && m.SyncMode == 0
		})
		if err != nil || st.Policy == nil || st.Policy.Order != "designated" || st.Paused == nil || st.Paused.By != "ann" || !drained {
			return fmt.Errorf("the status is %+v: %w", st, errors.Join(err, domain.ErrTransient))
		}
		return nil
	})
	says := func(want string) func(httpapi.Decision, error) {
		return func(d httpapi.Decision, err error) {
			t.Helper()
			if err != nil || !strings.Contains(d.Done, want) {
				t.Errorf("it says %q, %v, want %q", d.Done, err, want)
			}
		}
	}
	says("drained already, by ann: new disks; nothing was changed")(a.Drain(s.ctx, "bob", "B", true, ""))
	says("paused already, by ann: work on the switches; nothing")(a.Pause(s.ctx, "bob", true, ""))
	says("paused already")(a.Pause(s.ctx, "bob", true, "work on the switches"))
	// A reason that nobody would ever see is not taken.
	refuses := func(want string) func(httpapi.Decision, error) {
		return func(d httpapi.Decision, err error) {
			t.Helper()
			if !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), want) {
				t.Errorf("it says %q, %v, want a refusal with %q", d.Done, err, want)
			}
		}
	}
	refuses("by ann: new disks. The log keeps that reason")(a.Drain(s.ctx, "bob", "B", true, "again"))
	refuses("by ann: work on the switches. The log keeps that reason")(a.Pause(s.ctx, "bob", true, "again"))
	decided(t)(a.Pause(s.ctx, "ann", false, ""))
	decided(t)(a.Drain(s.ctx, "ann", "B", false, ""))
	says("C was not drained; nothing was changed")(a.Drain(s.ctx, "bob", "C", false, ""))
	says("was not paused; nothing was changed")(a.Pause(s.ctx, "bob", false, ""))
	s.holds("B", a, b, c)

	// Who leaves in order hands over, ends, and stays out.
	says("the policy is designated (A)")(c.Remove(s.ctx, "ann", "B", true, "sold"))
	s.ended(b, "B was removed by ann: sold")
	s.holds("A", a, c)
	again := s.startWith("B", precedence(20))
	s.ended(again, "B was removed by ann: sold")
	twin := s.startWith("D", precedence(30))
	s.eventually("D says whose precedence it has", func() error {
		st, err := twin.Status(s.ctx)
		if err != nil || !strings.Contains(strings.Join(st.Server.Reasons, " "), "precedence 30 of D is also that of C") {
			return fmt.Errorf("%v: %w", st.Server.Reasons, errors.Join(err, domain.ErrTransient))
		}
		return nil
	})

	s.eventually("the history tells of all epochs", func() error {
		terms, err := c.History(s.ctx)
		if err != nil || len(terms) < 5 {
			return fmt.Errorf("%d terms: %w", len(terms), errors.Join(err, domain.ErrTransient))
		}
		var causes []string
		for _, term := range terms {
			causes = append(causes, term.Server+" "+term.Cause)
		}
		// A busy machine may put others in between.
		if got := strings.Join(causes, ", "); !strings.HasPrefix(got, "A start, B fail-back, ") || !strings.HasPrefix(causes[len(causes)-1], "A ") {
			return fmt.Errorf("got %s: %w", got, domain.ErrTransient)
		}
		return nil
	})

	if _, err := a.Dissolve(s.ctx, "ann", "other", "x"); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("another landscape is dissolved: %v", err)
	}
	decided(t)(c.Dissolve(s.ctx, "ann", "test", "moved"))
	for _, m := range []*member{a, c, twin} {
		s.ended(m, "dissolved by ann: moved")
	}
}

func decided(t *testing.T) func(httpapi.Decision, error) {
	return func(d httpapi.Decision, err error) {
		t.Helper()
		if err != nil || d.Done == "" {
			t.Fatalf("%+v: %v", d, err)
		}
	}
}

// holds waits until one server is the primary as all see it.
func (s *stage) holds(name string, members ...*member) {
	s.t.Helper()
	s.eventually(name+" is the primary", func() error {
		for _, m := range members {
			st, err := m.Status(s.ctx)
			if err != nil || st.Primary != name {
				return fmt.Errorf("%s sees %q: %w", m.name, st.Primary, errors.Join(err, domain.ErrTransient))
			}
			if m.name == name && !m.Acting() {
				return fmt.Errorf("%s does not act", name)
			}
		}
		return nil
	})
}

// ended waits until a server has ended because it is barred, and says why.
func (s *stage) ended(m *member, why string) {
	s.t.Helper()
	select {
	case err := <-m.done:
		m.done <- err
		if !errors.Is(err, server.ErrBarred) || !strings.Contains(err.Error(), why) {
			s.t.Errorf("%s ends with %v, want %q", m.name, err, why)
		}
	case <-time.After(10 * time.Second):
		s.t.Errorf("%s does not end", m.name)
	}
}
