package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

// Format names what a folder holds. A reader refuses any other.
const Format = "understudy.export.v1"

const manifestName = "manifest.json"

// maxManifest bounds what is read of a manifest.
const maxManifest = 64 << 20

// maxPartitions bounds the numbers of partitions in a manifest: as many as a log may
// be made with (infra/config). A reader has a place for each number up to the highest.
const maxPartitions = 1024

// Head says what a folder is to hold.
type Head struct {
	Landscape string  `json:"landscape"`
	Build     string  `json:"build"` // that wrote it
	Parts     []Range `json:"partitions"`
}

// Range is a run of offsets of one partition, From up to, not including, To.
type Range struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
}

// File is one file of records.
type File struct {
	Name      string    `json:"name"`
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	From      int64     `json:"from"` // the first offset that belongs to it
	Next      int64     `json:"next"` // the offset after the last one
	Records   int64     `json:"records"`
	First     time.Time `json:"first,omitzero"` // the earliest append time
	Last      time.Time `json:"last,omitzero"`  // the latest append time
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"` // of the file, in hexadecimal
	// Tree is the Merkle tree of the partition up to the end of the file; nil where the
	// folder does not begin with the partition's first record, and of topics without one.
	Tree *merkle.Tree `json:"tree,omitempty"`
}

// Manifest is what manifest.json says.
type Manifest struct {
	Format string `json:"format"`
	Head
	Updated time.Time `json:"updated"`
	Files   []File    `json:"files"`
}

// Done is how far the files of a partition go.
func (m *Manifest) Done(topic string, partition int32) int64 {
	done := int64(-1)
	for _, r := range m.Parts {
		if r.Topic == topic && r.Partition == partition {
			done = r.From
		}
	}
	for _, f := range m.Files {
		if f.Topic == topic && f.Partition == partition {
			done = max(done, f.Next)
		}
	}
	return done
}

// Complete says whether all that the folder is to hold is there.
func (m *Manifest) Complete() bool {
	return !slices.ContainsFunc(m.Parts, func(r Range) bool { return m.Done(r.Topic, r.Partition) < r.To })
}

// ReadManifest reads the manifest of a folder, and checks that it makes sense.
func ReadManifest(dir string) (Manifest, error) { return readManifest(dir, Format) }

func readManifest(dir string, formats ...string) (Manifest, error) {
	var m Manifest
	path := filepath.Join(dir, manifestName)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxManifest {
		return m, fmt.Errorf("%s has %d bytes; that is no manifest of an export: %w", path, info.Size(), domain.ErrCorrupt)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return m, fmt.Errorf("%s is a file, and an export is a folder: name that: %w", dir, domain.ErrInvalid)
	case errors.Is(err, fs.ErrNotExist):
		return m, fmt.Errorf("%s has no %s; is it a folder that `understudy export` wrote? %w", dir, manifestName, domain.ErrNotFound)
	case err != nil:
		return m, fmt.Errorf("read the export: %w", err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, &DamagedError{fmt.Errorf("%s cannot be read; take another copy of the folder, or export again: %w: %w", path, domain.ErrCorrupt, err)}
	}
	if !slices.Contains(formats, m.Format) {
		return m, fmt.Errorf("%s says format %q, and %s is wanted here; export as that to another folder, or use the build that wrote it, %s: %w", path, m.Format, strings.Join(formats, " or "), m.Build, domain.ErrConflict)
	}
	return m, m.check(path)
}

func (m *Manifest) check(path string) error {
	next := make(map[place]int64)
	for _, r := range m.Parts {
		if r.Partition >= maxPartitions {
			return &DamagedError{fmt.Errorf("%s: it names partition %d of %s, and a log has %d at most: %w", path, r.Partition, r.Topic, maxPartitions, domain.ErrCorrupt)}
		}
		if _, twice := next[place{r.Topic, r.Partition}]; twice || r.From < 0 || r.To < r.From || r.Partition < 0 {
			return &DamagedError{fmt.Errorf("%s: the range of %s/%d makes no sense: %w", path, r.Topic, r.Partition, domain.ErrCorrupt)}
		}
		next[place{r.Topic, r.Partition}] = r.From
	}
	for _, f := range m.Files {
		at := place{f.Topic, f.Partition}
		if was, ok := next[at]; !ok || f.From != was || f.Next < f.From || filepath.Base(f.Name) != f.Name {
			return &DamagedError{fmt.Errorf("%s: file %s does not follow the one before; a file is missing in the list: %w", path, f.Name, domain.ErrCorrupt)}
		}
		next[at] = f.Next
	}
	return nil
}

// write puts the manifest in the place of the one before, or leaves that.
func (m *Manifest) write(dir string) error {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, manifestName), append(b, '\n'))
}

// replace writes a file that is either the old one or the new one after a crash.
func replace(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".new", path), syncFolder(filepath.Dir(path)))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type place struct {
	topic     string
	partition int32
}
