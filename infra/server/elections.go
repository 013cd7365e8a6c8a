package server

import (
	"context"
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// electionsBounds are those of the elections topic.
func (s *Server) electionsBounds(ctx context.Context) (domain.Bounds, error) {
	topic := domain.Topic(s.options.Landscape, domain.TopicElections)
	bounds, err := s.options.Data.Bounds(ctx, topic)
	if err == nil && len(bounds) != 1 {
		err = fmt.Errorf("topic %s has %d partitions, not 1: %w", topic, len(bounds), domain.ErrInvalid)
	}
	if err != nil {
		return domain.Bounds{}, err
	}
	return bounds[0], nil
}

// readElections hands on the records of control that the elections topic has copies of,
// those within bounds. It says where to go on, after an error too.
func (s *Server) readElections(ctx context.Context, within domain.Bounds, each func(domain.Record)) (next int64, err error) {
	topic := domain.Topic(s.options.Landscape, domain.TopicElections)
	next = within.Start
	for next < within.End {
		answers, err := s.options.Data.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Offset: next}}, fetchWait, fetchBytes)
		if err != nil {
			return next, err
		}
		for _, a := range answers {
			if a.Err != nil {
				return next, a.Err
			}
			for _, m := range a.Messages {
				r := s.options.Codec.Decode(domain.TopicElections, 0, m)
				if copied, ok := r.Payload.(domain.Copied); ok && r.Signed {
					each(s.options.Codec.Original(copied))
				}
			}
			next = max(next, a.Next)
		}
	}
	return next, nil
}
