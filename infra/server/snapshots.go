package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// SnapshotStore keeps snapshots of the fold on this machine: a short cut for
// the next start, never a source.
type SnapshotStore interface {
	// Load gives the newest good one; ErrNotFound if there is none.
	Load(landscape string, partitions int32) (snapshot.Restored, error)
	// Save keeps it, and besides the newest ones also the newest that goes no
	// further than what was agreed: the next offset of each partition.
	Save(from snapshot.Source, agreed []int64) error
	// Bases gives the newest state of each partition that goes no further than an
	// offset; nil where there is none.
	Bases(landscape string, partitions int32, upTo []int64) []*partition.State
	// Drop removes all of them, for good: this server's state was found to be wrong.
	Drop() error
}

// saves is how this server keeps snapshots.
type saves struct {
	store    SnapshotStore // nil where there is no data folder
	every    time.Duration
	records  int // also after so many; 0: by time alone
	since    int // records since the last one
	underWay bool
}

// loadSnapshot gives the states of the newest snapshot that is sound, with the
// last record of each; new ones if there is none. Whatever is wrong with one,
// the log has it all.
func (s *Server) loadSnapshot() ([]*partition.State, []domain.Fingerprint) {
	n := s.options.Partitions
	states, last := make([]*partition.State, n), make([]domain.Fingerprint, n)
	for p := range n {
		states[p] = partition.New(p, n, partition.DefaultLimits())
	}
	if s.options.Store == nil {
		return states, last
	}
	restored, err := s.options.Store.Load(s.options.Landscape, n)
	if err != nil {
		if !errors.Is(err, domain.ErrNotFound) {
			s.options.Logger.Warn("no snapshot to start from; the log is folded from its beginning", "cause", err)
		}
		return states, last
	}
	for p, state := range restored.States {
		states[p], last[p] = state, restored.Snapshot.Log[p].Last
	}
	s.options.Logger.Info("started from a snapshot", "taken", restored.Snapshot.TakenAt.String())
	return states, last
}

// copyFor is how long the core loop copies devices for a snapshot until it sees
// to its other duties.
const copyFor = 200 * time.Microsecond

var errDoubted = fmt.Errorf("the state of this server is in doubt: %w", domain.ErrConflict)

// worthSaving says whether a snapshot would be of use at all. A state that is
// in doubt is not saved, so the next start meets the doubt again.
func (c *coreLoop) worthSaving() bool {
	return c.saves.store != nil && !c.machine.Doubted() && c.machine.CaughtUp() && (c.saves.since > 0 || c.saves.underWay)
}

// saveIfDue takes a snapshot if the state has moved since the last one. The file
// is written beside the core loop, which freezes one partition after the other
// for it.
func (c *coreLoop) saveIfDue() {
	if c.saves.underWay || !c.worthSaving() {
		return
	}
	c.saves.underWay, c.saves.since = true, 0
	ctx, proven := c.loops, c.machine.Proven()
	from := c.source(func(f func()) error { return c.call(ctx, f) })
	c.background.Go(func() {
		if err := c.saves.store.Save(from, proven); err != nil && ctx.Err() == nil {
			c.logger.Error("cannot save a snapshot; the server goes on, its next start takes longer", "cause", err)
		}
		c.later(func() { c.saves.underWay = false })
	})
}

// saveAtEnd takes the last snapshot of this process, also in the place of one
// that its end has cut short.
func (c *coreLoop) saveAtEnd() {
	if !c.worthSaving() {
		return
	}
	here := func(f func()) error { f(); return nil }
	if err := c.saves.store.Save(c.source(here), c.machine.Proven()); err != nil {
		c.logger.Error("cannot save a snapshot at the end", "cause", err)
	}
}

// source freezes each partition when it is to be written. What touches the
// state is run by run.
func (c *coreLoop) source(run func(func()) error) snapshot.Source {
	return snapshot.Source{
		Landscape: c.landscape, Partitions: c.partitions, TakenAt: domain.InstantOf(time.Now()),
		Part: func(p int32) (snapshot.State, domain.Fingerprint, error) { return c.freeze(p, run) },
	}
}

func (c *coreLoop) freeze(p int32, run func(func()) error) (frozen *partition.Frozen, last domain.Fingerprint, err error) {
	doubted, done := false, false
	err = run(func() {
		if doubted = c.machine.Doubted(); !doubted {
			frozen, last = c.machine.States()[p].Freeze(), c.last[p]
		}
	})
	if err == nil && doubted {
		err = errDoubted
	}
	for err == nil && !done {
		err = run(func() {
			for begun := time.Now(); !done && time.Since(begun) < copyFor; {
				done = frozen.Step()
			}
		})
	}
	return frozen, last, err
}
