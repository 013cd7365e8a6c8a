package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

const (
	// markEvery is how many records of a partition lie between two marks.
	markEvery = 100_000
	// markEnd is after how many records the end of a journey is marked too.
	markEnd = 10_000
	// maxMarks bounds the marks of one partition; those that lie closest together
	// go first.
	maxMarks = 48

	markSuffix = ".snapshot"
	noteSuffix = ".json"
)

// Marks are snapshots that were made while reading, kept beside the reader, so
// that another moment of the same log does not begin with its first record. They
// are a cache: a mark that is damaged, of another build's logic or of another log
// is not used, and the folder may be deleted at any time.
type Marks struct {
	dir       string // of one landscape
	landscape string
	now       func() time.Time
	every     int
	end       int
}

// NewMarks keeps marks in a folder, which is made when there is one to keep.
func NewMarks(dir, landscape string, now func() time.Time) *Marks {
	return &Marks{dir: filepath.Join(dir, landscape), landscape: landscape, now: now, every: markEvery, end: markEnd}
}

// Every sets how many records of a partition lie between two marks, and after how
// many the end of a journey is marked too.
func (m *Marks) Every(records, end int) { m.every, m.end = records, end }

// note is what stands beside a mark, for people.
type note struct {
	Landscape    string          `json:"landscape"`
	Position     domain.Position `json:"position"` // the next record
	Hash         domain.Hash     `json:"hash"`     // of the state
	LogicVersion int             `json:"logic_version"`
	LogTime      time.Time       `json:"log_time"`
	Made         time.Time       `json:"made"`
}

// folder is that of a partition of a log which begins with a record.
func (m *Marks) folder(p int32, first domain.Fingerprint) string {
	return filepath.Join(m.dir, fmt.Sprintf("%d-%x", p, first.Digest[:6]))
}

// before finds the newest good mark that goes no further than an offset; nil for
// none. same says whether a record is in the log that is read.
func (m *Marks) before(p, partitions int32, first domain.Fingerprint, upTo int64, same func(domain.Fingerprint) (bool, error)) (*partition.State, error) {
	folder := m.folder(p, first)
	for _, next := range slices.Backward(m.offsets(folder)) {
		if next > upTo {
			continue
		}
		b, err := os.ReadFile(markPath(folder, next))
		if err != nil {
			continue
		}
		s, err := snapshot.Open(b, m.landscape, partitions)
		if err != nil {
			continue
		}
		ok, err := same(s.Snapshot.Log[p].Last)
		if err != nil {
			return nil, err
		}
		if ok {
			return s.States[p], nil
		}
	}
	return nil, nil
}

func markPath(folder string, next int64) string {
	return filepath.Join(folder, fmt.Sprintf("%020d%s", next, markSuffix))
}

func (m *Marks) offsets(folder string) []int64 {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var out []int64
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), markSuffix)
		if next, err := strconv.ParseInt(name, 10, 64); ok && err == nil {
			out = append(out, next)
		}
	}
	return out // in their order: the names are of one length
}

// save keeps the state of one partition. The others are left empty in the file.
func (m *Marks) save(s *partition.State, partitions int32, first domain.Fingerprint, last domain.Stored) error {
	folder := m.folder(s.Partition(), first)
	path := markPath(folder, s.Next())
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := m.write(path, s, partitions, last); err != nil {
		return fmt.Errorf("keep a mark: %w", err)
	}
	n := note{
		Landscape: m.landscape, Position: domain.Position{Partition: s.Partition(), Offset: s.Next()}, Hash: s.Hash(),
		LogicVersion: partition.LogicVersion, LogTime: s.LogTime().Time(), Made: m.now().UTC(),
	}
	b, err := json.MarshalIndent(n, "", " ")
	if err == nil {
		err = os.WriteFile(notePath(path), append(b, '\n'), 0o600)
	}
	return errors.Join(err, m.thin(folder))
}

func notePath(path string) string { return strings.TrimSuffix(path, markSuffix) + noteSuffix }

// write writes aside first: readers of another process see all or nothing.
func (m *Marks) write(path string, s *partition.State, partitions int32, last domain.Stored) error {
	f, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return err
	}
	_, err = snapshot.Write(f, snapshot.Source{
		Landscape: m.landscape, Partitions: partitions, TakenAt: domain.InstantOf(m.now()),
		Part: func(p int32) (snapshot.State, domain.Fingerprint, error) {
			if p == s.Partition() {
				return frozen(s), domain.FingerprintOf(last), nil
			}
			return frozen(partition.New(p, partitions, s.Limits())), domain.Fingerprint{}, nil
		},
	})
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func frozen(s *partition.State) *partition.Frozen {
	f := s.Freeze()
	for !f.Step() {
	}
	return f
}

// thin drops marks until there are few enough, always the one whose neighbours
// lie closest together.
func (m *Marks) thin(folder string) error {
	at := m.offsets(folder)
	for len(at) > maxMarks {
		drop := 1
		for i := 2; i < len(at)-1; i++ {
			if at[i+1]-at[i-1] < at[drop+1]-at[drop-1] {
				drop = i
			}
		}
		path := markPath(folder, at[drop])
		if err := errors.Join(os.Remove(path), os.Remove(notePath(path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		at = slices.Delete(at, drop, drop+1)
	}
	return nil
}
