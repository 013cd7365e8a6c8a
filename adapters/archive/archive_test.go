package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/domain"
)

const topic = "understudy.main.log"

func header(k, v string) domain.Header { return domain.Header{Key: k, Value: []byte(v)} }

var event = []domain.Header{
	header("ce_specversion", "1.0"), header("ce_id", `u"1\`), header("ce_source", "/pänel"), header("ce_type", "crosspoint.take.v1"),
	header("ce_time", "2026-01-31T20:14:07.5Z"), header("ce_subject", "videohub-1"), header("content-type", "application/json"),
}

// odd are records that a log can hold, by what is odd about them.
func odd() map[string]domain.Stored {
	reversed := append([]domain.Header{event[3]}, event[0], event[1], event[2])
	records := map[string]domain.Message{
		"an event":                   {Key: []byte("videohub-1"), Value: []byte(`{"destination": 5}`), Headers: event},
		"nothing":                    {},
		"empty is not null":          {Key: []byte{}, Value: []byte{}, Headers: []domain.Header{{Key: "ce_id", Value: []byte{}}}},
		"a null header":              {Headers: []domain.Header{{Key: "x"}, {Key: "", Value: []byte("y")}}},
		"another order":              {Value: []byte("x"), Headers: reversed},
		"a foreign header":           {Value: []byte("x"), Headers: append(event[:7:7], header("traceparent", "00-1"))},
		"a header twice":             {Headers: append(event[:7:7], header("ce_id", "other"))},
		"an empty header":            {Headers: append(event[:7:7], header("ce_user", ""))},
		"control characters":         {Headers: append(event[:4:4], header("ce_subject", "a\nb\x00"))},
		"no UTF-8":                   {Headers: append(event[:4:4], header("ce_subject", "\xff\xfe"))},
		"no time":                    {Headers: append(event[:4:4], header("ce_time", "yesterday"))},
		"rubbish":                    {Key: []byte("\x00\xff"), Value: bytes.Repeat([]byte{0, 1, 255}, 10_000)},
		"what export writes of such": {Headers: []domain.Header{header("ce_specversion", "1.0"), header("ce_id", "0:9"), header("ce_source", "understudy.export"), header("ce_type", "understudy.record.v1")}},
	}
	out := make(map[string]domain.Stored)
	for name, m := range records {
		out[name] = domain.Stored{Message: m, Offset: 1 << 40, Appended: domain.Millis(1769890447250)}
	}
	out["a time before 1970"] = domain.Stored{Appended: domain.Millis(-1)}
	return out
}

// TestEveryRecordComesBackAsItIs: bytes, order of headers, null and empty.
func TestEveryRecordComesBackAsItIs(t *testing.T) {
	for name, m := range odd() {
		line := archive.AppendLine(nil, topic, 3, &m)
		var ce map[string]string
		if err := json.Unmarshal(line, &ce); err != nil {
			t.Errorf("%s: no JSON of texts: %v\n%s", name, err, line)
		}
		for _, required := range []string{"specversion", "id", "source", "type"} {
			if ce[required] == "" {
				t.Errorf("%s: the line is no CloudEvent, %s is missing: %s", name, required, line)
			}
		}
		got, err := archive.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, line)
			continue
		}
		if d := cmp.Diff(m, got.Stored); d != "" || got.Topic != topic || got.Partition != 3 {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestALineThatIsNoRecordIsSaid(t *testing.T) {
	m := odd()["a foreign header"]
	line := strings.TrimSuffix(string(archive.AppendLine(nil, topic, 3, &m)), "\n")
	for name, bad := range map[string]string{
		"empty":               "",
		"cut":                 line[:len(line)/2],
		"no JSON":             "{]}",
		"an attribute forged": strings.Replace(line, "videohub-1", "videohub-2", 1),
		"a number":            strings.Replace(line, `"3"`, `3`, 1),
		"no offset":           strings.Replace(line, `"logoffset":"1099511627776",`, ``, 1),
		"an unknown member":   strings.Replace(line, `"id"`, `"ident"`, 1),
	} {
		if _, err := archive.ParseLine([]byte(bad)); !errors.Is(err, domain.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func now() time.Time { return time.Unix(1_800_000_000, 0) }

func records(from, n int) []domain.Stored {
	var out []domain.Stored
	for i := from; i < from+n; i++ {
		m := domain.Stored{Offset: int64(2 * i), Appended: domain.Millis(int64(1_800_000_000_000 + i))} // offsets may have gaps
		m.Value = bytes.Repeat([]byte{byte(i)}, 100)
		m.Headers = event
		out = append(out, m)
	}
	return out
}

func head(to int64) archive.Head {
	return archive.Head{Landscape: "main", Build: "test", Parts: []archive.Range{
		{Topic: topic, Partition: 0, To: to}, {Topic: topic, Partition: 1, From: 7, To: 7},
	}}
}

// export writes n records in two runs of a program.
func export(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	for _, part := range []int{n / 2, n} {
		w, err := archive.Create(dir, head(int64(2*part)), now)
		if err != nil {
			t.Fatal(err)
		}
		begun := int(w.Next(topic, 0) / 2)
		if err := w.Append(topic, 0, records(begun, part-begun), int64(2*part)); err != nil {
			t.Fatal(err)
		}
		if m, err := w.Close(); err != nil || !m.Complete() {
			t.Fatal(m, err)
		}
	}
	return dir
}

func fetch(l *archive.Log, offset int64, bytes int) domain.Fetched {
	out, err := l.Fetch(context.Background(), []domain.FetchFrom{{Topic: topic, Offset: offset}}, 0, bytes)
	if out == nil {
		return domain.Fetched{Err: err}
	}
	return out[0]
}

func TestAFolderIsALog(t *testing.T) {
	const n = 3000
	l, err := archive.Open(export(t, n))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	bounds, err := l.Bounds(t.Context(), topic)
	if err != nil || !cmp.Equal(bounds, []domain.Bounds{{End: 2 * n}, {Start: 7, End: 7}}) {
		t.Fatalf("bounds %v, %v", bounds, err)
	}
	var got []domain.Stored
	for next := int64(0); next < 2*n; {
		f := fetch(l, next, 50_000)
		if f.Err != nil || f.Next <= next {
			t.Fatalf("at %d: %+v", next, f)
		}
		got, next = append(got, f.Messages...), f.Next
	}
	if d := cmp.Diff(records(0, n), got); d != "" {
		t.Error(d)
	}
	// Anywhere, also where no record stands.
	for _, offset := range []int64{0, 1, 2 * 77, 2*n/2 - 1, 2 * n / 2, 2*n - 3, 2*n - 2} {
		f := fetch(l, offset, 1)
		if want := (offset + 1) / 2 * 2; f.Err != nil || len(f.Messages) == 0 || f.Messages[0].Offset != want {
			t.Errorf("at %d: %+v", offset, f.Err)
		}
	}
	if f := fetch(l, 2*n+1, 1); !errors.Is(f.Err, domain.ErrNotFound) {
		t.Errorf("behind the end: %v", f.Err)
	}
}

func TestADamagedFolderIsSaid(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"cut in the middle":  func(b []byte) []byte { return b[:len(b)/2] },
		"a byte flipped":     func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"a value flipped":    func(b []byte) []byte { i := bytes.Index(b, []byte("AAAA")); b[i] = 'B'; return b },
		"another line twice": func(b []byte) []byte { i := bytes.IndexByte(b, '\n'); copy(b[i+1:], b[:i+1]); return b },
	} {
		dir := export(t, 100)
		path := filepath.Join(dir, fmt.Sprintf("log-0-%020d.jsonl", 0))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(b), 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := archive.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var said error
		for next := int64(0); next < 200 && said == nil; {
			f := fetch(l, next, 1<<20)
			said, next = f.Err, f.Next
		}
		if !errors.Is(said, domain.ErrCorrupt) || !strings.Contains(said.Error(), filepath.Base(path)) {
			t.Errorf("%s: %v", name, said)
		}
		_ = l.Close()
	}
}

func TestAnExportGoesOnlyWhereItBelongs(t *testing.T) {
	dir := export(t, 100)
	other := head(200)
	other.Landscape = "other"
	if _, err := archive.Create(dir, other, now); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("another landscape: %v", err)
	}
	gap := head(300)
	gap.Parts[0].From = 250
	if _, err := archive.Create(dir, gap, now); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("a gap: %v", err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "letters"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Create(full, head(1), now); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("a folder of something else: %v", err)
	}
	if _, err := archive.Open(full); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("no export: %v", err)
	}
}

func FuzzParseLine(f *testing.F) {
	for _, m := range odd() {
		f.Add(bytes.TrimSuffix(archive.AppendLine(nil, topic, 3, &m), []byte("\n")))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := archive.ParseLine(bytes.Clone(line))
		if err != nil {
			return
		}
		again, err := archive.ParseLine(bytes.TrimSuffix(archive.AppendLine(nil, got.Topic, got.Partition, &got.Stored), []byte("\n")))
		if err != nil || !cmp.Equal(got, again) {
			t.Errorf("%q: %v: %s", line, err, cmp.Diff(got, again))
		}
	})
}

// TestAFileIsNoExport: and that is said, not what the operating system calls it.
func TestAFileIsNoExport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.ReadManifest(file); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "is a file, and an export is a folder") {
		t.Errorf("it says %v", err)
	}
}

// A log can hold a record of 50 MiB, in a compressed batch of some KB; an export that
// holds it too must be read again.
func TestALargeRecordComesBackFromAnExport(t *testing.T) {
	dir := t.TempDir()
	w, err := archive.Create(dir, archive.Head{Landscape: "main", Parts: []archive.Range{{Topic: topic, To: 2}}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	large := domain.Stored{Message: domain.Message{Headers: event, Value: make([]byte, 50<<20)}, Appended: domain.Millis(1769890447250)}
	small := domain.Stored{Message: domain.Message{Headers: event, Value: []byte("{}")}, Offset: 1, Appended: domain.Millis(1769890447251)}
	if err := w.Append(topic, 0, []domain.Stored{large, small}, 2); err != nil {
		t.Fatal(err)
	}
	if m, err := w.Close(); err != nil || !m.Complete() {
		t.Fatal(m.Complete(), err)
	}
	l, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var sizes []int
	for at := int64(0); at < 2; {
		out, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Offset: at}}, 0, 1<<20)
		if err != nil {
			t.Fatalf("the export was said to be complete, and cannot be read at offset %d: %v", at, err)
		}
		for _, m := range out[0].Messages {
			sizes = append(sizes, len(m.Value))
		}
		at = out[0].Next
	}
	if d := cmp.Diff([]int{50 << 20, 2}, sizes); d != "" {
		t.Error(d)
	}
}

// A manifest from elsewhere must not make a reader lay out two thousand million places.
func TestAManifestWithAnImpossiblePartitionIsRefused(t *testing.T) {
	for partition, ok := range map[int32]bool{1023: true, 1024: false, 1<<31 - 1: false} {
		dir := t.TempDir()
		b, err := json.Marshal(archive.Manifest{Format: archive.Format, Head: archive.Head{
			Landscape: "main", Parts: []archive.Range{{Topic: topic, Partition: partition}},
		}})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "manifest.json"), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		l, err := archive.Open(dir)
		if ok && err != nil || !ok && !errors.Is(err, domain.ErrCorrupt) {
			t.Errorf("partition %d: %v", partition, err)
		}
		if l != nil {
			_ = l.Close()
		}
	}
}
