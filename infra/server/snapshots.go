package server

import (
	"errors"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// SnapshotStore keeps snapshots of the fold on this machine: a short cut for
// the next start, never a source.
type SnapshotStore interface {
	// Load gives the newest good one; ErrNotFound if there is none.
	Load(landscape string, partitions int32) (snapshot.Restored, error)
	Save(snap snapshot.Snapshot) error
	// Drop removes all of them: this server's state was found to be wrong.
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

// snapshotDue takes a snapshot if the state has moved since the last one. The
// export is made in the core loop, the file beside it.
func (c *core) snapshotDue() {
	if c.store == nil || c.verdict == hashDiffers || c.saving || !c.caughtUp.Load() || c.sinceSnapshot == 0 {
		return
	}
	c.saving, c.sinceSnapshot = true, 0
	snap := c.export()
	c.background.Go(func() {
		if err := c.store.Save(snap); err != nil {
			c.logger.Error("cannot save a snapshot; the server goes on, its next start takes longer", "cause", err)
		}
		c.tell(func() { c.saving = false })
	})
}

func (c *core) export() snapshot.Snapshot {
	snap := snapshot.Snapshot{
		Landscape: c.landscape, Partitions: int32(len(c.states)),
		TakenAt: domain.InstantOf(time.Now()), Log: make([]snapshot.Partition, len(c.states)),
	}
	for p, s := range c.states {
		snap.Log[p] = snapshot.Partition{State: s.Export(), Last: c.last[p]}
	}
	return snap
}
