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

// loadSnapshot goes on from the newest snapshot that is sound. Whatever is
// wrong with one, the log has it all.
func (s *Server) loadSnapshot() {
	if s.options.Store == nil {
		return
	}
	restored, err := s.options.Store.Load(s.options.Landscape, s.options.Partitions)
	if err != nil {
		if !errors.Is(err, domain.ErrNotFound) {
			s.options.Logger.Warn("no snapshot to start from; the log is folded from its beginning", "cause", err)
		}
		return
	}
	for p, state := range restored.States {
		s.core.states[p] = state
		s.core.last[p] = restored.Snapshot.Log[p].Last
	}
	s.options.Logger.Info("started from a snapshot", "taken", restored.Snapshot.TakenAt.String())
}

// worthSaving says whether a snapshot would be of use at all. A state that is
// in doubt is not saved, so the next start meets the doubt again.
func (c *core) worthSaving() bool {
	doubted := c.quarantined || c.refolding || c.dispute != nil
	return c.store != nil && !doubted && c.caughtUp.Load() && c.sinceSnapshot > 0
}

// snapshotDue takes a snapshot if the state has moved since the last one.
func (c *core) snapshotDue() {
	if c.saving || !c.worthSaving() {
		return
	}
	c.saving, c.sinceSnapshot = true, 0
	snap := c.blank()
	c.exportFrom(&snap, 0)
}

// exportFrom exports one partition after the other in the core loop, which has
// its other duties in between, and writes the file beside it.
func (c *core) exportFrom(snap *snapshot.Snapshot, p int) {
	c.exportOne(snap, p)
	if p+1 < len(c.states) {
		c.tell(func() { c.exportFrom(snap, p+1) })
		return
	}
	agreed := c.reach()
	c.background.Go(func() {
		if err := c.store.Save(*snap, agreed); err != nil {
			c.logger.Error("cannot save a snapshot; the server goes on, its next start takes longer", "cause", err)
		}
		c.tell(func() { c.saving = false })
	})
}

func (c *core) export() snapshot.Snapshot {
	snap := c.blank()
	for p := range c.states {
		c.exportOne(&snap, p)
	}
	return snap
}

func (c *core) blank() snapshot.Snapshot {
	return snapshot.Snapshot{
		Landscape: c.landscape, Partitions: int32(len(c.states)),
		TakenAt: domain.InstantOf(time.Now()), Log: make([]snapshot.Partition, len(c.states)),
	}
}

func (c *core) exportOne(snap *snapshot.Snapshot, p int) {
	snap.Log[p] = snapshot.Partition{State: c.states[p].Export(), Last: c.last[p]}
}
