package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/control"
)

// viewStep is how many records are read at once when looking backwards for a
// view of control.
const viewStep = 20_000

// errUnusable ends a server: waiting does not mend what control is.
var errUnusable = errors.New("no server can begin with it")

// openControl finds where to begin with control: behind the newest view, or at
// the beginning if the whole topic is there. It waits for the log.
func (s *Server) openControl(ctx context.Context) error {
	for wait := fetchRetryFrom; ; wait = min(2*wait, fetchRetryUpTo) {
		err := s.findView(ctx)
		if err == nil || errors.Is(err, errUnusable) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.options.Logger.Warn("cannot read control yet", "cause", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// findView looks backwards through control for the newest view from which the
// rest is retained.
func (s *Server) findView(ctx context.Context) error {
	topic := domain.Topic(s.options.Landscape, domain.TopicControl)
	bounds, err := s.options.Control.Bounds(ctx, topic)
	if err != nil {
		return err
	}
	if len(bounds) != 1 {
		return fmt.Errorf("topic %s has %d partitions, not 1: %w: %w", topic, len(bounds), errUnusable, domain.ErrInvalid)
	}
	start, end := bounds[0].Start, bounds[0].End
	running := false // somebody has, since then
	for to := end; to > start; to -= viewStep {
		state, ran, err := s.viewBetween(ctx, topic, max(start, to-viewStep), to, start)
		if err != nil {
			return err
		}
		if state != nil {
			s.begin(state, start)
			return nil
		}
		running = running || ran
	}
	switch {
	case start == 0:
		s.begin(election.NewState(), start)
		return nil
	case running:
		return fmt.Errorf("control begins at %d and holds no view to start from: %w: %w", start, errUnusable, domain.ErrCorrupt)
	}
	if err := s.revive(ctx, start); err != nil {
		return err
	}
	return s.findView(ctx) // there is one now
}

// beginWith is the first record to read. The fold wants none before its next, but
// the copier wants the last heartbeat that counts, for the claim that may come.
func beginWith(state *election.State, start int64) int64 {
	if heard := state.Heard(); heard >= start {
		return heard
	}
	return max(state.Next(), start)
}

func (s *Server) begin(state *election.State, start int64) {
	e := election.NewServerFrom(s.options.Election, state)
	s.control.machine = control.New(control.Config{
		Landscape: s.options.Landscape, Server: s.options.Election.Member, Incarnation: s.options.Election.Incarnation,
	}, e)
	s.control.next = beginWith(state, start)
	s.control.pollEvery.Store(int64(e.PollEvery()))
}

// viewBetween gives the state of the last usable view in [from, to), or nil; and whether
// some of what stands there was written by a server that ran: a guard tells of one's end
// also where none is.
func (s *Server) viewBetween(ctx context.Context, topic string, from, to, start int64) (newest *election.State, ran bool, err error) {
	for next := from; next < to; {
		answers, err := s.options.Control.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: next}}, fetchWait, fetchBytes)
		if err != nil {
			return nil, false, err
		}
		for _, a := range answers {
			if a.Err != nil {
				return nil, false, a.Err
			}
			for _, m := range a.Messages {
				if m.Offset >= to {
					break
				}
				r := s.options.Codec.Decode(domain.TopicControl, 0, m)
				if state, ok := election.FromView(r, start); ok {
					newest = state
				}
				ran = ran || r.Signed && r.Type != domain.TypeDied
			}
			next = max(next, a.Next)
		}
	}
	return newest, ran, nil
}
