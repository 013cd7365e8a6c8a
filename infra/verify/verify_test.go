package verify

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/corpus"
	"github.com/understudy-io/understudy/projections/audit"
)

// stored is a Source that gives a stored log, a few records at a time.
type stored struct {
	*corpus.Corpus
	few  int
	ends map[domain.TopicKind]int64 // where a topic ends, unlike its bounds
}

func (s *stored) kind(topic string) domain.TopicKind {
	for k := domain.TopicLog; k <= domain.TopicDeadLetter; k++ {
		if domain.Topic(s.Expected.Landscape, k) == topic {
			return k
		}
	}
	return domain.TopicProbe
}

func (s *stored) Bounds(_ context.Context, topic string) ([]domain.Bounds, error) {
	parts := s.Topics[s.kind(topic)]
	if len(parts) == 0 {
		return nil, domain.ErrNotFound
	}
	out := make([]domain.Bounds, len(parts))
	for p, messages := range parts {
		if len(messages) > 0 {
			out[p].End = messages[len(messages)-1].Offset + 1
		}
	}
	return out, nil
}

func (s *stored) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	f := from[0]
	kind := s.kind(f.Topic)
	out := domain.Fetched{Topic: f.Topic, Partition: f.Partition, Next: f.Offset}
	for _, m := range s.Topics[kind][f.Partition] {
		if end, cut := s.ends[kind]; m.Offset >= f.Offset && len(out.Messages) < s.few && (!cut || m.Offset < end) {
			out.Messages, out.Next = append(out.Messages, m), m.Offset+1
		}
	}
	return []domain.Fetched{out}, nil
}

func load(t *testing.T) *corpus.Corpus {
	t.Helper()
	c, err := corpus.Load("../../integration/corpus/0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// judged verifies a source, following the log after so many records of control.
func judged(t *testing.T, s *stored, window int) (*audit.Report, error) {
	t.Helper()
	r := &run{
		Config: Config{Landscape: s.Expected.Landscape, Source: s, Codec: s.Codec(), Progress: func(Progress) {}},
		began:  time.Now(), window: window,
	}
	return r.run(t.Context())
}

func TestAReportDoesNotDependOnHowTheLogIsRead(t *testing.T) {
	c := load(t)
	whole, err := judged(t, &stored{Corpus: c, few: 1 << 20}, maxWaiting)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Violated() || whole.Undecided() || whole.Verdict(audit.RuleState).Looked == 0 {
		t.Errorf("a good log is judged as %+v", whole.Verdicts)
	}
	for _, window := range []int{40, 700} {
		small, err := judged(t, &stored{Corpus: c, few: 37}, window)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, small); diff != "" {
			t.Errorf("window %d: %s", window, diff)
		}
	}
}

func TestALogThatEndsBeforeItsBoundsIsAnError(t *testing.T) {
	_, err := judged(t, &stored{Corpus: load(t), few: 100, ends: map[domain.TopicKind]int64{domain.TopicLog: 10}}, maxWaiting)
	if !errors.Is(err, domain.ErrCorrupt) || !strings.Contains(err.Error(), "offset 10") {
		t.Errorf("got %v", err)
	}
}

// TestWithoutTheDeadLettersAllElseIsJudged: who may not read them has the rest.
func TestWithoutTheDeadLettersAllElseIsJudged(t *testing.T) {
	s := &stored{Corpus: load(t), few: 1000}
	s.Topics[domain.TopicDeadLetter] = nil
	r, err := judged(t, s, maxWaiting)
	if err != nil || r.Violated() {
		t.Fatalf("%v: %+v", err, r)
	}
	for _, v := range r.Verdicts {
		if want := v.Rule == audit.RuleLetters; (v.Status == audit.Undecided) != want {
			t.Errorf("%s: %s", v.Rule, v.Status)
		}
	}
}

func TestALandscapeThatIsNotThereIsSaid(t *testing.T) {
	s := &stored{Corpus: load(t)}
	_, err := Run(t.Context(), Config{Landscape: "other", Source: s, Codec: s.Codec()})
	if !errors.Is(err, domain.ErrNotFound) || !strings.Contains(err.Error(), "landscape's name right") {
		t.Errorf("got %v", err)
	}
}
