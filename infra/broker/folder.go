package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// folder is a data folder that this process holds.
type folder struct{ lock *os.File }

// markerName names the file that says whose log the folder holds.
const markerName = "landscape"

// takeFolder makes the folder ours, for one landscape.
func takeFolder(path, landscape string) (*folder, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("%w: data folder: %w", domain.ErrInvalid, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: data folder: %w", domain.ErrInvalid, err)
	}
	if err := lockFile(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: another broker uses %s; stop it, or choose another folder: %w", domain.ErrConflict, path, err), lock.Close())
	}
	f := &folder{lock: lock}
	if err := mark(path, landscape); err != nil {
		return nil, errors.Join(err, f.give())
	}
	return f, nil
}

// give lets the next process have the folder.
func (f *folder) give() error { return f.lock.Close() }

// mark checks whose folder it is; an empty one becomes the landscape's.
func mark(path, landscape string) error {
	at := filepath.Join(path, markerName)
	had, err := os.ReadFile(at)
	switch {
	case err == nil && strings.TrimSpace(string(had)) == landscape:
		return nil
	case err == nil:
		return fmt.Errorf("%w: %s holds the log of landscape %q, not of %q; choose another folder, or move this one away",
			domain.ErrConflict, path, strings.TrimSpace(string(had)), landscape)
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: data folder: %w", domain.ErrInvalid, err)
	}
	if _, err := os.Stat(filepath.Join(path, "data")); err == nil {
		return fmt.Errorf("%w: %s holds a log, but the file %q that says whose is missing; put the landscape's name into it, or choose another folder",
			domain.ErrConflict, path, markerName)
	}
	return writeMarker(at, landscape)
}

// writeMarker writes the whole file or none: a torn one would refuse its own
// landscape.
func writeMarker(at, landscape string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(at), markerName+".*")
	if err != nil {
		return fmt.Errorf("%w: data folder: %w", domain.ErrInvalid, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w: data folder: %w", domain.ErrInvalid, err), os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(landscape + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), at); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(at)) // without its name the log that follows is refused
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
