package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/adapters/snapshotfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// folder is where each server keeps its snapshots.
const folder = "snapshots"

// disk is a host's file system, which outlives a server. What was renamed or
// removed in a folder is certain only once the folder was flushed.
type disk struct {
	files     map[string][]byte
	unflushed []func() // undo what a crash of the host may undo, oldest first
	image     map[string][]byte
	full      bool
}

// crash loses what was not flushed, or a part of it.
func (d *disk) crash(w *world) {
	for len(d.unflushed) > 0 && w.chance(0.5) {
		last := len(d.unflushed) - 1
		d.unflushed[last]()
		d.unflushed = d.unflushed[:last]
		w.stats.undone++
	}
	d.unflushed = nil
}

// newest is the name of the snapshot that was written last; empty if there is none.
func (d *disk) newest() string {
	names := slices.Sorted(maps.Keys(d.files))
	for _, name := range slices.Backward(names) {
		if path.Ext(name) == ".snapshot" {
			return name
		}
	}
	return ""
}

// damage does to the newest snapshot what disks, copies and other builds do.
func (d *disk) damage(arg int) {
	name := d.newest()
	b := slices.Clone(d.files[name])
	if len(b) == 0 {
		return
	}
	switch arg % 4 {
	case 0:
		b = b[:arg%len(b)]
	case 1:
		b[arg%len(b)] ^= 1 << (arg % 8)
	default:
		snap, err := snapshot.Decode(b)
		if err != nil || len(snap.Log) == 0 {
			return
		}
		if arg%4 == 2 {
			snap.Landscape = "another"
		} else {
			snap.Partitions--
		}
		if b, err = snapshot.Encode(snap.Source()); err != nil {
			return
		}
	}
	d.files[name] = b
}

// saveImage keeps all files as they are; restoreImage brings them back.
func (d *disk) saveImage()    { d.image = maps.Clone(d.files) }
func (d *disk) restoreImage() { d.files, d.unflushed = maps.Clone(d.image), nil }

// processDisk is the disk as one process has it, which can be killed before and
// after each of its calls, and in the middle of a write.
type processDisk struct {
	s *server
	*disk
}

var _ snapshotfile.Disk = processDisk{}

// errEnded is what a call gives whose process has ended: nobody hears it.
var errEnded = errors.New("the process has ended")

// call makes a call that its process may not survive.
func (d processDisk) call(at point, do func() error) error {
	if d.s.reach(at); d.s.dead {
		return errEnded
	}
	err := do()
	if d.s.reach(at + 1); d.s.dead {
		return errEnded
	}
	return err
}

func (d processDisk) MkdirAll(string) error { return nil }

func (d processDisk) List(string) ([]string, error) { return slices.Sorted(maps.Keys(d.files)), nil }

func (d processDisk) Read(name string, limit int64) ([]byte, error) {
	b, ok := d.files[path.Base(name)]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%d bytes are over the limit: %w", len(b), domain.ErrCorrupt)
	}
	return b, nil
}

func (d processDisk) Write(name string, fill func(io.WriteSeeker) error) error {
	var f file
	if err := fill(&f); err != nil {
		return err
	}
	b := f.bytes
	return d.call(pointWrite, func() error {
		name = path.Base(name)
		d.files[name] = b[:len(b)/2]
		if d.s.reach(pointHalf); d.s.dead {
			return errEnded
		}
		if d.full {
			return syscall.ENOSPC
		}
		d.files[name] = b
		return nil
	})
}

// file is what is written, in memory.
type file struct {
	bytes []byte
	at    int
}

func (f *file) Write(b []byte) (int, error) {
	if more := f.at + len(b) - len(f.bytes); more > 0 {
		f.bytes = append(f.bytes, make([]byte, more)...)
	}
	f.at += copy(f.bytes[f.at:], b)
	return len(b), nil
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	f.at = int(offset)
	return offset, nil
}

func (d processDisk) Rename(from, to string) error {
	return d.call(pointRename, func() error {
		from, to := path.Base(from), path.Base(to)
		b := d.files[from]
		delete(d.files, from)
		d.files[to] = b
		d.unflushed = append(d.unflushed, func() { delete(d.files, to); d.files[from] = b })
		return nil
	})
}

func (d processDisk) Sync(string) error {
	return d.call(pointFlush, func() error { d.unflushed = nil; return nil })
}

