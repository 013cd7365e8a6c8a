package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/projections/history"
)

// chronicle is what has been read of the elections topic: each request goes on from there.
type chronicle struct {
	turn   chan struct{} // of who reads; a request that gives up does not wait for it
	folded *history.History
	next   int64
}

func newChronicle() *chronicle { return &chronicle{turn: make(chan struct{}, 1)} }

// History implements httpapi.Cluster: from the elections topic, which keeps what
// control forgets. What the primary has not copied yet is not in it.
func (s *Server) History(ctx context.Context) ([]httpapi.Term, error) {
	terms, err := s.terms(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", domain.Topic(s.options.Landscape, domain.TopicElections), domain.ErrTransient, err)
	}
	out := make([]httpapi.Term, 0, len(terms))
	for _, t := range terms {
		out = append(out, httpapi.Term{
			Epoch: t.Epoch, Server: t.Server, Incarnation: t.Incarnation, Cause: t.Cause, By: t.By, Evidence: t.Evidence,
			Began: t.Began.Time(), Position: t.Position, Gap: httpapi.MillisecondsOf(t.Gap), Lasted: httpapi.MillisecondsOf(t.Lasted), Ended: t.Ended,
		})
	}
	s.present(ctx, terms, out)
	return out, nil
}

// terms are those of all that is in the elections topic. What was read before an error
// stays read.
func (s *Server) terms(ctx context.Context) ([]history.Term, error) {
	c := s.chronicle
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	held, err := s.electionsBounds(ctx)
	if err != nil {
		return nil, err
	}
	if c.folded == nil || c.next < held.Start || c.next > held.End {
		c.folded, c.next = history.New(), held.Start // the first request, or another topic than before
	}
	held.Start = c.next
	if c.next, err = s.readElections(ctx, held, func(r domain.Record) { c.folded.Apply(r) }); err != nil {
		return nil, err
	}
	return slices.Clone(c.folded.Close()), nil
}

// present lets the term that is held last until its holder was heard last: heartbeats
// are not in the elections topic.
func (s *Server) present(ctx context.Context, terms []history.Term, out []httpapi.Term) {
	n := len(terms)
	if n == 0 || terms[n-1].Ended != "" {
		return
	}
	_ = s.control.ask(ctx, func(m *election.Server) {
		holder, incarnation, held := m.State().Holder()
		member, ok := m.State().Member(holder)
		if held && ok && incarnation == terms[n-1].Incarnation && m.State().Epoch() == terms[n-1].Epoch && member.LastAppended > terms[n-1].Began {
			out[n-1].Lasted = httpapi.MillisecondsOf(member.LastAppended.Sub(terms[n-1].Began))
		}
	})
}
