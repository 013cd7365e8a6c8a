package snapshotfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// at is a snapshot of an empty landscape, told apart by its time.
func at(n domain.Instant) snapshot.Source {
	from := reaching(0)
	from.TakenAt = n
	return from
}

func open(t *testing.T, dir string) (*Store, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s, &log
}

func save(t *testing.T, s *Store, n domain.Instant) {
	t.Helper()
	if err := s.Save(at(n), nil); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := osDisk{}.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTheNewestIsLoadedAndFewAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "snapshots")
	s, log := open(t, dir)
	if _, err := s.Load("studio", 1); !errors.Is(err, domain.ErrNotFound) {
		t.Fatalf("error %v of an empty folder, want not found", err)
	}
	for n := domain.Instant(1); n <= 5; n++ {
		save(t, s, n)
	}
	s, _ = open(t, dir)
	r, err := s.Load("studio", 1)
	if err != nil || r.Snapshot.TakenAt != 5 || len(r.States) != 1 {
		t.Fatalf("snapshot %v, error %v, want the fifth", r.Snapshot.TakenAt, err)
	}
	if list := files(t, dir); len(list) != 3 {
		t.Fatalf("files %v, want the newest two and the first that could be agreed", list)
	}
	if log.Len() > 0 {
		t.Fatalf("log %s", log)
	}
}

// reaching is a landscape whose partitions go to these offsets.
func reaching(offsets ...int64) snapshot.Source {
	n := int32(len(offsets))
	return snapshot.Source{Landscape: "studio", Partitions: n, Part: func(p int32) (snapshot.State, domain.Fingerprint, error) {
		s := partition.New(p, n, partition.Limits{})
		for s.Next() < offsets[p] {
			s.Apply(domain.Record{Position: domain.Position{Partition: p, Offset: s.Next()}, Defect: domain.DefectType})
		}
		if s.Next() == 0 {
			return s.Freeze(), domain.Fingerprint{}, nil
		}
		return s.Freeze(), domain.FingerprintOf(domain.Stored{Offset: s.Next() - 1}), nil
	}}
}

func TestTheNewestThatWasAgreedIsKeptAndGivenToFoldAgainFrom(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	for _, step := range []struct {
		reach, agreed, want []int64 // want: the bases that are there afterwards, up to what was agreed
	}{
		{reach: []int64{1, 2}, agreed: []int64{0, 0}, want: []int64{0, 0}},
		{reach: []int64{2, 4}, agreed: []int64{0, 0}, want: []int64{0, 0}},
		{reach: []int64{3, 6}, agreed: []int64{0, 0}, want: []int64{0, 0}},
		{reach: []int64{4, 8}, agreed: []int64{1, 3}, want: []int64{1, 2}},
		{reach: []int64{5, 9}, agreed: []int64{1, 3}, want: []int64{1, 2}},
		{reach: []int64{6, 9}, agreed: []int64{1, 3}, want: []int64{1, 2}},
		{reach: []int64{7, 9}, agreed: []int64{6, 9}, want: []int64{6, 9}},
		{reach: []int64{8, 10}, agreed: []int64{6, 9}, want: []int64{6, 9}},
		{reach: []int64{9, 11}, agreed: []int64{6, 9}, want: []int64{6, 9}},
		{reach: []int64{9, 12}, agreed: []int64{7, 9}, want: []int64{7, 9}},
	} {
		if err := s.Save(reaching(step.reach...), step.agreed); err != nil {
			t.Fatal(err)
		}
		for p, base := range s.Bases("studio", 2, step.agreed) {
			got := int64(0)
			if base != nil {
				got = base.Next()
			}
			if got != step.want[p] {
				t.Errorf("saved %v, agreed %v: the base of partition %d goes to %d, want %d", step.reach, step.agreed, p, got, step.want[p])
			}
		}
		if n := len(files(t, dir)); n > 4 {
			t.Errorf("%d files are kept", n)
		}
	}
	for _, wrong := range [][]*partition.State{s.Bases("other", 2, []int64{9, 9}), s.Bases("studio", 3, []int64{9, 9, 9})} {
		for _, base := range wrong {
			if base != nil {
				t.Error("a base of something else")
			}
		}
	}
}

func TestABrokenSnapshotIsNoBase(t *testing.T) {
	s, log := open(t, t.TempDir())
	for _, snap := range []snapshot.Source{reaching(3, 3), reaching(5, 5)} {
		if err := s.Save(snap, []int64{9, 9}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(s.path(2))
	b[len(b)-1] ^= 1
	if err := errors.Join(err, os.WriteFile(s.path(2), b, 0o600)); err != nil {
		t.Fatal(err)
	}
	bases := s.Bases("studio", 2, []int64{9, 9})
	if bases[0] == nil || bases[0].Next() != 3 || !strings.Contains(log.String(), s.path(2)) {
		t.Fatalf("bases %v, log %q", bases, log)
	}
}

func TestAfterADropNothingIsSavedAnyMore(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	save(t, s, 1)
	if err := s.Drop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(at(2), nil); !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("error %v", err)
	}
	if list := files(t, dir); len(list) > 0 {
		t.Fatalf("files %v", list)
	}
	s, _ = open(t, dir)
	save(t, s, 3)
}

func TestABrokenSnapshotGivesWayToTheOneBefore(t *testing.T) {
	for sentence, spoil := range map[string]func(path string) error{
		"a changed byte": func(path string) error {
			b, err := os.ReadFile(path)
			b[len(b)/2] ^= 1
			return errors.Join(err, os.WriteFile(path, b, 0o600))
		},
		"half a file":      func(path string) error { return os.Truncate(path, 60) },
		"an empty file":    func(path string) error { return os.Truncate(path, 0) },
		"an enormous file": func(path string) error { return os.Truncate(path, snapshot.MaxBytes+1) },
		"a folder": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			dir := t.TempDir()
			s, log := open(t, dir)
			save(t, s, 1)
			save(t, s, 2)
			if err := spoil(s.path(2)); err != nil {
				t.Fatal(err)
			}
			r, err := s.Load("studio", 1)
			if err != nil || r.Snapshot.TakenAt != 1 {
				t.Fatalf("snapshot %v, error %v, want the first", r.Snapshot.TakenAt, err)
			}
			if !strings.Contains(log.String(), s.path(2)) {
				t.Fatalf("log %q does not name the file", log)
			}
		})
	}
}

