package server

import (
	"sync"

	"github.com/understudy-io/understudy/domain/configuration"
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

// prepared is the text of a revision that this server is going over to. It is made while
// the devices are brought to it, so that nobody waits for it afterwards.
type prepared struct {
	hash string
	text func() ([]byte, error)
}

func (c *coreLoop) prepare(hash string, edition *configuration.Configuration) {
	if c.kept == nil {
		return
	}
	p := &prepared{hash, sync.OnceValues(func() ([]byte, error) { return config.RenderLandscape(edition) })}
	c.prepared.Store(p)
	_, _ = p.text() // who writes it learns what is wrong
}

// keep answers core.Keep, beside the loop: a large one takes its time.
func (c *coreLoop) keep(r partition.Revision) {
	c.background.Go(func() { c.tell(core.Kept{Revision: r.Number, Err: c.write(r)}) })
}

func (c *coreLoop) write(r partition.Revision) error {
	if c.kept == nil {
		return nil
	}
	text, err := c.textOf(r)
	if err != nil {
		return err
	}
	b := config.Bundle{Landscape: c.landscape, Revision: r.Number, Hash: r.Hash, Epoch: r.ActivatedIn, Text: text}
	return c.kept.Save(b.Write())
}

func (c *coreLoop) textOf(r partition.Revision) ([]byte, error) {
	if p := c.prepared.Swap(nil); p != nil && p.hash == r.Hash {
		return p.text()
	}
	edition, err := c.editions.get(c.loops, r)
	if err != nil {
		return nil, err
	}
	return config.RenderLandscape(edition)
}
