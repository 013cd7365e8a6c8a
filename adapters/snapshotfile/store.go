package snapshotfile

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/snapshot"
)

const (
	suffix = ".snapshot"
	aside  = ".tmp"
	kept   = 2 // files
)

// Store is a folder of snapshots. One process uses it, one goroutine at a time.
type Store struct {
	dir    string
	logger *slog.Logger
	disk   disk
}

// Open makes the folder if it is not there, and clears away what a crash left
// half written.
func Open(dir string, logger *slog.Logger) (*Store, error) {
	return openOn(osDisk{}, dir, logger)
}

func openOn(d disk, dir string, logger *slog.Logger) (*Store, error) {
	if err := d.MkdirAll(dir); err != nil {
		return nil, explain("make the snapshot folder", dir, err)
	}
	s := &Store{dir: dir, logger: logger, disk: d}
	names, err := d.List(dir)
	if err != nil {
		return nil, explain("read the snapshot folder", dir, err)
	}
	for _, n := range names {
		if strings.HasSuffix(n, suffix+aside) {
			if err := d.Remove(filepath.Join(dir, n)); err != nil {
				return nil, explain("clear away a half-written snapshot", filepath.Join(dir, n), err)
			}
		}
	}
	return s, nil
}

// Save writes a snapshot beside the ones before it, and drops all but the
// newest two. After an error the ones before it are still there.
func (s *Store) Save(snap snapshot.Snapshot) error {
	b, err := snapshot.Encode(snap)
	if err != nil {
		return err
	}
	numbers, err := s.numbers()
	if err != nil {
		return err
	}
	next := uint64(1)
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	if err := s.write(s.path(next), b); err != nil {
		return err
	}
	for len(numbers) > kept-1 {
		if err := s.disk.Remove(s.path(numbers[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explain("drop an old snapshot", s.path(numbers[0]), err)
		}
		numbers = numbers[1:]
	}
	return nil
}

// Load opens the newest good snapshot. One that is refused is reported to the
// logger, and the one before it is tried. If none is left, the error wraps
// domain.ErrNotFound and says why each was refused: fold the log from its first
// record.
func (s *Store) Load(landscape string, partitions int32) (snapshot.Restored, error) {
	numbers, err := s.numbers()
	if err != nil {
		return snapshot.Restored{}, err
	}
	var refused []error
	for _, n := range slices.Backward(numbers) {
		r, err := s.open(s.path(n), landscape, partitions)
		if err == nil {
			for _, e := range refused {
				s.logger.Warn("snapshot refused, going on from an older one", "landscape", landscape, "cause", e)
			}
			return r, nil
		}
		refused = append(refused, fmt.Errorf("%s: %w", s.path(n), err))
	}
	if len(refused) > 0 {
		return snapshot.Restored{}, fmt.Errorf("no usable snapshot, fold the log from its first record: %w", errors.Join(append(refused, domain.ErrNotFound)...))
	}
	return snapshot.Restored{}, fmt.Errorf("no snapshot in %s, fold the log from its first record: %w", s.dir, domain.ErrNotFound)
}

// Drop removes all snapshots: what was folded into them was found to be wrong.
func (s *Store) Drop() error {
	numbers, err := s.numbers()
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := s.disk.Remove(s.path(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explain("drop a snapshot", s.path(n), err)
		}
	}
	return nil
}

func (s *Store) open(path, landscape string, partitions int32) (snapshot.Restored, error) {
	b, err := s.disk.Read(path, snapshot.MaxBytes)
	if err != nil {
		return snapshot.Restored{}, err
	}
	return snapshot.Open(b, landscape, partitions)
}

// write puts a whole file in place, or none.
func (s *Store) write(path string, b []byte) error {
	tmp := path + aside
	if err := s.disk.Write(tmp, b); err != nil {
		_ = s.disk.Remove(tmp) // best effort: Open clears it away too
		return explain("write a snapshot", tmp, err)
	}
	if err := s.disk.Rename(tmp, path); err != nil {
		_ = s.disk.Remove(tmp)
		return explain("put a snapshot in place", path, err)
	}
	if err := s.disk.Sync(s.dir); err != nil {
		return explain("flush the snapshot folder", s.dir, err)
	}
	return nil
}

func (s *Store) path(n uint64) string { return filepath.Join(s.dir, fmt.Sprintf("%020d%s", n, suffix)) }

// numbers lists the snapshots, oldest first. Other files are left alone.
func (s *Store) numbers() ([]uint64, error) {
	names, err := s.disk.List(s.dir)
	if err != nil {
		return nil, explain("read the snapshot folder", s.dir, err)
	}
	var out []uint64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, suffix)
		if n, err := strconv.ParseUint(digits, 10, 64); ok && err == nil && len(digits) == 20 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// explain says what to do about the errors that an operator can mend.
func explain(what, path string, err error) error {
	hint, class := "", domain.ErrTransient
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "; the disk is full: make room, the next snapshot will be tried again"
	case errors.Is(err, syscall.EROFS):
		hint, class = "; the file system is read-only: mount it writable, or set another data folder", domain.ErrInvalid
	case errors.Is(err, fs.ErrPermission):
		hint, class = "; the server may not write there: give its user the folder, or set another data folder", domain.ErrInvalid
	}
	return fmt.Errorf("%s %s: %w%s (%w)", what, path, err, hint, class)
}
