package corpus_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/corpus"
)

// TestEveryStoredLogFoldsToWhatItDid when it was recorded.
func TestEveryStoredLogFoldsToWhatItDid(t *testing.T) {
	stored, err := filepath.Glob(filepath.Join("*", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) == 0 {
		t.Skip("no release is stored yet; the first one is recorded with -record")
	}
	for _, path := range stored {
		dir := filepath.Dir(path)
		t.Run(dir, func(t *testing.T) {
			c, err := corpus.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := corpus.Replay(c)
			if err != nil {
				t.Error(err)
			}
			if !reflect.DeepEqual(got, c.Expected) {
				t.Errorf("the fold gives\n%+v\nand it gave\n%+v", got, c.Expected)
			}
			if got.Checks.Checkpoints == 0 || got.Checks.Epochs == 0 {
				t.Errorf("nothing was compared on the way: %+v", got.Checks)
			}
			tampered(t, c)
		})
	}
}

// tampered checks that the replay notices what it must: each of these changes
// is one that nobody may make to a log.
func tampered(t *testing.T, c *corpus.Corpus) {
	whole := c.Topics
	for name, change := range map[string]func(topics map[domain.TopicKind][][]domain.Stored){
		"a record left out": func(to map[domain.TopicKind][][]domain.Stored) {
			log := to[domain.TopicLog]
			p := busiest(log)
			log[p] = slices.Delete(log[p], 20, 21)
		},
		"two records exchanged": func(to map[domain.TopicKind][][]domain.Stored) {
			m := to[domain.TopicLog][busiest(to[domain.TopicLog])]
			m[20].Message, m[21].Message = m[21].Message, m[20].Message
		},
		"another byte in a value": func(to map[domain.TopicKind][][]domain.Stored) {
			m := to[domain.TopicLog][busiest(to[domain.TopicLog])]
			m[20].Value = append(slices.Clone(m[20].Value), 0)
		},
		"the last claim left out": func(to map[domain.TopicKind][][]domain.Stored) {
			to[domain.TopicControl][0] = withoutClaim(to[domain.TopicControl][0])
		},
		"elections that are cut": func(to map[domain.TopicKind][][]domain.Stored) {
			m := to[domain.TopicElections]
			m[0] = m[0][:len(m[0])/2]
		},
	} {
		topics := make(map[domain.TopicKind][][]domain.Stored)
		for kind, partitions := range whole {
			for _, messages := range partitions {
				topics[kind] = append(topics[kind], slices.Clone(messages))
			}
		}
		change(topics)
		c.Topics = topics
		if got, err := corpus.Replay(c); err == nil && reflect.DeepEqual(got, c.Expected) {
			t.Errorf("%s: the replay does not notice", name)
		}
	}
	c.Topics = whole
}

func busiest(log [][]domain.Stored) int {
	most := 0
	for p := range log {
		if len(log[p]) > len(log[most]) {
			most = p
		}
	}
	return most
}

func withoutClaim(messages []domain.Stored) []domain.Stored {
	for i, m := range slices.Backward(messages) {
		if kind, _ := m.Header("ce_type"); string(kind) == string(domain.TypeClaim) {
			return slices.Delete(messages, i, i+1)
		}
	}
	return messages
}

func TestAStoredFileReadsAsItWasWritten(t *testing.T) {
	c := &corpus.Corpus{Topics: make(map[domain.TopicKind][][]domain.Stored)}
	odd := []domain.Stored{
		{Offset: 0, Appended: 1, Message: domain.Message{Key: []byte("k"), Value: []byte("v"), Headers: []domain.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}}}}},
		{Offset: 7, Appended: 1 << 60, Message: domain.Message{Key: nil, Value: []byte{}}},
		{Offset: 8, Appended: -1, Message: domain.Message{Key: []byte{}, Value: nil}},
	}
	for _, kind := range []domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter} {
		c.Topics[kind] = [][]domain.Stored{odd, nil}
	}
	c.Keys = codec.Generate()
	dir := filepath.Join(t.TempDir(), "stored")
	if err := corpus.Store(dir, c); err != nil {
		t.Fatal(err)
	}
	got, err := corpus.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Topics, c.Topics) {
		t.Errorf("read %+v, written %+v", got.Topics, c.Topics)
	}
	if err := corpus.Store(dir, c); err == nil {
		t.Error("a stored log was recorded anew")
	}
}
