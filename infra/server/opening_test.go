package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	codecs "github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// emptied is a log with the bounds it is given, one answer after the other; the last one
// stays. All that its control topic holds are heartbeats.
type emptied struct {
	Log
	answers []bounded
	beat    domain.Message
}

func (e *emptied) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	at := from[0].Offset
	return []domain.Fetched{{Messages: []domain.Stored{{Offset: at, Message: e.beat}}, Next: at + 1}}, nil
}

type bounded struct {
	bounds []domain.Bounds
	err    error
}

func (e *emptied) Bounds(context.Context, string) ([]domain.Bounds, error) {
	a := e.answers[0]
	if len(e.answers) > 1 {
		e.answers = e.answers[1:]
	}
	return a.bounds, a.err
}

// A server that tries for ever looks like one that waits for its log.
func TestAControlTopicThatNoServerCanBeginWithEndsTheServer(t *testing.T) {
	codec := codecs.New("test", codecs.Generate())
	beat, err := codec.Encode(domain.TopicControl, 0, serverRecord("B", "B", domain.Heartbeat{Incarnation: "b1", N: 1, TTL: time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	away := fmt.Errorf("away: %w", domain.ErrTransient)
	denied := fmt.Errorf("no permission yet: %w", domain.ErrInvalid)
	for name, c := range map[string]struct {
		answers []bounded
		want    error
	}{
		"cut, without a view": {[]bounded{{bounds: []domain.Bounds{{Start: 7, End: 9}}}}, domain.ErrCorrupt},
		"two partitions":      {[]bounded{{bounds: make([]domain.Bounds, 2)}}, domain.ErrInvalid},
		"away for a while":    {[]bounded{{err: away}, {err: denied}, {bounds: make([]domain.Bounds, 1)}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				s := New(Options{
					Landscape: "test", Partitions: 1, Control: &emptied{answers: c.answers, beat: beat}, Codec: codec, Logger: slog.New(slog.DiscardHandler),
					Election: election.Config{Member: "A", Incarnation: "a1"},
				})
				if err := s.openControl(ctx); !errors.Is(err, c.want) {
					t.Errorf("it says %v, wanted %v", err, c.want)
				}
			})
		})
	}
}

// The last heartbeat that counts may be needed in the elections topic: a claim that
// comes behind the view may not have seen it.
func TestWhoBeginsWithAViewReadsTheLastHeartbeatThatCounts(t *testing.T) {
	state := election.NewState()
	fold := func(p domain.Payload) {
		state.Apply(domain.Record{Subject: "B", UID: "u", Signed: true, Type: p.Type(), Payload: p, Position: domain.Position{Offset: state.Next()}})
	}
	fold(domain.Joined{Incarnation: "b1"})
	fold(domain.Claim{Incarnation: "b1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second})
	fold(domain.Heartbeat{Incarnation: "b1", Epoch: 1, N: 2, TTL: time.Second})
	fold(domain.Checkpoint{Epoch: 1})
	for start, want := range map[int64]int64{0: 2, 2: 2, 3: 4, 4: 4, 9: 9} {
		if got := beginWith(state, start); got != want {
			t.Errorf("control is retained from %d: it begins at %d, wanted %d", start, got, want)
		}
	}
	if got := beginWith(election.NewState(), 0); got != 0 {
		t.Errorf("an empty topic: it begins at %d", got)
	}
}
