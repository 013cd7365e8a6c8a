package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/understudy-io/understudy/domain"
)

// flusher keeps every answer back until the disk has what it speaks of. The
// broker's own way (an fsync of data and index for each batch of each
// partition, one after the other, while everything waits, errors ignored)
// takes 16 of them for a mark in eight partitions. Here one flush serves all
// appends that came before it, the partitions' files go to the disk at the
// same time, and the index, which a restart can do without, does not count.
//
// When the disk fails, no answer goes out any more, until a restart.
type flusher struct {
	root   string // holds a folder for each partition
	logger *slog.Logger

	mu    sync.Mutex        // of what follows; never held during a flush
	seq   uint64            // appends begun; all but the last are in their files
	dirty map[string]uint64 // partition folder → its last append
	every uint64            // the last append that named a topic by its id only
	fault error             // the disk's; stays

	flushing sync.Mutex        // one at a time; who waited mostly finds nothing left
	synced   map[string]int64  // file → its size at the last flush; only under flushing
	newest   map[string]newest // partition folder → its newest data file; only under flushing
}

// newFlusher brings to the disk what an earlier process may have left to the
// kernel: it was never acknowledged, but is about to be read.
func newFlusher(data string, logger *slog.Logger) (*flusher, error) {
	f := &flusher{root: filepath.Join(data, "partitions"), logger: logger,
		dirty: make(map[string]uint64), synced: make(map[string]int64), newest: make(map[string]newest)}
	folders, err := f.folders()
	if err != nil {
		return nil, err
	}
	return f, f.flushFolders(folders)
}

func (f *flusher) folders() ([]string, error) {
	entries, err := os.ReadDir(f.root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out, nil
}

// begin is told of each append before the broker begins with it. The broker
// does one after the other, so the one before is done.
func (f *flusher) begin(r *kmsg.ProduceRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	for i := range r.Topics {
		t := &r.Topics[i]
		if t.Topic == "" {
			f.every = f.seq
		}
		for j := range t.Partitions {
			f.dirty[fmt.Sprintf("%s-%d", url.PathEscape(t.Topic), t.Partitions[j].Partition)] = f.seq
		}
	}
}

// flush returns when all appends are on disk that are in their files now.
func (f *flusher) flush() error {
	if clean, err := f.clean(); clean || err != nil {
		return err
	}
	f.flushing.Lock()
	defer f.flushing.Unlock()
	folders, done, err := f.claim()
	if err != nil {
		return err
	}
	if err := f.flushFolders(folders); err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.fault = fmt.Errorf("%w: the disk of %s failed; nothing is acknowledged any more; check it, then restart: %w", domain.ErrCorrupt, f.root, err)
		f.logger.Error("embedded broker stops answering", "cause", f.fault)
		return f.fault
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for folder, seq := range f.dirty {
		if seq <= done {
			delete(f.dirty, folder)
		}
	}
	return nil
}

func (f *flusher) clean() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.dirty) == 0, f.fault
}

// claim gives the folders to flush. Appends up to done are in their files for
// sure; the last one may be under way, so its folders stay dirty and the next
// answer looks at them again.
func (f *flusher) claim() (folders []string, done uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.every > 0 {
		all, err := f.folders()
		if err != nil {
			return nil, 0, err
		}
		for _, folder := range all {
			f.dirty[folder] = max(f.dirty[folder], f.every)
		}
		if f.every < f.seq {
			f.every = 0
		}
	}
	for folder := range f.dirty {
		folders = append(folders, folder)
	}
	return folders, f.seq - 1, f.fault
}

// flushFolders brings the folders' data to the disk, all at the same time.
func (f *flusher) flushFolders(folders []string) error {
	grown, err := f.ifGrown(nil, f.producers())
	if err != nil {
		return err
	}
	for _, folder := range folders {
		more, err := f.grown(folder)
		if err != nil {
			return err
		}
		grown = append(grown, more...)
	}
	faults := make([]error, len(grown))
	var writing sync.WaitGroup
	for i := 1; i < len(grown); i++ {
		writing.Go(func() { faults[i] = grown[i].sync() })
	}
	if len(grown) > 0 {
		faults[0] = grown[0].sync()
	}
	writing.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, s := range grown {
		f.synced[s.path] = s.size
	}
	return nil
}

// segment is a file that has grown since its last flush.
type segment struct {
	path  string
	size  int64
	fresh bool // its name must reach the disk too
}

// producers is where the broker keeps the numbers that it gave to idempotent
// producers. One given twice could make it take a new record for a repeat.
func (f *flusher) producers() string { return filepath.Join(filepath.Dir(f.root), "pids.log") }

// newest is the data file that a partition's records go to.
type newest struct {
	base int64  // its first offset; files that begin before it grow no more
	path string // empty if there is none yet
	// listed is when the folder had last been changed at its last listing; zero
	// if that was so shortly before that a later change could carry the same time.
	listed time.Time
}

// folderClock is more than the steps in which file systems tell the time of a
// folder's last change.
const folderClock = 50 * time.Millisecond

// grown finds what has grown in a partition's folder. It lists the folder only
// when a file has come or gone: every answer of the broker waits for this.
func (f *flusher) grown(folder string) ([]segment, error) {
	at := filepath.Join(f.root, folder)
	looked := time.Now()
	info, err := os.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the append was refused, or is making it just now
	}
	if err != nil {
		return nil, err
	}
	last := f.newest[folder]
	if last.path != "" && last.listed.Equal(info.ModTime()) {
		return f.ifGrown(nil, last.path)
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return nil, err
	}
	var out []segment
	next := newest{base: last.base}
	for _, e := range entries {
		name, isData := strings.CutSuffix(e.Name(), ".dat")
		base, err := strconv.ParseInt(name, 10, 64)
		if !isData || err != nil || base < last.base {
			continue
		}
		path := filepath.Join(at, e.Name())
		if base >= next.base {
			next.base, next.path = base, path
		}
		if out, err = f.ifGrown(out, path); err != nil {
			return nil, err
		}
	}
	if looked.Sub(info.ModTime()) > folderClock {
		next.listed = info.ModTime()
	}
	f.newest[folder] = next
	return out, nil
}

func (f *flusher) ifGrown(out []segment, path string) ([]segment, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil // retention removed it, or it was never there
	}
	if err != nil {
		return nil, err
	}
	if size, known := f.synced[path]; !known || size != info.Size() {
		out = append(out, segment{path: path, size: info.Size(), fresh: !known})
	}
	return out, nil
}

func (s *segment) sync() error {
	file, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // retention removed it
	}
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil || !s.fresh {
		return err
	}
	// A new file is in a folder that may be new itself.
	return errors.Join(syncFolder(filepath.Dir(s.path)), syncFolder(filepath.Dir(filepath.Dir(s.path))))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
