package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/understudy-io/understudy/domain"
)

// Reading reads the records of one file that is not of lines, in their order.
type Reading interface {
	// Next gives the next record, and about how many bytes it has; io.EOF behind the
	// last one.
	Next() (m domain.Stored, size int, err error)
	Close() error
}

// records reads files of a partition one after the other.
type records interface {
	read(maxBytes int) ([]domain.Stored, error)
	position() int64 // the offset to be read next
	close() error
}

func (l *Log) records(files []File, next int64) records {
	if l.form.Open == nil {
		return &cursor{dir: l.dir, files: files, next: next}
	}
	return &rows{open: l.form.Open, dir: l.dir, files: files, next: next}
}

// rows reads files of a form with a reader of its own.
type rows struct {
	open  func(path string, f File, from int64) (Reading, error)
	dir   string
	files []File
	next  int64

	at   int // of files: the one that is open
	in   Reading
	left int64 // records of the file that are still to come; -1 if it was not read from its first
}

func (r *rows) position() int64 { return r.next }

func (r *rows) read(maxBytes int) ([]domain.Stored, error) {
	var out []domain.Stored
	for size := 0; size < maxBytes; {
		if r.in == nil {
			if more, err := r.begin(); !more || err != nil {
				return out, err
			}
		}
		file := &r.files[r.at]
		m, n, err := r.in.Next()
		switch {
		case errors.Is(err, io.EOF):
			if r.left > 0 {
				return nil, r.damaged(fmt.Errorf("%w: it holds %d records less than the manifest says", domain.ErrCorrupt, r.left))
			}
			r.next = max(r.next, file.Next)
			if err := r.close(); err != nil {
				return out, err
			}
			if len(out) > 0 {
				return out, nil
			}
			continue
		case err != nil:
			return nil, r.damaged(err)
		case m.Offset < file.From || m.Offset >= file.Next || r.left >= 0 && m.Offset < r.next:
			return nil, r.damaged(fmt.Errorf("%w: offset %d stands behind offset %d", domain.ErrCorrupt, m.Offset, r.next-1))
		case m.Offset < r.next:
			continue // it is searched
		}
		if r.left > 0 {
			r.left--
		}
		out = append(out, m)
		size += n
		r.next = m.Offset + 1
	}
	return out, nil
}

// begin opens the file that holds next; false behind the last one. One that is to be
// read from end to end is compared with its sum before.
func (r *rows) begin() (bool, error) {
	for r.at = 0; r.at < len(r.files) && r.files[r.at].Next <= r.next; r.at++ {
	}
	if r.at == len(r.files) {
		return false, nil
	}
	file := &r.files[r.at]
	path := filepath.Join(r.dir, file.Name)
	r.left = -1
	if r.next == file.From {
		r.left = file.Records
		if err := sameSum(path, file); err != nil {
			return false, r.damaged(err)
		}
	}
	var err error
	if r.in, err = r.open(path, *file, r.next); err != nil {
		return false, r.damaged(err)
	}
	return true, nil
}

func sameSum(path string, file *File) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	switch err := errors.Join(err, f.Close()); {
	case err != nil:
		return err
	case n != file.Bytes:
		return fmt.Errorf("%w: it has %d bytes, the manifest says %d", domain.ErrCorrupt, n, file.Bytes)
	case hex.EncodeToString(sum.Sum(nil)) != file.SHA256:
		return fmt.Errorf("%w: its bytes are not those that the manifest was made for", domain.ErrCorrupt)
	}
	return nil
}

func (r *rows) damaged(err error) error { return damaged(r.dir, &r.files[r.at], err) }

func damaged(dir string, f *File, err error) error {
	return &DamagedError{fmt.Errorf("file %s of the export in %s is damaged or was changed; take another copy of it, or export it again: %w", f.Name, dir, err)}
}

// DamagedError is a folder that is not what its manifest says.
type DamagedError struct{ err error }

func (e *DamagedError) Error() string { return e.err.Error() }

// Unwrap gives what was found.
func (e *DamagedError) Unwrap() error { return e.err }

func (r *rows) close() error {
	if r.in == nil {
		return nil
	}
	err := r.in.Close()
	r.in = nil
	return err
}
