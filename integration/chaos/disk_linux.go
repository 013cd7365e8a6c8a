package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// disk is a small one of its own that can be made full, by taking away what is free.
type disk struct {
	path string
	size uint64
}

// diskSize is for the log of one round.
const diskSize = 1 << 30

// newDisk mounts one; only root can.
func newDisk(path string) (*disk, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	d := &disk{path, diskSize}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, d.option(d.size)); err != nil {
		return nil, fmt.Errorf("mount a small disk: %w", err)
	}
	return d, nil
}

func (d *disk) option(size uint64) string { return fmt.Sprintf("size=%d", size) }

func (d *disk) resize(size uint64) error {
	return syscall.Mount("tmpfs", d.path, "tmpfs", syscall.MS_REMOUNT, d.option(size))
}

// fill leaves no room. What is written in between may make a try too small.
func (d *disk) fill() error {
	for range 10 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(d.path, &st); err != nil {
			return err
		}
		if err := d.resize((st.Blocks - st.Bfree) * uint64(st.Bsize)); !errors.Is(err, syscall.EINVAL) {
			return err
		}
	}
	return fmt.Errorf("fill %s: it grows too fast", d.path)
}

func (d *disk) empty() error { return d.resize(d.size) }

// close gives it back; with keep, what is on it stays in its place.
func (d *disk) close(keep bool) error {
	kept := d.path + ".kept"
	if keep {
		if err := os.CopyFS(kept, os.DirFS(d.path)); err != nil {
			return err
		}
	}
	err := syscall.Unmount(d.path, syscall.MNT_DETACH)
	if keep && err == nil {
		err = errors.Join(os.Remove(d.path), os.Rename(kept, d.path))
	}
	return err
}
