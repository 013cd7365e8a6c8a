package snapshotfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

const (
	suffix = ".snapshot"
	aside  = ".tmp"
	kept   = 2 // files, whatever is agreed
)

// Store is a folder of snapshots. One process uses it; its methods may be called
// from any goroutine, and one waits for the other.
type Store struct {
	dir    string
	logger *slog.Logger
	disk   Disk

	mu      sync.Mutex
	dropped bool
	reach   map[uint64][]int64 // how far each file goes that this process has written or loaded
}

// Open makes the folder if it is not there, and clears away what a crash left
// half written.
func Open(dir string, logger *slog.Logger) (*Store, error) {
	return OpenOn(osDisk{}, dir, logger)
}

// OpenOn is Open on a given disk.
func OpenOn(d Disk, dir string, logger *slog.Logger) (*Store, error) {
	if err := d.MkdirAll(dir); err != nil {
		return nil, explain("make the snapshot folder", dir, err)
	}
	s := &Store{dir: dir, logger: logger, disk: d, reach: make(map[uint64][]int64)}
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

// Save writes a snapshot beside the ones before it. It keeps the newest two, the
// newest that goes nowhere beyond the agreed offsets, and the one behind that.
// After an error the ones before it are still there.
func (s *Store) Save(from snapshot.Source, agreed []int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped {
		return fmt.Errorf("save a snapshot in %s: the state was found to be wrong: %w", s.dir, domain.ErrConflict)
	}
	numbers, err := s.numbers()
	if err != nil {
		return err
	}
	next := uint64(1)
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	reach, err := s.write(s.path(next), from)
	if err != nil {
		return err
	}
	s.reach[next] = reach
	for _, n := range s.surplus(append(numbers, next), agreed) {
		if err := s.disk.Remove(s.path(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explain("drop an old snapshot", s.path(n), err)
		}
		delete(s.reach, n)
	}
	return nil
}

// surplus are the snapshots that nobody needs any more: all but the newest, the
// newest that was agreed, and the one behind it, which will be agreed next.
func (s *Store) surplus(numbers []uint64, agreed []int64) []uint64 {
	base := -1
	for i, n := range numbers {
		if within(s.reach[n], agreed) {
			base = i
		}
	}
	next := base + 1 + slices.IndexFunc(numbers[base+1:], func(n uint64) bool { return s.reach[n] != nil })
	var out []uint64
	for i, n := range numbers {
		if i < len(numbers)-kept && i != base && i != next {
			out = append(out, n)
		}
	}
	return out
}

func within(reach, limit []int64) bool {
	for p, next := range reach {
		if p >= len(limit) || next > limit[p] {
			return false
		}
	}
	return reach != nil
}

// Load opens the newest good snapshot. One that is refused is reported to the
// logger, and the one before it is tried. If none is left, the error wraps
// domain.ErrNotFound and says why each was refused: fold the log from its first
// record.
func (s *Store) Load(landscape string, partitions int32) (snapshot.Restored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers, err := s.numbers()
	if err != nil {
		return snapshot.Restored{}, err
	}
	var refused []error
	for _, n := range slices.Backward(numbers) {
		r, err := s.open(s.path(n), landscape, partitions)
		if err == nil {
			s.reach[n] = r.Snapshot.Reach()
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

// Bases gives, for each partition, its newest state that goes no further than an
// offset, to fold again from there; nil where there is none.
func (s *Store) Bases(landscape string, partitions int32, upTo []int64) []*partition.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	bases := make([]*partition.State, partitions)
	numbers, err := s.numbers()
	if err != nil {
		s.logger.Warn("no snapshot to fold again from", "landscape", landscape, "cause", err)
	}
	left := slices.Clone(upTo) // 0 for those that are found
	for _, n := range slices.Backward(numbers) {
		if !slices.ContainsFunc(left, func(next int64) bool { return next > 0 }) {
			break
		}
		states, err := s.openUpTo(s.path(n), landscape, partitions, left)
		if err != nil {
			s.logger.Warn("snapshot refused, not folding again from it", "landscape", landscape, "cause", fmt.Errorf("%s: %w", s.path(n), err))
			continue
		}
		for p, state := range states {
			if state != nil {
				bases[p], left[p] = state, 0
			}
		}
	}
	return bases
}

// Drop removes all snapshots, and lets none be saved any more: what was folded
// into them was found to be wrong.
func (s *Store) Drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = true
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

func (s *Store) openUpTo(path, landscape string, partitions int32, upTo []int64) ([]*partition.State, error) {
	b, err := s.disk.Read(path, snapshot.MaxBytes)
	if err != nil {
		return nil, err
	}
	return snapshot.OpenUpTo(b, landscape, partitions, upTo)
}

// write puts a whole file in place, or none.
func (s *Store) write(path string, from snapshot.Source) (reach []int64, err error) {
	tmp := path + aside
	if err := s.disk.Write(tmp, func(f io.WriteSeeker) error {
		reach, err = snapshot.Write(f, from)
		return err
	}); err != nil {
		_ = s.disk.Remove(tmp) // best effort: Open clears it away too
		return nil, explain("write a snapshot", tmp, err)
	}
	if err := s.disk.Rename(tmp, path); err != nil {
		_ = s.disk.Remove(tmp)
		return nil, explain("put a snapshot in place", path, err)
	}
	if err := s.disk.Sync(s.dir); err != nil {
		return nil, explain("flush the snapshot folder", s.dir, err)
	}
	return reach, nil
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
	case errors.Is(err, domain.ErrInvalid), errors.Is(err, domain.ErrConflict):
		return fmt.Errorf("%s %s: %w", what, path, err) // not the disk's
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "; the disk is full: make room, the next snapshot will be tried again"
	case errors.Is(err, syscall.EROFS):
		hint, class = "; the file system is read-only: mount it writable, or set another data folder", domain.ErrInvalid
	case errors.Is(err, fs.ErrPermission):
		hint, class = "; the server may not write there: give its user the folder, or set another data folder", domain.ErrInvalid
	}
	return fmt.Errorf("%s %s: %w%s (%w)", what, path, err, hint, class)
}