func TestASnapshotOfSomethingElseIsRefusedAndNotTouched(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	save(t, s, 1)
	for _, c := range []struct {
		landscape  string
		partitions int32
		says       string
	}{{"other", 1, `"studio"`}, {"studio", 8, "1 partitions"}} {
		_, err := s.Load(c.landscape, c.partitions)
		if !errors.Is(err, domain.ErrNotFound) || !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), c.says) ||
			!strings.Contains(err.Error(), "fold the log") {
			t.Errorf("%s of %d: error %v", c.landscape, c.partitions, err)
		}
	}
	if _, err := s.Load("studio", 1); err != nil {
		t.Fatal(err)
	}
}

func TestWhatACrashLeftIsClearedAwayAndStrangersAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	save(t, s, 1)
	for _, name := range []string{filepath.Base(s.path(2)) + aside, "notes.txt", "7.snapshot"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, _ = open(t, dir)
	save(t, s, 2)
	save(t, s, 3)
	want := "00000000000000000002.snapshot 00000000000000000003.snapshot 7.snapshot notes.txt"
	if got := strings.Join(files(t, dir), " "); got != want {
		t.Fatalf("files %s, want %s", got, want)
	}
}

// faulty is a disk on which one step fails.
type faulty struct {
	osDisk
	step string
	err  error
}

func (d *faulty) fails(step string) error {
	if d.step == step {
		return &fs.PathError{Op: step, Path: "x", Err: d.err}
	}
	return nil
}

func (d *faulty) MkdirAll(dir string) error {
	return errors.Join(d.fails("mkdir"), d.osDisk.MkdirAll(dir))
}

// Write fails when half of the bytes are there.
func (d *faulty) Write(path string, fill func(io.WriteSeeker) error) error {
	if err := d.fails("write"); err != nil {
		return errors.Join(d.osDisk.Write(path, fill), os.Truncate(path, 100), err)
	}
	return d.osDisk.Write(path, fill)
}

func (d *faulty) Rename(from, to string) error {
	if err := d.fails("rename"); err != nil {
		return err
	}
	return d.osDisk.Rename(from, to)
}

func (d *faulty) Sync(dir string) error { return errors.Join(d.fails("sync"), d.osDisk.Sync(dir)) }

func TestAFailedSaveKeepsWhatWasThereAndSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		step  string
		err   error
		says  string
		class error
	}{
		{"write", syscall.ENOSPC, "disk is full", domain.ErrTransient},
		{"write", syscall.EDQUOT, "disk is full", domain.ErrTransient},
		{"write", syscall.EIO, "input/output error", domain.ErrTransient},
		{"write", syscall.EROFS, "read-only", domain.ErrInvalid},
		{"write", syscall.EACCES, "may not write", domain.ErrInvalid},
		{"rename", syscall.ENOSPC, "disk is full", domain.ErrTransient},
		{"sync", syscall.EIO, "input/output error", domain.ErrTransient},
	} {
		t.Run(c.step+" "+c.err.Error(), func(t *testing.T) {
			dir := t.TempDir()
			d := &faulty{}
			s, err := OpenOn(d, dir, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			save(t, s, 1)
			save(t, s, 2)
			d.step, d.err = c.step, c.err
			err = s.Save(at(3), nil)
			if !errors.Is(err, c.err) || !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("error %v, want it to say %q and to name the folder", err, c.says)
			}
			for _, name := range files(t, dir) {
				if strings.HasSuffix(name, aside) {
					t.Errorf("%s was left behind", name)
				}
			}
			if r, err := s.Load("studio", 1); err != nil || r.Snapshot.TakenAt < 2 {
				t.Fatalf("snapshot %v, error %v, want the second at least", r.Snapshot.TakenAt, err)
			}
			d.step = ""
			save(t, s, 4)
		})
	}
}

func TestAFolderThatCannotBeMadeIsExplained(t *testing.T) {
	_, err := OpenOn(&faulty{step: "mkdir", err: syscall.EROFS}, t.TempDir(), slog.New(slog.DiscardHandler))
	if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "read-only") {
		t.Fatalf("error %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "snapshots"), slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("a file is taken for a folder")
	}
}

func TestARealFolderThatIsReadOnlyIsExplained(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere; the test above injects the error instead")
	}
	dir := t.TempDir()
	s, _ := open(t, dir)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(at(1), nil); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "may not write") {
		t.Fatalf("error %v", err)
	}
}
