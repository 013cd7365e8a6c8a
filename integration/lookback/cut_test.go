package lookback_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
)

// TestNoCutHasAForwardedCommandWithoutItsOrigin: though the clock of the broker
// with the origin is ahead.
func TestNoCutHasAForwardedCommandWithoutItsOrigin(t *testing.T) {
	const landscape = "studio"
	topic := domain.Topic(landscape, domain.TopicLog)
	c := codec.New(landscape, codec.Generate())
	device := "gate-1"
	owner := domain.Partition(device, 2)
	other := 1 - owner
	stored := func(p int32, at int64, origin *domain.Position) domain.Stored {
		m, err := c.Encode(domain.TopicLog, p, domain.Record{
			Type: domain.TypeInvoke, UID: "u", Source: "/test", User: "anna", Subject: device, Origin: origin, Payload: domain.Invoke{Verb: "pulse"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return domain.Stored{Message: m, Appended: domain.Millis(at)}
	}
	dir := filepath.Join(t.TempDir(), "export")
	w, err := archive.Create(dir, archive.Head{Landscape: landscape, Parts: []archive.Range{
		{Topic: topic, Partition: 0, To: 1}, {Topic: topic, Partition: 1, To: 1},
	}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for p, m := range map[int32]domain.Stored{
		other: stored(other, 2000, nil),
		owner: stored(owner, 1000, &domain.Position{Partition: other}),
	} {
		if err := w.Append(topic, p, []domain.Stored{m}, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cut, err := history.CutAt(t.Context(), log, topic, domain.Millis(1500))
	if err != nil || cut[owner] != 1 || cut[other] != 0 {
		t.Fatalf("cut %s: %v", cut, err)
	}
	traveller := &history.Traveller{Source: log, Decoder: c, Landscape: landscape}
	states, err := traveller.Begin(t.Context(), cut, everything)
	if err != nil {
		t.Fatal(err)
	}
	if err := traveller.Close(t.Context(), states, cut); err != nil || !slices.Equal(cut, history.Cut{1, 1}) || states[other].Next() != 1 {
		t.Errorf("closed, the cut is %s: %v", cut, err)
	}
}
