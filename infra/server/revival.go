package server

import (
	"context"
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// revive begins control anew where all of it was forgotten: the landscape has rested for
// longer than control is kept. What operators have decided, who was removed and which
// epochs there were stands in the elections topic. A view of that goes into control before
// anything else does, so that all who come begin with the same; two servers that come at
// once write the same one.
//
// Nobody can have been at work meanwhile: a server says so in control many times a second.
func (s *Server) revive(ctx context.Context, start int64) error {
	held, err := s.electionsBounds(ctx)
	if err != nil {
		return err
	}
	past := &remembrance{before: start, state: election.NewState()}
	if _, err := s.readElections(ctx, held, past.fold); err != nil {
		return fmt.Errorf("read what control has forgotten: %w", err)
	}
	view := domain.View{At: start - 1, State: past.upTo(start).Export()}
	m, err := s.options.Codec.Encode(domain.TopicControl, 0, serverRecord(s.me(), s.me(), view))
	if err != nil {
		return fmt.Errorf("write what control has forgotten: %w: %w", errUnusable, err)
	}
	s.options.Logger.Warn("control has forgotten all that it held; it begins anew with what the elections topic knows", "offset", start, "epoch", past.state.Epoch())
	try, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	topic := domain.Topic(s.options.Landscape, domain.TopicControl)
	if _, err := s.options.Control.Append(try, []domain.Batch{{Topic: topic, Messages: []domain.Message{m}}}); err != nil {
		return fmt.Errorf("write what control has forgotten: %w", err)
	}
	return nil
}

// remembrance folds control from its copies, up to an offset.
type remembrance struct {
	before int64
	state  *election.State
	newest domain.Instant
}

func (p *remembrance) fold(r domain.Record) {
	if r.Position.Offset < p.state.Next() && r.Appended > p.newest {
		p.state = election.NewState() // no second copy: control was lost then, and made anew
	}
	p.newest = max(p.newest, r.Appended)
	if r.Position.Offset < p.before {
		p.state.Apply(r)
	}
}

// upTo is the state when all below an offset is folded. What is not there was a heartbeat,
// and moves nothing any more.
func (p *remembrance) upTo(start int64) *election.State {
	p.state.Apply(domain.Record{Position: domain.Position{Offset: start - 1}, Defect: domain.DefectType})
	return p.state
}
