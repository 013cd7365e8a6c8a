package lookback_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/integration/corpus"
)

// recorded is a stored log as a folder that export wrote.
type recorded struct {
	*corpus.Corpus
	dir   string
	log   *archive.Log
	codec *codec.Codec
	topic string
}

func record(t *testing.T) *recorded { return recordFrom(t, 0) }

// recordFrom leaves out what control has forgotten.
func recordFrom(t *testing.T, control int64) *recorded {
	t.Helper()
	c, err := corpus.Load(filepath.Join("..", "corpus", "0.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	kept := c.Topics[domain.TopicControl][0]
	for len(kept) > 0 && kept[0].Offset < control {
		kept = kept[1:]
	}
	c.Topics[domain.TopicControl][0] = kept
	r := &recorded{Corpus: c, dir: filepath.Join(t.TempDir(), "export")}
	r.topic = domain.Topic(c.Expected.Landscape, domain.TopicLog)
	r.codec = codec.New(c.Expected.Landscape, c.Keys)
	head := archive.Head{Landscape: c.Expected.Landscape, Build: "test"}
	for _, kind := range history.Kinds {
		for p, messages := range c.Topics[kind] {
			at := archive.Range{Topic: domain.Topic(c.Expected.Landscape, kind), Partition: int32(p)}
			if n := len(messages); n > 0 {
				at.From, at.To = messages[0].Offset, messages[n-1].Offset+1
			}
			head.Parts = append(head.Parts, at)
		}
	}
	w, err := archive.Create(r.dir, head, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range history.Kinds {
		for p, messages := range c.Topics[kind] {
			if len(messages) == 0 {
				continue
			}
			if err := w.Append(domain.Topic(c.Expected.Landscape, kind), int32(p), messages, messages[len(messages)-1].Offset+1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if r.log, err = archive.Open(r.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.log.Close() })
	return r
}

// hashes are those of a plain fold, by the next offset.
func (r *recorded) hashes(p int) map[int64]domain.Hash {
	messages := r.Topics[domain.TopicLog][p]
	s := partition.New(int32(p), int32(len(r.Topics[domain.TopicLog])), partition.DefaultLimits())
	out := map[int64]domain.Hash{0: s.Hash()}
	for _, m := range messages {
		s.Apply(r.codec.Decode(domain.TopicLog, int32(p), m))
		out[s.Next()] = s.Hash()
	}
	return out
}

func everything(int32) bool { return true }

// TestAMomentIsWhatTheLogFoldsTo: with marks and without, forth and back, the
// state at a cut is that of a plain fold of the records below it.
func TestAMomentIsWhatTheLogFoldsTo(t *testing.T) {
	r := record(t)
	var want []map[int64]domain.Hash
	for p := range r.Topics[domain.TopicLog] {
		want = append(want, r.hashes(p))
	}
	marks := history.NewMarks(t.TempDir(), r.Expected.Landscape, time.Now)
	marks.Every(200, 50)
	folded := 0
	note := make(chan int, 1)
	note <- 0
	traveller := &history.Traveller{
		Source: r.log, Decoder: r.codec, Landscape: r.Expected.Landscape, Marks: marks,
		Note: func(n int) { note <- <-note + n },
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 25 {
		cut := make(history.Cut, len(want))
		total := 0
		for p := range cut {
			n := int64(len(r.Topics[domain.TopicLog][p]))
			if cut[p] = random.Int64N(n + 1); round == 0 {
				cut[p] = n
			}
			total += int(cut[p])
		}
		states, err := traveller.Begin(t.Context(), cut, everything)
		if err != nil {
			t.Fatal(err)
		}
		if err := traveller.Advance(t.Context(), states, cut, nil); err != nil {
			t.Fatal(err)
		}
		for p, s := range states {
			if s.Next() != cut[p] || s.Hash() != want[p][cut[p]] {
				t.Fatalf("round %d, partition %d at %d: state at %d has hash %s, want %s", round, p, cut[p], s.Next(), s.Hash(), want[p][cut[p]])
			}
		}
		now := <-note
		note <- now
		if round == 0 && now != total {
			t.Errorf("the first look folds %d records of %d", now, total)
		}
		if limit := len(want) * 250; round > 0 && now-folded > limit {
			t.Errorf("round %d folds %d records, though marks lie 200 apart", round, now-folded)
		}
		folded = now
	}
}

// TestAMarkOfAnotherLogOrThatIsDamagedIsNotUsed.
func TestAMarkOfAnotherLogOrThatIsDamagedIsNotUsed(t *testing.T) {
	r := record(t)
	dir := t.TempDir()
	marks := history.NewMarks(dir, r.Expected.Landscape, time.Now)
	marks.Every(200, 50)
	cut := make(history.Cut, len(r.Topics[domain.TopicLog]))
	for p := range cut {
		cut[p] = int64(len(r.Topics[domain.TopicLog][p]))
	}
	fold := func() []*partition.State {
		traveller := &history.Traveller{Source: r.log, Decoder: r.codec, Landscape: r.Expected.Landscape, Marks: marks}
		states, err := traveller.Begin(t.Context(), cut, everything)
		if err != nil {
			t.Fatal(err)
		}
		if err := traveller.Advance(t.Context(), states, cut, nil); err != nil {
			t.Fatal(err)
		}
		return states
	}
	fold()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.snapshot"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d marks: %v", len(files), err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for p, s := range fold() {
		if want := r.Expected.Partitions[p].Hash; s.Hash() != want {
			t.Errorf("partition %d: a damaged mark was used: %s, want %s", p, s.Hash(), want)
		}
	}
}
