package history

import (
	"context"
	"errors"
	"math"

	"github.com/understudy-io/understudy/domain"
)

// Stream is a run of offsets of one partition. Without an end it is followed.
type Stream struct {
	Topic     string
	Partition int32
	domain.Bounds
}

// Endless is the End of a stream that is followed.
const Endless = math.MaxInt64

// Merge hands on the records of several streams, each in its order, and all
// together in the order of their append times: the nearest that there is to the
// order in which people saw them. What is followed comes as it arrives.
func Merge(ctx context.Context, source Source, streams []Stream, each func(s *Stream, m *domain.Stored) error) error {
	m := merger{source: source, each: each}
	for i := range streams {
		m.streams = append(m.streams, &merging{Stream: streams[i], next: streams[i].Start})
	}
	return m.run(ctx)
}

type merger struct {
	source  Source
	streams []*merging
	each    func(s *Stream, m *domain.Stored) error
	errors  fetcher // counts failures
}

type merging struct {
	Stream
	next int64
	held []domain.Stored
	at   domain.Instant // the highest append time so far: it never goes back
}

func (m *merger) run(ctx context.Context) error {
	for {
		waiting, following := m.wanting()
		if len(waiting) > 0 {
			if err := m.fetch(ctx, waiting); err != nil {
				return err
			}
			if !following {
				continue
			}
		}
		first := m.first()
		if first == nil {
			if len(waiting) == 0 {
				return nil
			}
			continue
		}
		if err := m.each(&first.Stream, &first.held[0]); err != nil {
			return err
		}
		first.held = first.held[1:]
	}
}

// wanting are the streams of which the next record is not known. Those that are
// followed are asked only when nothing else is there: nobody waits for them.
func (m *merger) wanting() (out []*merging, following bool) {
	var followed []*merging
	busy := false
	for _, s := range m.streams {
		switch {
		case len(s.held) > 0:
			busy = true
		case s.End == Endless:
			followed = append(followed, s)
		case s.next < s.End:
			out = append(out, s)
		}
	}
	if len(out) > 0 || busy {
		return out, false
	}
	return followed, true
}

func (m *merger) first() *merging {
	var first *merging
	for _, s := range m.streams {
		if len(s.held) == 0 {
			continue
		}
		s.at = max(s.at, s.held[0].Appended)
		if first == nil || s.at < first.at {
			first = s
		}
	}
	return first
}

func (m *merger) fetch(ctx context.Context, of []*merging) error {
	from := make([]domain.FetchFrom, len(of))
	for i, s := range of {
		from[i] = domain.FetchFrom{Topic: s.Topic, Partition: s.Partition, Offset: s.next}
	}
	answers, err := m.source.Fetch(ctx, from, fetchWait, fetchBytes)
	for i := range answers {
		a := &answers[i]
		if a.Err != nil {
			err = errors.Join(err, a.Err)
			continue
		}
		for _, s := range of {
			if s.Topic == a.Topic && s.Partition == a.Partition {
				s.take(a)
			}
		}
	}
	m.errors.topic = of[0].Topic
	return m.errors.judge(ctx, err)
}

func (s *merging) take(a *domain.Fetched) {
	for _, m := range a.Messages {
		if m.Offset < s.End {
			s.held = append(s.held, m)
		}
	}
	s.next = max(s.next, a.Next)
}

// Follow makes streams go on for ever behind their ends.
func Follow(streams []Stream) []Stream {
	out := make([]Stream, len(streams))
	for i, s := range streams {
		out[i] = s
		out[i].Start, out[i].End = s.End, Endless
	}
	return out
}

// Streams are those of a topic in a span.
func Streams(ctx context.Context, source Source, topic string, span Span) ([]Stream, error) {
	bounds, err := Within(ctx, source, topic, span)
	if err != nil {
		return nil, err
	}
	out := make([]Stream, len(bounds))
	for p, b := range bounds {
		out[p] = Stream{topic, int32(p), b}
	}
	return out, nil
}