func (d processDisk) Remove(name string) error {
	return d.call(pointRemove, func() error {
		name := path.Base(name)
		b, ok := d.files[name]
		if !ok {
			return fs.ErrNotExist
		}
		delete(d.files, name)
		d.unflushed = append(d.unflushed, func() { d.files[name] = b })
		return nil
	})
}

// openStore opens the folder of snapshots as each start of a server does.
func (s *server) openStore() bool {
	store, err := snapshotfile.OpenOn(processDisk{s, &s.host.disk}, folder, slog.New(refusals{slog.DiscardHandler, s}))
	if err != nil {
		if !s.dead {
			s.w.failf("%s cannot open its folder: %v", s.incarnation, err)
		}
		return false
	}
	s.store = store
	return true
}

// refusals hears of the snapshots that a store refuses.
type refusals struct {
	slog.Handler
	s *server
}

func (r refusals) Enabled(context.Context, slog.Level) bool { return true }

func (r refusals) Handle(_ context.Context, record slog.Record) error {
	r.s.w.stats.refusedFiles++
	r.s.w.tell("%s: %s", r.s.incarnation, record.Message)
	return nil
}

// load gives the newest good snapshot of the host's disk.
func (s *server) load() (snapshot.Restored, bool) {
	restored, err := s.store.Load(landscape, s.w.plan.Partitions)
	if err != nil {
		if s.host.disk.newest() != "" {
			s.w.stats.refusedFiles++
			s.w.tell("%s: %v", s.incarnation, err)
		}
		return snapshot.Restored{}, false
	}
	s.w.stats.loaded++
	s.w.tell("%s begins with a snapshot", s.incarnation)
	s.w.checks.loaded(s, restored.States)
	return restored, true
}

func (s *server) saveIfDue() {
	s.after(s.w.plan.SaveEvery, s.saveIfDue)
	if s.saving || !s.worthSaving() {
		return
	}
	s.saving, s.since = true, 0
	s.capture(make([]captured, s.w.plan.Partitions), 0)
}

func (s *server) worthSaving() bool {
	return !s.coreMachine.Doubted() && s.coreMachine.CaughtUp() && s.since > 0
}

// captured is a partition of which a snapshot is taken.
type captured struct {
	state *partition.Frozen
	last  domain.Fingerprint
}

func (s *server) captureOne(p int) captured {
	return captured{s.coreMachine.States()[p].Freeze(), s.last[p]}
}

// capture takes one partition after the other in the core's loop, which has its
// other duties in between, also between the devices of a partition.
func (s *server) capture(all []captured, p int) {
	s.core.tell(coreInput{call: func() {
		all[p] = s.captureOne(p)
		s.export(all, p)
	}})
}

func (s *server) export(all []captured, p int) {
	s.core.tell(coreInput{call: func() {
		if !all[p].state.Step() {
			s.export(all, p)
			return
		}
		if s.reach(pointExported); s.dead {
			return
		}
		if p+1 < len(all) {
			s.capture(all, p+1)
			return
		}
		agreed := s.coreMachine.Proven()
		s.after(s.w.between(100*time.Microsecond, 5*time.Millisecond), func() {
			s.save(all, agreed)
			s.saving = false
		})
	}})
}

// save writes the file as the product does. A full disk is no reason to end.
func (s *server) save(all []captured, agreed []int64) {
	err := s.store.Save(snapshot.Source{
		Landscape: landscape, Partitions: s.w.plan.Partitions, TakenAt: s.host.wall(),
		Part: func(p int32) (snapshot.State, domain.Fingerprint, error) { return all[p].state, all[p].last, nil },
	}, agreed)
	switch {
	case s.dead || errors.Is(err, errEnded) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, domain.ErrConflict):
	case err != nil:
		s.w.failf("%s cannot save a snapshot: %v", s.incarnation, err)
	default:
		s.w.checks.saved(s, s.host.disk.files[s.host.disk.newest()])
	}
}

// saveAtEnd takes the last snapshot of a process that ends in order.
func (s *server) saveAtEnd() {
	if s.saving || s.w.plan.SaveEvery == 0 || !s.worthSaving() {
		return
	}
	all := make([]captured, s.w.plan.Partitions)
	for p := range all {
		for all[p] = s.captureOne(p); !all[p].state.Step(); {
		}
	}
	s.save(all, s.coreMachine.Proven())
}
