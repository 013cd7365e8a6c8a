package verify

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
)

// weary is a Source of whose reader somebody has enough after some fetches of the log.
type weary struct {
	*stored
	left   atomic.Int64
	enough context.CancelFunc
}

func (w *weary) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	if w.kind(from[0].Topic) == domain.TopicLog && w.left.Add(-1) == 0 {
		w.enough()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return w.stored.Fetch(ctx, from, wait, maxBytes)
}

// part verifies until somebody has enough.
func part(t *testing.T, c Config, s *stored, fetches int64, every time.Duration) (*audit.Report, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &weary{stored: s, enough: cancel}
	w.left.Store(fetches)
	c.Source = w
	r := &run{Config: c, began: time.Now(), window: 900, every: every}
	return r.run(ctx)
}

func interruption(err error) bool {
	var i *InterruptedError
	return errors.As(err, &i) && i.Done > 0 && i.Done < i.Total
}

// withHeads is a log with signed checkpoints, of the good log and of another one.
func withHeads(t *testing.T) *stored {
	s := &stored{Corpus: load(t), few: 8}
	ours, _ := signer(t, "understudy.main")
	for _, most := range []int{0, 300, 900, 1 << 20} {
		published(t, s, headOf(s, most), ours)
	}
	s.Topics[domain.TopicLog][1][700].Appended++ // all roots behind it differ
	return s
}

func TestAVerificationThatWasInterruptedEndsAsIfItHadNot(t *testing.T) {
	s := withHeads(t)
	c := Config{Landscape: "main", Codec: s.Codec(), Heads: []audit.HeldHead{{From: "monday.note", Head: headOf(s, 500)}}}
	whole, err := part(t, c, s, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if !whole.Violated() {
		t.Fatal("there is nothing to find")
	}
	interruptions := 0
	for _, fetches := range []int64{200} {
		for _, every := range []time.Duration{50 * time.Millisecond, time.Hour} {
			c.Bookmark = Bookmark{Path: filepath.Join(t.TempDir(), "verify.bookmark"), Build: "this"}
			report, err := part(t, c, s, fetches, every)
			for n := 0; err != nil; n++ {
				if !interruption(err) || !strings.Contains(err.Error(), "with --resume") || n > 1000 {
					t.Fatal(err)
				}
				interruptions++
				c.Bookmark.Resume = true
				report, err = part(t, c, s, fetches, every)
			}
			if report.Resumed == 0 {
				t.Error("nobody is told that the records before were not read again")
			}
			report.Resumed = 0
			if diff := cmp.Diff(whole, report); diff != "" {
				t.Errorf("interrupted every %d fetches: %s", fetches, diff)
			}
			if _, err := os.Stat(c.Bookmark.Path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the bookmark of what is over: %v", err)
			}
		}
	}
	if interruptions < 2 {
		t.Errorf("%d interruptions", interruptions)
	}
}

func TestABookmarkOfAnotherVerificationIsRefused(t *testing.T) {
	s := withHeads(t)
	c := Config{Landscape: "main", Codec: s.Codec(), Bookmark: Bookmark{Path: filepath.Join(t.TempDir(), "verify.bookmark"), Build: "this", Resume: true}}
	if _, err := part(t, c, s, 0, time.Hour); !errors.Is(err, domain.ErrNotFound) || !strings.Contains(err.Error(), "leave --resume out") {
		t.Errorf("without one: %v", err)
	}
	c.Bookmark.Resume = false
	if _, err := part(t, c, s, 40, time.Hour); !interruption(err) {
		t.Fatal(err)
	}
	c.Bookmark.Resume = true
	good, err := os.ReadFile(c.Bookmark.Path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, c Config, s *stored, want error, says string) {
		t.Helper()
		if _, err := part(t, c, s, 0, time.Hour); !errors.Is(err, want) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "without --resume") {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := c
	other.Bookmark.Build = "that"
	refused("another build", other, s, domain.ErrConflict, "another build")
	other = c
	other.Within.Since = 1
	refused("another range", other, s, domain.ErrConflict, "asked for otherwise")
	replaced := &stored{Corpus: load(t), few: 60}
	for p := range replaced.Topics[domain.TopicLog] {
		for i := range replaced.Topics[domain.TopicLog][p] {
			replaced.Topics[domain.TopicLog][p][i].Appended++
		}
	}
	refused("another log", c, replaced, domain.ErrConflict, "another record")
	short := &stored{Corpus: load(t), few: 60}
	for p, list := range short.Topics[domain.TopicLog] {
		short.Topics[domain.TopicLog][p] = list[:min(len(list), 10)]
	}
	refused("a log that was cut", c, short, domain.ErrConflict, "or none")
	for _, at := range []int{0, len(good) / 2, len(good) - 1, len(good) - tailBytes - 1, len(good) - tailBytes, len(good) - 60} {
		bad := slices.Clone(good)
		bad[at] ^= 0x40
		if err := os.WriteFile(c.Bookmark.Path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		refused("a changed byte", c, s, domain.ErrCorrupt, "remove it")
	}
	for _, n := range []int{0, 10, len(good) / 2, len(good) - 1} {
		if err := os.WriteFile(c.Bookmark.Path, good[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		refused("a cut one", c, s, domain.ErrCorrupt, "remove it")
	}
}

// TestAVerificationGoesOnWhereNothingCanBeKept: the bookmark is a convenience. Only who asked
// to go on with one is stopped without it.
func TestAVerificationGoesOnWhereNothingCanBeKept(t *testing.T) {
	s := &stored{Corpus: load(t), few: 8}
	file := filepath.Join(t.TempDir(), "no-folder")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	warned := 0
	c := Config{Landscape: "main", Codec: s.Codec(), Bookmark: Bookmark{Path: filepath.Join(file, "verify.bookmark"), Build: "this"}, Warn: func(error) { warned++ }}
	report, err := part(t, c, s, 0, time.Nanosecond)
	if err != nil || report.Violated() || report.Resumed != 0 {
		t.Fatalf("%v: %+v", err, report)
	}
	if warned == 0 || warned > 2 { // that it cannot be written, and not removed
		t.Errorf("%d warnings", warned)
	}
}

func TestLandscapesOfOneNameHaveBookmarksOfTheirOwn(t *testing.T) {
	one, other := &stored{Corpus: load(t), few: 8}, &stored{Corpus: load(t), few: 8}
	other.Topics[domain.TopicElections][0][0].Appended++
	a, err := Identity(t.Context(), one, "main")
	if err != nil || a == "" {
		t.Fatalf("%q, %v", a, err)
	}
	if b, err := Identity(t.Context(), other, "main"); err != nil || a == b {
		t.Errorf("%q, %v", b, err)
	}
	one.Topics[domain.TopicElections][0] = one.Topics[domain.TopicElections][0][:20]
	if b, err := Identity(t.Context(), one, "main"); err != nil || a != b {
		t.Errorf("as it grows: %q, %v", b, err)
	}
}

func TestABookmarkIsBounded(t *testing.T) {
	b := bounded{to: io.Discard, left: 10}
	if _, err := b.Write(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if _, err := b.Write([]byte{1}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("beyond the bound: %v", err)
	}
}
