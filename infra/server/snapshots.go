package server

import (
	"errors"
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
	Save(snap snapshot.Snapshot, agreed []int64) error
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

// worthSaving says whether a snapshot would be of use at all. A state that is
// in doubt is not saved, so the next start meets the doubt again.
func (c *coreLoop) worthSaving() bool {
	return c.saves.store != nil && !c.machine.Doubted() && c.machine.CaughtUp() && c.saves.since > 0
}

// saveIfDue takes a snapshot if the state has moved since the last one.
func (c *coreLoop) saveIfDue() {
	if c.saves.underWay || !c.worthSaving() {
		return
	}
	c.saves.underWay, c.saves.since = true, 0
	snap := c.blank()
	c.exportFrom(&snap, 0)
}

// saveAtEnd takes the last snapshot of this process.
func (c *coreLoop) saveAtEnd() {
	if !c.worthSaving() {
		return
	}
	if err := c.saves.store.Save(c.export(), c.machine.Proven()); err != nil {
		c.logger.Error("cannot save a snapshot at the end", "cause", err)
	}
}

// exportFrom exports one partition after the other in the core loop, which has
// its other duties in between, and writes the file beside it.
func (c *coreLoop) exportFrom(snap *snapshot.Snapshot, p int) {
	c.exportOne(snap, p)
	if p+1 < int(c.partitions) {
		c.later(func() { c.exportFrom(snap, p+1) })
		return
	}
	proven := c.machine.Proven()
	c.background.Go(func() {
		if err := c.saves.store.Save(*snap, proven); err != nil {
			c.logger.Error("cannot save a snapshot; the server goes on, its next start takes longer", "cause", err)
		}
		c.later(func() { c.saves.underWay = false })
	})
}

func (c *coreLoop) export() snapshot.Snapshot {
	snap := c.blank()
	for p := range int(c.partitions) {
		c.exportOne(&snap, p)
	}
	return snap
}

func (c *coreLoop) blank() snapshot.Snapshot {
	return snapshot.Snapshot{
		Landscape: c.landscape, Partitions: c.partitions,
		TakenAt: domain.InstantOf(time.Now()), Log: make([]snapshot.Partition, c.partitions),
	}
}

func (c *coreLoop) exportOne(snap *snapshot.Snapshot, p int) {
	snap.Log[p] = snapshot.Partition{State: c.machine.States()[p].Export(), Last: c.last[p]}
}
