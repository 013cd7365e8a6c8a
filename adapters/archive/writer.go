package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const (
	// fileBytes is about how long a file gets: what a crash costs, and what is
	// read to find a moment in it.
	fileBytes = 64 << 20
	// bufferBytes is written at once.
	bufferBytes = 256 << 10
	// unfinished ends the name of a file that the manifest does not name yet.
	unfinished = ".partial"
)

// Writer fills a folder. It belongs to one goroutine.
type Writer struct {
	dir      string
	manifest Manifest
	form     Form
	open     map[place]*segment
	limit    int64
	now      func() time.Time
}

// Form is how files hold records. Its Name stands in the manifest, Suffix ends
// the names of files.
type Form struct {
	Name, Suffix string
	Begin        func(w io.Writer) Sink
	// Open reads a file again, from an offset or a little before; nil for lines.
	Open func(path string, f File, from int64) (Reading, error)
	// Daily begins a new file with each day, in UTC.
	Daily bool
}

// Sink takes the records of one file.
type Sink interface {
	Add(topic string, partition int32, m *domain.Stored) error
	Close() error
}

// Lines is the form that this package reads.
func Lines() Form {
	return Form{Name: Format, Suffix: ".jsonl", Begin: func(w io.Writer) Sink { return &lines{to: w} }}
}

// lines is a file of JSON lines.
type lines struct {
	to   io.Writer
	line []byte
}

func (l *lines) Add(topic string, partition int32, m *domain.Stored) error {
	l.line = AppendLine(l.line[:0], topic, partition, m)
	if len(l.line) > maxLine {
		return fmt.Errorf("the record of %s/%d at offset %d is a line of %d bytes, and no reader takes more than %d: %w",
			topic, partition, m.Offset, len(l.line), maxLine, domain.ErrInvalid)
	}
	_, err := l.to.Write(l.line)
	return err
}

func (l *lines) Close() error { return nil }

// Create begins a folder, or goes on with one of the same landscape whose ranges
// begin at the same offsets: what it holds is not written again. One that holds
// less than head says gets longer.
func Create(dir string, head Head, now func() time.Time) (*Writer, error) {
	return CreateAs(Lines(), dir, head, now)
}

// CreateAs is Create in a form.
func CreateAs(form Form, dir string, head Head, now func() time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("export to %s: %w", dir, err)
	}
	w := &Writer{dir: dir, form: form, open: make(map[place]*segment), limit: fileBytes, now: now}
	had, err := readManifest(dir, form.Name)
	switch {
	case errors.Is(err, domain.ErrNotFound):
		if err := empty(dir); err != nil {
			return nil, err
		}
		w.manifest = Manifest{Format: form.Name, Head: head}
	case err != nil:
		return nil, err
	default:
		w.manifest = had
		if err := w.manifest.extend(dir, head); err != nil {
			return nil, err
		}
	}
	return w, w.save()
}

// empty keeps an export out of a folder of something else.
func empty(dir string) error {
	there, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	for _, f := range there {
		if !strings.HasSuffix(f.Name(), unfinished) && !strings.HasPrefix(f.Name(), manifestName) {
			return fmt.Errorf("%s holds other files (%s); name a new folder: %w", dir, f.Name(), domain.ErrConflict)
		}
	}
	return nil
}

// extend takes over ranges that go further.
func (m *Manifest) extend(dir string, head Head) error {
	if m.Landscape != head.Landscape {
		return fmt.Errorf("%s holds landscape %q, this is %q; name another folder: %w", dir, m.Landscape, head.Landscape, domain.ErrConflict)
	}
	for _, r := range head.Parts {
		i := slices.IndexFunc(m.Parts, func(o Range) bool { return o.Topic == r.Topic && o.Partition == r.Partition })
		switch {
		case i < 0:
			m.Parts = append(m.Parts, r)
		case r.From != m.Parts[i].From && r.From > m.Done(r.Topic, r.Partition):
			return fmt.Errorf("%s holds %s/%d from offset %d up to %d, this would begin at %d and leave a gap; name another folder: %w",
				dir, r.Topic, r.Partition, m.Parts[i].From, m.Done(r.Topic, r.Partition), r.From, domain.ErrConflict)
		default:
			m.Parts[i].To = max(m.Parts[i].To, r.To)
		}
	}
	m.Build = head.Build
	return nil
}

// Head is what the folder is to hold, what an earlier run has begun included.
func (w *Writer) Head() Head { return w.manifest.Head }

// Next is the first offset of a partition that the folder does not hold.
func (w *Writer) Next(topic string, partition int32) int64 {
	return w.manifest.Done(topic, partition)
}

