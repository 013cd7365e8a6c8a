package history_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
)

// oneTopic is a log whose topics have one partition each, and all the same bounds.
type oneTopic struct {
	holds domain.Bounds
	kept  []bool
}

func (l *oneTopic) Bounds(context.Context, string) ([]domain.Bounds, error) {
	return []domain.Bounds{l.holds}, nil
}

func (l *oneTopic) Fetch(context.Context, []domain.FetchFrom, time.Duration, int) ([]domain.Fetched, error) {
	return nil, domain.ErrNotFound
}

func (l *oneTopic) OffsetsAt(context.Context, string, domain.Instant) ([]int64, error) {
	return []int64{0}, nil
}

func (l *oneTopic) KeepTimes(_ context.Context, _ []string, keep bool) error {
	l.kept = append(l.kept, keep)
	return nil
}

func (l *oneTopic) Import(context.Context, string, int32, []domain.Stored) (int64, error) {
	panic("nothing may be written")
}

// TestARefusedImportLeavesTheTopicsAsTheyAre: a landscape may be there and run, and on topics
// that keep producers' times its servers would be told false ones.
func TestARefusedImportLeavesTheTopicsAsTheyAre(t *testing.T) {
	live := &oneTopic{holds: domain.Bounds{Start: 5, End: 10}}
	_, err := history.Import(t.Context(), &oneTopic{holds: domain.Bounds{End: 3}}, live, "main", func(int) {})
	if !errors.Is(err, domain.ErrConflict) {
		t.Errorf("it ends with %v", err)
	}
	if len(live.kept) > 0 {
		t.Errorf("the topics of the live landscape were told to keep producers' times: %v", live.kept)
	}
}
