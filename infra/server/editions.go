package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
)

// editions is what revisions hold, read from the log where they stand in parts. The
// last few are kept.
type editions struct {
	log       Log
	codec     Codec
	landscape string

	mu    sync.Mutex
	known []edition // the newest last
}

type edition struct {
	hash string
	*configuration.Configuration
}

// maxEditions is how many are kept: the active one, the one before, and one that is
// looked at.
const maxEditions = 3

func (e *editions) keep(hash string, c *configuration.Configuration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.known {
		if x.hash == hash {
			return
		}
	}
	if len(e.known) == maxEditions {
		e.known = e.known[1:]
	}
	e.known = append(e.known[:len(e.known):len(e.known)], edition{hash, c})
}

// get reads a revision. What it gives is shared: nobody changes it.
func (e *editions) get(ctx context.Context, r partition.Revision) (*configuration.Configuration, error) {
	e.mu.Lock()
	for _, x := range e.known {
		if x.hash == r.Hash {
			e.mu.Unlock()
			return x.Configuration, nil
		}
	}
	e.mu.Unlock()
	encoded := make([]byte, 0, r.Size)
	for n, at := range r.Parts {
		position := domain.Position{Partition: domain.PartitionOfRevisions, Offset: at}
		stored, err := readStored(ctx, e.log, e.landscape, position)
		if err != nil {
			return nil, fmt.Errorf("read part %d of revision %d: %w", n, r.Number, err)
		}
		record := e.codec.Decode(domain.TopicLog, domain.PartitionOfRevisions, stored)
		part, ok := record.Payload.(domain.RevisionPart)
		if !ok || !record.Signed {
			return nil, fmt.Errorf("revision %d has no part at %s, but a %s: %w", r.Number, position, record.Type, domain.ErrCorrupt)
		}
		encoded = append(encoded, part.Bytes...)
	}
	c, err := codec.DecodeConfiguration(encoded, r.Hash)
	if err != nil {
		return nil, fmt.Errorf("revision %d: %w", r.Number, err)
	}
	e.keep(r.Hash, c)
	return c, nil
}

// load answers core.Load. It does so beside the loop: ten thousand devices take their time.
func (c *coreLoop) load(r partition.Revision) {
	c.background.Go(func() {
		edition, err := c.editions.get(c.loops, r)
		if err != nil {
			c.tell(core.Loaded{Revision: r.Number, Err: err})
			return
		}
		c.tell(core.Loaded{Revision: r.Number, Devices: edition.Devices})
		c.prepare(r.Hash, edition)
	})
}
