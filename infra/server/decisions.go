package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// decideWithin bounds the wait for a decision to come back from the log.
const decideWithin = 5 * time.Second

// decision is an operator's: about whom, what it is, why it is refused as things stand,
// and how it is known to hold.
type decision struct {
	subject string
	record  func() domain.Payload // asked for once nothing refuses it
	refused func(m *election.Server) error
	holds   func(s *election.State) bool
	done    string
	already func(s *election.State) string // what is said where it holds before it is decided; nil: done
	void    string                         // why the fold may not count what nothing refuses
}

// decide appends a decision and waits until it is folded here.
func (s *Server) decide(ctx context.Context, d decision) (httpapi.Decision, error) {
	var refusal error
	forget := func() {}
	standing, own := false, &verdict{holds: d.holds}
	done := d.done
	err := s.control.ask(ctx, func(m *election.Server) {
		if refusal = cmp.Or(s.Closed(), d.refused(m)); refusal != nil {
			return
		}
		if standing = d.holds(m.State()); standing && d.already != nil {
			done = d.already(m.State())
		} else if !standing {
			forget, refusal = s.control.await(d.subject, d.record(), own)
		}
	})
	if err = errors.Join(err, refusal); err != nil {
		return httpapi.Decision{}, err
	}
	defer forget()
	void := false
	if !standing && !s.within(ctx, decideWithin, func(m *election.Server) bool {
		if void = own.void; void {
			refusal = d.refused(m) // as it stands now
		}
		return own.back || d.holds(m.State())
	}) {
		return httpapi.Decision{}, fmt.Errorf("the log did not give the decision back within %s; see `understudy cluster status` before you try again: %w", decideWithin, domain.ErrUnknownFate)
	}
	if void && refusal == nil {
		refusal = fmt.Errorf("the log has it and does not count it, as things stood there%s; see `understudy cluster status` before you try again: %w", d.void, domain.ErrConflict)
	}
	if void {
		return httpapi.Decision{}, refusal
	}
	return httpapi.Decision{Done: done}, nil
}

// just gives a record that does not depend on how things stand.
func just(p domain.Payload) func() domain.Payload { return func() domain.Payload { return p } }

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func (s *Server) me() string { return s.options.Election.Member }

// Pause implements httpapi.Cluster.
func (s *Server) Pause(ctx context.Context, user string, on bool, reason string) (httpapi.Decision, error) {
	done := "automatic failover is on"
	if on {
		done = "automatic failover is paused: if the primary falls, nobody takes over but it itself, or whom an operator names"
	}
	return s.decide(ctx, decision{
		subject: s.me(), record: just(domain.Paused{On: on, By: user, Reason: reason}), done: done,
		already: func(st *election.State) string {
			if p := st.Paused(); p.On {
				return fmt.Sprintf("automatic failover is paused already, by %s%s; nothing was changed", p.By, because(p.Reason))
			}
			return "automatic failover was not paused; nothing was changed"
		},
		refused: func(m *election.Server) error {
			if p := m.State().Paused(); on && p.On && isNew(reason, p.Reason) {
				return fmt.Errorf("automatic failover is paused already, by %s%s. The log keeps that reason and takes no second one, so nothing was changed; "+
					"to give yours instead: `understudy cluster resume`, then pause again: %w", p.By, because(p.Reason), domain.ErrConflict)
			}
			return nil
		},
		holds: func(st *election.State) bool { return st.Paused().On == on },
	})
}

// isNew says whether somebody gives a reason that is not the one on record: to say that
// all is well, and to drop it, would be a lie.
func isNew(reason, kept string) bool { return reason != "" && reason != kept }

// Drain implements httpapi.Cluster.
func (s *Server) Drain(ctx context.Context, user, server string, on bool, reason string) (httpapi.Decision, error) {
	return s.drain(ctx, user, server, on, reason, func(m *election.Server) error {
		one, _ := m.State().Member(server)
		if _, kept, _ := strings.Cut(one.DrainedBy, ": "); on && one.Drained && isNew(reason, kept) {
			return fmt.Errorf("%s is drained already, by %s. The log keeps that reason and takes no second one, so nothing was changed; "+
				"to give yours instead: `understudy cluster undrain %s`, then drain it again: %w", server, one.DrainedBy, server, domain.ErrConflict)
		}
		return inTheWay(m, server, on)
	})
}

