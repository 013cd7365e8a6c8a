package up

import (
	"context"
	"errors"
	"syscall"
	"time"
)

const (
	diskEvery = 2 * time.Second
	diskProbe = 4 << 10 // bytes: a block
)

// watchDisk says when the folder's disk is full, and when it has room again. The
// logs of the parts cannot say it: they are on the same disk.
func (u *Up) watchDisk(ctx context.Context) {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	full := false
	run := u.Run()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := u.folder.probe(diskProbe)
		was := full
		full = errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
		switch {
		case full && !was && run.Embedded():
			u.opts.Printf("the disk of %s is full: nothing is logged, so nobody acts; free some space and it goes on by itself", u.folder.path)
		case full && !was:
			u.opts.Printf("the disk of %s is full: snapshots and logs are not written; free some space", u.folder.path)
		case was && !full:
			u.opts.Printf("the disk of %s has room again", u.folder.path)
		}
	}
}
