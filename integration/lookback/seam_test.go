package lookback_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
)

func (r *recorded) topics() []string {
	var out []string
	for _, kind := range history.Kinds {
		out = append(out, domain.Topic(r.Expected.Landscape, kind))
	}
	return out
}

// part writes the records of a recording that change keeps into a folder.
func (r *recorded) part(t *testing.T, keep func(kind domain.TopicKind, m domain.Stored) bool) *archive.Log {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "part")
	head := archive.Head{Landscape: r.Expected.Landscape, Build: "test"}
	kept := make(map[archive.Range][]domain.Stored)
	var order []archive.Range
	for _, kind := range history.Kinds {
		for p, messages := range r.Topics[kind] {
			at := archive.Range{Topic: domain.Topic(r.Expected.Landscape, kind), Partition: int32(p)}
			var of []domain.Stored
			for _, m := range messages {
				if keep(kind, m) {
					of = append(of, m)
				}
			}
			if n := len(of); n > 0 {
				at.From, at.To = of[0].Offset, of[n-1].Offset+1
			}
			kept[at] = of
			order = append(order, at)
		}
	}
	head.Parts = order
	w, err := archive.Create(dir, head, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range order {
		if of := kept[at]; len(of) > 0 {
			if err := w.Append(at.Topic, at.Partition, of, at.To); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// TestTheSeamIsNotSeen: a folder with what was, and a log that has forgotten it,
// fold to the same state as the whole log; without the folder it is said what is missing.
func TestTheSeamIsNotSeen(t *testing.T) {
	r := record(t)
	old := r.part(t, func(_ domain.TopicKind, m domain.Stored) bool { return m.Offset < 12 })
	young := r.part(t, func(_ domain.TopicKind, m domain.Stored) bool { return m.Offset >= 9 })
	both, err := history.Join(t.Context(), old, young, r.topics())
	if err != nil {
		t.Fatal(err)
	}
	traveller := &history.Traveller{Source: both, Decoder: r.codec, Landscape: r.Expected.Landscape}
	checked, err := traveller.Check(t.Context(), r.codec)
	if err != nil || !checked.Held() {
		t.Fatalf("%+v: %v", checked, err)
	}
	for p, e := range checked.Ends {
		if want := r.Expected.Partitions[p]; e.Hash != want.Hash || e.Next.Offset != want.Next {
			t.Errorf("partition %d folds to %s at %d, want %s at %d", p, e.Hash, e.Next.Offset, want.Hash, want.Next)
		}
	}
	traveller.Source = young
	if _, err := traveller.Check(t.Context(), r.codec); err == nil || !strings.Contains(err.Error(), "name the folder that it was sealed to") {
		t.Errorf("without the folder: %v", err)
	}
	late := r.part(t, func(_ domain.TopicKind, m domain.Stored) bool { return m.Offset >= 14 })
	if _, err := history.Join(t.Context(), old, late, r.topics()); err == nil || !strings.Contains(err.Error(), "what is between is lost") {
		t.Errorf("a gap: %v", err)
	}
}

// TestEveryCheckpointOfARecordedLogIsFoldedAgain: and one record less is found.
func TestEveryCheckpointOfARecordedLogIsFoldedAgain(t *testing.T) {
	r := record(t)
	traveller := &history.Traveller{Source: r.log, Decoder: r.codec, Landscape: r.Expected.Landscape}
	checked, err := traveller.Check(t.Context(), r.codec)
	if err != nil || !checked.Held() || checked.Equal < 100 || checked.Missed > 0 {
		t.Errorf("%d of %d checkpoints, %d missed: %v", checked.Equal, checked.Checkpoints, checked.Missed, err)
	}
	dropped := false
	traveller.Source = r.part(t, func(kind domain.TopicKind, m domain.Stored) bool {
		drop := kind == domain.TopicLog && m.Offset == 1000
		dropped = dropped || drop
		return !drop
	})
	checked, err = traveller.Check(t.Context(), r.codec)
	if err != nil || !dropped || checked.Held() || len(checked.Different) == 0 || checked.Different[0].Position.Offset < 1000 {
		t.Errorf("a record was dropped: %+v: %v", checked, err)
	}
}