func (s *Server) drain(ctx context.Context, user, server string, on bool, reason string, refused func(*election.Server) error) (httpapi.Decision, error) {
	done := server + " takes part again"
	if on {
		done = server + " is drained: it folds and answers, and does not take over"
	}
	d, err := s.decide(ctx, decision{
		subject: server, record: just(domain.Drained{On: on, By: user, Reason: reason}), done: done,
		already: func(st *election.State) string {
			if m, _ := st.Member(server); m.Drained {
				return fmt.Sprintf("%s is drained already, by %s; nothing was changed", server, m.DrainedBy)
			}
			return server + " was not drained; nothing was changed"
		},
		refused: refused,
		holds: func(st *election.State) bool {
			m, ok := st.Member(server)
			return ok && m.Drained == on
		},
	})
	if err == nil && on {
		err = s.awaitOther(ctx, server)
	}
	return d, err
}

// inTheWay says why a server cannot be spared: it is not there, or nobody else could
// take over from it.
func inTheWay(m *election.Server, server string, goes bool) error {
	if _, ok := m.State().Member(server); !ok || m.State().Banned(server) != "" {
		return hindered(m.State(), server, election.HinderedAbsent)
	}
	holder, _, held := m.State().Holder()
	if _, other := m.Next(); goes && held && holder == server && !other {
		return fmt.Errorf("%s is the primary, and no other server is ready to take over: %w", server, domain.ErrConflict)
	}
	return nil
}

// awaitOther waits until a server does not hold the epoch any more.
func (s *Server) awaitOther(ctx context.Context, server string) error {
	if !s.within(ctx, decideWithin, func(m *election.Server) bool {
		holder, _, held := m.State().Holder()
		return held && holder != server
	}) {
		return fmt.Errorf("%s has not handed primacy over within %s; see `understudy cluster status`: %w", server, decideWithin, domain.ErrConflict)
	}
	return nil
}

// Remove implements httpapi.Cluster.
func (s *Server) Remove(ctx context.Context, user, server string, inOrder bool, reason string) (httpapi.Decision, error) {
	if inOrder {
		spared := func(m *election.Server) error { return inTheWay(m, server, true) }
		if _, err := s.drain(ctx, user, server, true, reason, spared); err != nil {
			return httpapi.Decision{}, err
		}
	}
	d, err := s.decide(ctx, decision{
		subject: server, record: just(domain.Removed{By: user, Reason: reason, Out: true}),
		done: server + " is removed for good: under its name nobody takes part any more",
		refused: func(m *election.Server) error {
			if m.State().Banned(server) != "" {
				return nil
			}
			_, known := m.State().Known(server)
			if !known {
				return hindered(m.State(), server, election.HinderedAbsent)
			}
			holder, _, held := m.State().Holder()
			if _, other := m.Next(); held && holder == server && !other {
				return fmt.Errorf("%s is the primary, and no other server is ready to take over; to end the whole landscape: `understudy cluster dissolve %s --yes --reason TEXT`: %w", server, s.options.Landscape, domain.ErrConflict)
			}
			return nil
		},
		holds: func(st *election.State) bool { return st.Banned(server) != "" },
	})
	if err != nil {
		return d, err
	}
	return s.undesignated(ctx, user, server, d)
}

// undesignated takes a server that was removed out of the list of the policy: nobody of
// that name comes back.
func (s *Server) undesignated(ctx context.Context, user, server string, d httpapi.Decision) (httpapi.Decision, error) {
	var change httpapi.PolicyChange
	err := s.control.ask(ctx, func(m *election.Server) {
		p, _ := m.State().Policy()
		if !slices.Contains(p.Members, server) {
			return
		}
		change.Members = slices.DeleteFunc(slices.Clone(p.Members), func(name string) bool { return name == server })
		if len(change.Members) == 0 {
			change = httpapi.PolicyChange{Order: string(domain.OrderLongestRunning)}
		}
	})
	if err != nil || change.Order == "" && change.Members == nil {
		return d, err
	}
	policy, err := s.SetPolicy(ctx, user, change)
	if err != nil {
		return d, fmt.Errorf("%s; it still stands in the list of the policy, which could not be changed: %w", d.Done, err)
	}
	d.Done += "; " + policy.Done
	return d, nil
}

// Dissolve implements httpapi.Cluster.
func (s *Server) Dissolve(ctx context.Context, user, landscape, reason string) (httpapi.Decision, error) {
	if landscape != s.options.Landscape {
		return httpapi.Decision{}, fmt.Errorf("this is landscape %s, and not %s: name the one that is to be dissolved: %w", s.options.Landscape, landscape, domain.ErrConflict)
	}
	return s.decide(ctx, decision{
		subject: s.me(), record: just(domain.Dissolved{By: user, Reason: reason}),
		done:    "landscape " + landscape + " is dissolved: its servers end, and nobody acts in it any more; its log stays",
		refused: func(*election.Server) error { return nil },
		holds: func(st *election.State) bool {
			_, ok := st.Dissolved()
			return ok
		},
	})
}
