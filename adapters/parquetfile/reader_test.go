package parquetfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/adapters/parquetfile"
	"github.com/understudy-io/understudy/domain"
)

// TestAFileIsReadFromAnyOffset: as it was written, with and without gaps between offsets.
func TestAFileIsReadFromAnyOffset(t *testing.T) {
	for _, gap := range []int64{1, 3} {
		var stored []domain.Stored
		path := filepath.Join(t.TempDir(), "x.parquet")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		sink := parquetfile.Begin(f, func(string, int32, *domain.Stored) parquetfile.Described { return parquetfile.Described{} })
		for i := range int64(1500) {
			m := domain.Stored{Offset: 100 + gap*i, Appended: domain.Millis(1_800_000_000_000 + i)}
			m.Key, m.Value, m.Headers = nil, []byte{byte(i)}, []domain.Header{{Key: "ce_id", Value: []byte{}}, {Key: "x"}}
			if i%2 == 0 {
				m.Key, m.Value = []byte{}, nil
			}
			stored = append(stored, m)
			if err := sink.Add("t", 3, &m); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(sink.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		for _, from := range []int64{100, 101, 102, 103, 900, 1599, 1600, 100 + gap*1499} {
			got := behind(t, path, from)
			var want []domain.Stored
			for _, m := range stored {
				if m.Offset >= from {
					want = append(want, m)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("gap %d, from %d: %s", gap, from, d)
			}
		}
	}
	if _, err := parquetfile.Open(filepath.Join(t.TempDir(), "none"), "t", 3, 0, 0); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func behind(t *testing.T, path string, from int64) (out []domain.Stored) {
	t.Helper()
	r, err := parquetfile.Open(path, "t", 3, 100, from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		m, _, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Offset >= from {
			out = append(out, m)
		}
	}
}

// FuzzDamagedFiles: whatever stands in a file, it is read or refused.
func FuzzDamagedFiles(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x.parquet")
	out, err := os.Create(path)
	if err != nil {
		f.Fatal(err)
	}
	sink := parquetfile.Begin(out, func(string, int32, *domain.Stored) parquetfile.Described { return parquetfile.Described{} })
	for i := range int64(40) {
		if err := sink.Add("t", 3, &domain.Stored{Offset: 100 + i, Message: domain.Message{Value: []byte("value")}}); err != nil {
			f.Fatal(err)
		}
	}
	if err := errors.Join(sink.Close(), out.Close()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for at := 0; at < len(good); at += 7 {
		f.Add(at, byte(0xff))
	}
	f.Fuzz(func(t *testing.T, at int, flip byte) {
		b := append([]byte(nil), good...)
		b[int(uint(at)%uint(len(b)))] ^= flip
		name := filepath.Join(t.TempDir(), "y.parquet")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := parquetfile.Open(name, "t", 3, 100, 117)
		if err != nil {
			return
		}
		defer func() { _ = r.Close() }()
		for range 200 {
			if _, _, err := r.Next(); err != nil {
				return
			}
		}
		t.Error("it does not end")
	})
}
