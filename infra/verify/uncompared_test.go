package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
)

// reshaped is a stored log whose bounds somebody has changed.
type reshaped struct {
	*stored
	do func([]domain.Bounds) []domain.Bounds
}

func (r reshaped) Bounds(ctx context.Context, topic string) ([]domain.Bounds, error) {
	out, err := r.stored.Bounds(ctx, topic)
	if err == nil && r.kind(topic) == domain.TopicLog {
		out = r.do(out)
	}
	return out, err
}

// headless lacks the first record of partition 1: one call of DeleteRecords.
func headless(b []domain.Bounds) []domain.Bounds { b[1].Start = 1; return b }

// fewer lacks the last partition.
func fewer(b []domain.Bounds) []domain.Bounds { return b[:len(b)-1] }

// TestWhatCannotBeComparedIsNotHeld: who owns the brokers must not get a changed record
// past a checkpoint by taking away what its tree begins with, or the whole partition.
func TestWhatCannotBeComparedIsNotHeld(t *testing.T) {
	good := &stored{Corpus: load(t), few: 1 << 20}
	held := headOf(good, 1200)
	changed := tamper(t, func(l []domain.Stored) []domain.Stored { l[900].Key = []byte("gate-1"); return l })
	ours, key := signer(t, "understudy.main")
	published(t, changed, headOf(good, 800), ours)
	for _, x := range []struct {
		name     string
		source   *stored
		do       func([]domain.Bounds) []domain.Bounds
		heads    []audit.HeldHead
		status   audit.Status
		says     string
		findings int
		unknown  int
	}{
		{"the beginning gone, a checkpoint held", changed, headless, []audit.HeldHead{{From: "friday.note", Head: held}}, audit.Undecided, "2 roots of it were not compared, the first one of friday.note", 0, 1},
		{"the beginning gone, checkpoints in the log", changed, headless, nil, audit.Undecided, "1 roots of it were not compared, the first one of the checkpoint at control", 0, 1},
		{"a partition gone, a checkpoint held", good, fewer, []audit.HeldHead{{From: "friday.note", Head: held}}, audit.Violated, "of log/7, and there is no such partition", 1, 0},
		{"a partition gone, checkpoints in the log", changed, fewer, nil, audit.Violated, "of log/7, and there is no such partition", 1, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			from := reshaped{x.source, x.do}
			r, err := Run(t.Context(), Config{Landscape: "main", Source: from, Codec: x.source.Codec(), Keys: []string{key}, Heads: x.heads})
			if err != nil {
				t.Fatal(err)
			}
			v := r.Verdict(audit.RuleTree)
			told := append(v.Violated, v.Undecided...)
			if v.Status != x.status || len(told) != 1 || !strings.Contains(told[0].Says, x.says) {
				t.Errorf("rule tree is %s: %+v", v.Status, told)
			}
			if x.heads == nil {
				return
			}
			c, err := Compare(t.Context(), "main", from, false, []Named{{"friday.note", held}})
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Findings) != x.findings || len(c.Unknown) != x.unknown || c.Whole() {
				t.Errorf("findings %v, unknown %v, all was compared: %v", c.Findings, c.Unknown, c.Whole())
			}
		})
	}
}

// TestWhatNoCheckpointCoversIsNotAskedFor: a partition that was empty when the checkpoint
// was signed may have lost its beginning since.
func TestWhatNoCheckpointCoversIsNotAskedFor(t *testing.T) {
	s := &stored{Corpus: load(t), few: 1 << 20}
	h := headOf(s, 0)
	c, err := Compare(t.Context(), "main", reshaped{s, headless}, false, []Named{{"first.note", h}})
	if err != nil || !c.Whole() || len(c.Findings) > 0 || c.Roots != int64(len(h.Roots)) {
		t.Errorf("%+v %v", c, err)
	}
}
