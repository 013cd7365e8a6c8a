package snapshotfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/understudy-io/understudy/domain"
)

// Disk is what the store does to a file system.
type Disk interface {
	MkdirAll(dir string) error
	List(dir string) ([]string, error)
	Read(path string, limit int64) ([]byte, error)            // an error if there are more bytes
	Write(path string, fill func(io.WriteSeeker) error) error // and flush
	Rename(from, to string) error
	Sync(dir string) error // what was renamed and removed there outlives a crash
	Remove(path string) error
}

type osDisk struct{}

func (osDisk) MkdirAll(dir string) error    { return os.MkdirAll(dir, 0o750) }
func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) Remove(path string) error     { return os.Remove(path) }

func (osDisk) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osDisk) Read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%d bytes are over the limit of %d: %w", info.Size(), limit, domain.ErrCorrupt)
	}
	b := make([]byte, info.Size()) // not larger than it has to be
	_, err = io.ReadFull(f, b)
	return b, err
}

func (osDisk) Write(path string, fill func(io.WriteSeeker) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func (osDisk) Sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