// Append adds records of a partition, in their order, up to, not including, next.
func (w *Writer) Append(topic string, partition int32, messages []domain.Stored, next int64) error {
	at := place{topic, partition}
	s := w.open[at]
	if s == nil {
		var err error
		if s, err = w.begin(at); err != nil {
			return w.failed(err)
		}
	}
	for i := range messages {
		if messages[i].Offset < s.Next {
			return fmt.Errorf("export: %s/%d offset %d comes after %d: %w", topic, partition, messages[i].Offset, s.Next-1, domain.ErrCorrupt)
		}
		if w.form.Daily && s.Records > 0 && day(messages[i].Appended) != s.day {
			if err := w.end(at, s); err != nil {
				return err
			}
			var err error
			if s, err = w.begin(at); err != nil {
				return w.failed(err)
			}
		}
		if err := s.add(&messages[i]); err != nil {
			return w.failed(err)
		}
	}
	s.Next = max(s.Next, next)
	if s.Bytes >= w.limit {
		return w.end(at, s)
	}
	return nil
}

func (w *Writer) failed(err error) error {
	if errors.Is(err, domain.ErrInvalid) { // no disk is to blame, and no other run ends otherwise
		return fmt.Errorf("write the export: %w", err)
	}
	return fmt.Errorf("write the export: make room, or mend the folder, and give the same command again; what is in the manifest stays: %w", err)
}

// segment is a file that is being written.
type segment struct {
	File
	f    *os.File
	out  *bufio.Writer
	sum  hash.Hash
	sink Sink
	day  string
}

// day is that of an append time, in UTC.
func day(at domain.Instant) string { return time.Unix(0, int64(at)).UTC().Format(time.DateOnly) }

// Write takes what the sink writes.
func (s *segment) Write(b []byte) (int, error) {
	n, err := s.out.Write(b)
	s.sum.Write(b[:n])
	s.Bytes += int64(n)
	return n, err
}

func (w *Writer) begin(at place) (*segment, error) {
	from := w.manifest.Done(at.topic, at.partition)
	if from < 0 {
		return nil, fmt.Errorf("%s/%d is not to be exported: %w", at.topic, at.partition, domain.ErrInvalid)
	}
	kind := at.topic[strings.LastIndexByte(at.topic, '.')+1:]
	s := &segment{sum: sha256.New()}
	s.File = File{
		Name:  fmt.Sprintf("%s-%d-%020d%s", kind, at.partition, from, w.form.Suffix),
		Topic: at.topic, Partition: at.partition, From: from, Next: from,
	}
	var err error
	s.f, err = os.OpenFile(filepath.Join(w.dir, s.Name+unfinished), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewWriterSize(s.f, bufferBytes)
	s.sink = w.form.Begin(s)
	s.Tree = w.manifest.treeOf(at, kind)
	w.open[at] = s
	return s, nil
}

func (s *segment) add(m *domain.Stored) error {
	if err := s.sink.Add(s.Topic, s.Partition, m); err != nil {
		return err
	}
	s.day = day(m.Appended)
	if s.Tree != nil {
		s.Tree.Add(m)
	}
	s.Records++
	s.Next = m.Offset + 1
	t := time.Unix(0, int64(m.Appended)).UTC()
	if s.First.IsZero() || t.Before(s.First) {
		s.First = t
	}
	if t.After(s.Last) {
		s.Last = t
	}
	return nil
}

// end closes a file and puts it into the manifest.
func (w *Writer) end(at place, s *segment) error {
	delete(w.open, at)
	path := filepath.Join(w.dir, s.Name)
	if err := errors.Join(s.sink.Close(), s.out.Flush(), s.f.Sync(), s.f.Close()); err != nil {
		return w.failed(err)
	}
	s.SHA256 = hex.EncodeToString(s.sum.Sum(nil))
	if err := os.Rename(path+unfinished, path); err != nil {
		return w.failed(err)
	}
	w.manifest.Files = append(w.manifest.Files, s.File)
	return w.save()
}

func (w *Writer) save() error {
	w.manifest.Updated = w.now().UTC()
	if err := w.manifest.write(w.dir); err != nil {
		return w.failed(err)
	}
	return nil
}

// Close ends all files. It says what the folder holds now.
func (w *Writer) Close() (Manifest, error) {
	var first error // the others say the same of other files
	for at, s := range w.open {
		if err := w.end(at, s); first == nil {
			first = err
		}
	}
	return w.manifest, first
}

// Abort leaves what is in the manifest, and drops the rest.
func (w *Writer) Abort() {
	for at, s := range w.open {
		delete(w.open, at)
		_ = s.f.Close()
		_ = os.Remove(filepath.Join(w.dir, s.Name+unfinished))
	}
}
