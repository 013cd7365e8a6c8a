package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// buried is a log with one dead letter.
type buried struct{ Log }

func (buried) Bounds(context.Context, string) ([]domain.Bounds, error) {
	return []domain.Bounds{{End: 1}}, nil
}

func (buried) Fetch(context.Context, []domain.FetchFrom, time.Duration, int) ([]domain.Fetched, error) {
	return []domain.Fetched{{Next: 1, Messages: []domain.Stored{{}}}}, nil
}

// gravedigger reads every record as that dead letter.
type gravedigger struct{ Codec }

func (gravedigger) Decode(domain.TopicKind, int32, domain.Stored) domain.Record {
	return domain.Record{Signed: true, Payload: domain.DeadLetter{Reason: domain.DefectPayload, Headers: map[string]string{"ce_id": "k-3"}}}
}

// TestADeadLetterIsToldToEverybodyWhoAsks: also to who asks right behind somebody else.
func TestADeadLetterIsToldToEverybodyWhoAsks(t *testing.T) {
	s := &Server{options: Options{Landscape: "main", Data: buried{}, Codec: gravedigger{}}}
	for n := range 3 {
		if err := s.unremembered(t.Context(), "", "k-3", true); err == nil || !strings.Contains(err.Error(), "could not be understood, so it is no command") {
			t.Errorf("number %d is told %v", n, err)
		}
	}
}
