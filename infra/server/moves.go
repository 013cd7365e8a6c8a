package server

import (
	"context"
	"errors"
	"fmt"
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
	me := s.options.Election.Member
	var epoch uint64
	var from, address string
	var refusal error
	err := s.control.ask(ctx, func(m *election.Server) {
		from, _, _ = m.State().Holder()
		epoch = m.State().Epoch()
		candidates := 0
		found := false
		for _, member := range m.State().Members() {
			if member.Name == from {
				address = member.Address
			}
			if member.Name != me && member.Ready && !member.Removed && !member.Quarantined {
				candidates++
				found = found || member.Name == to
			}
		}
		switch {
		case from == "":
			refusal = fmt.Errorf("nobody holds an epoch, so there is nothing to move: %w", httpapi.ErrNoPrimary)
		case from != me:
			refusal = &httpapi.NotPrimary{Primary: from, Address: address}
		case to == me:
			refusal = fmt.Errorf("%s is the primary already: %w", to, domain.ErrConflict)
		case to != "" && !found:
			refusal = fmt.Errorf("%s is not a ready member: %w", to, domain.ErrConflict)
		case candidates == 0:
			refusal = fmt.Errorf("no other server is ready to take over: %w", domain.ErrConflict)
		case to == "":
			to, _ = m.Next()
		}
	})
	if err = errors.Join(err, refusal); err != nil {
		return httpapi.Move{}, err
	}
	// The successor is always named: while failover is paused nobody else may begin.
	s.core.tell(core.Finish{Epoch: epoch, Then: []core.Effect{
		core.Control{Input: election.Release{Epoch: epoch, To: to, Reason: "switchover asked for by " + user}},
	}})
	return s.await(ctx, from, epoch, began)
}

// Takeover implements httpapi.Backend: the present epoch is contested at once.
func (s *Server) Takeover(ctx context.Context, user, reason, to string) (httpapi.Move, error) {
	began := clock.Boot()
	if to == "" {
		to = s.options.Election.Member
	}
	if to == s.options.Election.Member {
		s.core.tell(core.Vouch{User: user, Reason: reason})
	}
	var epoch uint64
	var from string
	var refusal error
	err := s.control.ask(ctx, func(m *election.Server) {
		from, _, _ = m.State().Holder()
		epoch = m.State().Epoch()
		known := false
		for _, member := range m.State().Members() {
			vacant := from == "" && to == s.options.Election.Member && m.MayClear()
			known = known || (member.Name == to && !member.Removed && (!member.Quarantined || vacant))
		}
		switch {
		case !known:
			refusal = fmt.Errorf("%s is not a member that could take over: %w", to, domain.ErrConflict)
		case from == to:
			refusal = fmt.Errorf("%s is the primary already: %w", to, domain.ErrConflict)
		default:
			if to == s.options.Election.Member {
				s.control.elect(election.Clear{By: user, Reason: reason})
			}
			s.control.elect(election.Contest{By: user, Reason: reason, To: to})
		}
	})
	if err = errors.Join(err, refusal); err != nil {
		return httpapi.Move{}, err
	}
	return s.await(ctx, from, epoch, began)
}

// await waits until a later epoch has a holder that is heard in it.
func (s *Server) await(ctx context.Context, from string, epoch uint64, began domain.Mono) (httpapi.Move, error) {
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	var move httpapi.Move
	if !s.control.until(ctx, s.change, func(m *election.Server) bool {
		name, _, held := m.State().Holder()
		move = httpapi.Move{From: from, To: name, Epoch: m.State().Epoch()}
		return held && move.Epoch > epoch
	}) {
		return httpapi.Move{}, fmt.Errorf("no other server took over within %s: %w", moveTimeout, httpapi.ErrNoPrimary)
	}
	move.Took = httpapi.MillisecondsOf(clock.Boot() - began)
	return move, nil
}
