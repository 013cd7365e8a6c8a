package corpus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
)

const (
	keysName     = "keys"
	expectedName = "expected.json"
)

// kinds are the topics that are stored.
var kinds = []domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter}

// Corpus is a stored log: the records of each partition of each topic.
type Corpus struct {
	Topics   map[domain.TopicKind][][]domain.Stored
	Keys     codec.Keyring
	Expected Expected
}

// Expected is what a stored log folds to.
type Expected struct {
	Landscape  string   `json:"landscape"`
	WrittenBy  string   `json:"written_by"`
	Partitions []Folded `json:"partitions"`
	Election   Election `json:"election"`
	Totals     Totals   `json:"totals"`
	Checks     Checks   `json:"checks"`
	Note       string   `json:"note,omitempty"`
}

// Folded is a partition after its last record.
type Folded struct {
	Next int64       `json:"next"`
	Hash domain.Hash `json:"hash"`
}

// Election is control after its last record.
type Election struct {
	Next   int64       `json:"next"`
	Hash   domain.Hash `json:"hash"`
	Epoch  uint64      `json:"epoch"`
	Holder string      `json:"holder"`
}

// Totals are for people who look whether a recording is worth its name.
type Totals struct {
	Records     uint64                    `json:"records"`
	Accepted    uint64                    `json:"accepted"`
	Refused     uint64                    `json:"refused"`
	Duplicates  uint64                    `json:"duplicates"`
	Conflicts   uint64                    `json:"conflicts"`
	Misplaced   uint64                    `json:"misplaced"`
	Fenced      uint64                    `json:"fenced"`
	DeadLetters uint64                    `json:"dead_letters"`
	Outcomes    map[domain.Outcome]uint64 `json:"outcomes"`
	Types       map[domain.Type]uint64    `json:"types"`
}

// Checks say how much the replay has compared on its way.
type Checks struct {
	Checkpoints int `json:"checkpoint_hashes"` // of partitions that were where the checkpoint says
	Epochs      int `json:"epochs"`            // with the same holder in control and in elections
}

func fileName(kind domain.TopicKind, partition int) string {
	return fmt.Sprintf("%s-%d.gz", kind, partition)
}

// Store writes a corpus into a new folder.
func Store(dir string, c *Corpus) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("a stored log is never recorded anew: %w", err)
	}
	for _, kind := range kinds {
		for p, messages := range c.Topics[kind] {
			if err := writeFile(filepath.Join(dir, fileName(kind, p)), messages); err != nil {
				return err
			}
		}
	}
	b, err := json.MarshalIndent(c.Expected, "", "  ")
	return errors.Join(err,
		os.WriteFile(filepath.Join(dir, keysName), c.Keys.MarshalKeyFile(), 0o644),
		os.WriteFile(filepath.Join(dir, expectedName), append(b, '\n'), 0o644))
}

// Load reads a stored corpus.
func Load(dir string) (*Corpus, error) {
	c := &Corpus{Topics: make(map[domain.TopicKind][][]domain.Stored)}
	b, err := os.ReadFile(filepath.Join(dir, expectedName))
	if err == nil {
		err = json.Unmarshal(b, &c.Expected)
	}
	if err != nil {
		return nil, err
	}
	if b, err = os.ReadFile(filepath.Join(dir, keysName)); err != nil {
		return nil, err
	}
	if c.Keys, err = codec.ParseKeyFile(b); err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		for p := 0; ; p++ {
			messages, err := readFile(filepath.Join(dir, fileName(kind, p)))
			if errors.Is(err, fs.ErrNotExist) && p > 0 {
				break
			}
			if err != nil {
				return nil, err
			}
			c.Topics[kind] = append(c.Topics[kind], messages)
		}
	}
	return c, nil
}

// Codec reads the stored records, MACs included.
func (c *Corpus) Codec() *codec.Codec { return codec.New(c.Expected.Landscape, c.Keys) }
