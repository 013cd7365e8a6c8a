package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/clock"
)

// moveTimeout bounds the wait for another server to act.
const moveTimeout = 10 * time.Second

// holder is the member that holds the epoch, if one does.
func (s *Server) holder(ctx context.Context) (name string, held bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = s.control.ask(ctx, func(m *election.Server) { name, _, held = m.State().Holder() })
	return name, held
}

// Switchover implements httpapi.Backend: this server, the primary, stops
// sending, lets what is under way be answered, and releases to the successor.
func (s *Server) Switchover(ctx context.Context, user, to string) (httpapi.Move, error) {
	began := clock.Boot()
	var epoch uint64
	var from, successor string
	var refusal error
	err := s.control.ask(ctx, func(m *election.Server) {
		from, _, _ = m.State().Holder()
		epoch = m.State().Epoch()
		if refusal = cmp.Or(s.Closed(), s.notHere(m)); refusal == nil {
			successor, refusal = s.successor(m, to)
		}
	})
	if err = errors.Join(err, refusal); err != nil {
		return httpapi.Move{}, err
	}
	// The successor is always named: while failover is paused nobody else may begin.
	s.core.tell(core.Finish{Epoch: epoch, Then: []core.Effect{
		core.Control{Input: election.Release{Epoch: epoch, To: successor, Reason: domain.AskedFor + user}},
	}})
	return s.await(ctx, from, to, epoch, began)
}

// notHere says why this server cannot hand primacy over: it is another one's.
func (s *Server) notHere(m *election.Server) error {
	switch holder, _, held := m.State().Holder(); {
	case !held:
		return fmt.Errorf("nobody holds an epoch, so there is nothing to move: %w", httpapi.ErrNoPrimary)
	case holder != s.me():
		member, _ := m.State().Member(holder)
		return &httpapi.NotPrimary{Primary: holder, Address: member.Address}
	}
	return nil
}

// successor is whom a planned move goes to: the one that is named, or else the next.
func (s *Server) successor(m *election.Server, to string) (string, error) {
	if to != "" {
		return to, hindered(m.State(), to, m.Hindrance(to))
	}
	if next, ok := m.Next(); ok {
		return next, nil
	}
	var others []string
	for _, member := range m.State().Members() {
		if why := m.Hindrance(member.Name); member.Name != s.me() && !member.Removed {
			others = append(others, domain.Plain(hindered(m.State(), member.Name, why)))
		}
	}
	if len(others) == 0 {
		others = append(others, "there is none: start one")
	}
	class := domain.ErrConflict
	if !s.core.acting.Load() {
		class = httpapi.ErrNoPrimary // as when all have lost the log
	}
	return "", fmt.Errorf("no other server could take over: %s: %w", strings.Join(others, "; "), class)
}

// hindered says why a server could not take over, and how to go on; nil if it could.
func hindered(st *election.State, name string, why election.Hindrance) error {
	var goOn string
	class := domain.ErrConflict
	away, _ := st.Known(name)
	if why == election.HinderedAbsent && away && st.Banned(name) == "" {
		return fmt.Errorf("%s has left in good order, and is no server of this landscape until it is started again: %w", name, domain.ErrNotFound)
	}
	switch why {
	case "":
		return nil
	case election.HinderedAbsent:
		goOn, class = "; `understudy cluster status` shows them", domain.ErrNotFound
	case election.HinderedDrained:
		goOn = fmt.Sprintf(": end that with `understudy cluster undrain %s`", name)
	case election.HinderedQuarantined, election.HinderedNotReady:
		goOn = ": `understudy cluster doctor` says why"
	case election.HinderedEnded, election.HinderedSilent:
		goOn = ": start it, or see what keeps it from the log"
	}
	return fmt.Errorf("%s %s%s: %w", name, why, goOn, class)
}

// Takeover implements httpapi.Backend: the present epoch is contested at once.
func (s *Server) Takeover(ctx context.Context, user, reason, to string) (httpapi.Move, error) {
	began := clock.Boot()
	if to == "" {
		to = s.me()
	}
	var epoch uint64
	var from string
	var refusal error
	err := s.control.ask(ctx, func(m *election.Server) {
		from, _, _ = m.State().Holder()
		epoch = m.State().Epoch()
		if refusal = cmp.Or(s.Closed(), s.unforceable(m, to)); refusal != nil {
			return
		}
		if to == s.me() {
			s.core.tell(core.Vouch{User: user, Reason: reason})
			s.control.elect(election.Clear{By: user, Reason: reason})
		}
		s.control.elect(election.Contest{By: user, Reason: reason, To: to})
	})
	if err = errors.Join(err, refusal); err != nil {
		return httpapi.Move{}, err
	}
	return s.await(ctx, from, to, epoch, began)
}

// unforceable says why not even force makes a server the primary. That it is silent or
// not ready is what an operator may know better; this server itself may also have been
// quarantined, where there is no primary to agree with.
func (s *Server) unforceable(m *election.Server, to string) error {
	_, _, held := m.State().Holder()
	switch why := m.Hindrance(to); why {
	case election.HinderedSilent, election.HinderedNotReady:
		return nil
	case election.HinderedQuarantined:
		if !held && to == s.me() && m.MayClear() {
			return nil
		}
		return hindered(m.State(), to, why)
	default:
		return hindered(m.State(), to, why)
	}
}

// within waits for a time at most until something holds as this server sees the
// election, and says whether it came to that.
func (s *Server) within(ctx context.Context, d time.Duration, holds func(*election.Server) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return s.control.until(ctx, s.change, holds)
}

// await waits until a later epoch has a holder; another one than was named is an error.
func (s *Server) await(ctx context.Context, from, to string, epoch uint64, began domain.Mono) (httpapi.Move, error) {
	var move httpapi.Move
	if !s.within(ctx, moveTimeout, func(m *election.Server) bool {
		name, _, held := m.State().Holder()
		move = httpapi.Move{From: from, To: name, Epoch: m.State().Epoch()}
		return held && move.Epoch > epoch
	}) {
		return httpapi.Move{}, fmt.Errorf("no other server took over within %s: %w", moveTimeout, httpapi.ErrNoPrimary)
	}
	if to != "" && move.To != to {
		return httpapi.Move{}, fmt.Errorf("%s is the primary in epoch %d, and not %s as was asked for: `understudy cluster doctor` says what keeps %s from it: %w", move.To, move.Epoch, to, to, domain.ErrConflict)
	}
	move.Took = httpapi.MillisecondsOf(clock.Boot() - began)
	return move, nil
}
