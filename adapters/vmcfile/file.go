// Package vmcfile keeps the configuration that a server has gone over to last in a file
// of its data folder, so that it can be looked at, and started from, when there is no log:
//
//	f := vmcfile.In(dir)
//	err := f.Save(text)
//	text, err := f.Load() // domain.ErrNotFound: there is none
//
// The file is replaced in one step and flushed: after a crash it is the old one or the new
// one, whole.
package vmcfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-io/understudy/domain"
)

// Name is that of the file, the same on every server: whatever it was called where
// somebody has published it.
const Name = "MultiServer.vmc"

// File is where a configuration is kept.
type File struct{ path string }

// In keeps it in a folder that is there.
func In(dir string) *File { return &File{filepath.Join(dir, Name)} }

// Save keeps a text in the place of the one before. Errors: those of the disk; the one
// before is still there then.
func (f *File) Save(text []byte) error {
	next := f.path + ".next"
	if err := write(next, text); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.path, err), remove(next))
	}
	if err := os.Rename(next, f.path); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return flush(filepath.Dir(f.path))
}

func write(path string, text []byte) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = out.Write(text); err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// flush has the folder outlive a crash as it is.
func flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("flush %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("flush %s: %w", dir, err)
	}
	return nil
}

// Load gives the text, of which no more than limit bytes are read.
func (f *File) Load(limit int64) ([]byte, error) {
	in, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: %w", f.path, domain.ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("read the kept configuration: %w", err)
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes: %w", f.path, limit, domain.ErrCorrupt)
	}
	return text, err
}
