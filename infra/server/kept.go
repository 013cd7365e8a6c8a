package server

import (
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/config"
)

// KeptConfiguration is the file of this machine with the revision that this server has
// gone over to last.
type KeptConfiguration interface {
	// Save puts a text in the place of the one before, in one step.
	Save(text []byte) error
	// Load gives it, up to a limit of bytes; ErrNotFound if there is none.
	Load(limit int64) ([]byte, error)
}

// keep answers core.Keep, beside the loop: a large one takes its time.
func (c *coreLoop) keep(r partition.Revision) {
	c.background.Go(func() { c.tell(core.Kept{Revision: r.Number, Err: c.write(r)}) })
}

func (c *coreLoop) write(r partition.Revision) error {
	if c.kept == nil {
		return nil
	}
	edition, err := c.editions.get(c.loops, r)
	if err != nil {
		return err
	}
	text, err := config.RenderLandscape(edition)
	if err != nil {
		return err
	}
	b := config.Bundle{Landscape: c.landscape, Revision: r.Number, Hash: r.Hash, Epoch: r.ActivatedIn, Text: text}
	return c.kept.Save(b.Write())
}
