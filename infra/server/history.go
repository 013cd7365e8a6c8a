package server

import (
	"context"
	"fmt"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/projections/history"
)

// History implements httpapi.Cluster: from the elections topic, which keeps what
// control forgets. What the primary has not copied yet is not in it.
func (s *Server) History(ctx context.Context) ([]httpapi.Term, error) {
	h := history.New()
	topic := domain.Topic(s.options.Landscape, domain.TopicElections)
	bounds, err := s.options.Data.Bounds(ctx, topic)
	if err != nil || len(bounds) == 0 {
		return nil, fmt.Errorf("read %s: %w: %w", topic, domain.ErrTransient, err)
	}
	for next := bounds[0].Start; next < bounds[0].End; {
		answers, err := s.options.Data.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: next}}, fetchWait, fetchBytes)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w: %w", topic, domain.ErrTransient, err)
		}
		for _, a := range answers {
			if a.Err != nil {
				return nil, fmt.Errorf("read %s: %w: %w", topic, domain.ErrTransient, a.Err)
			}
			for _, m := range a.Messages {
				r := s.options.Codec.Decode(domain.TopicElections, 0, m)
				if copied, ok := r.Payload.(domain.Copied); ok && r.Signed {
					h.Apply(s.options.Codec.Original(copied))
				}
			}
			next = max(next, a.Next)
		}
	}
	terms := h.Close()
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
