package server

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/clerk"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// term is one epoch of primacy: what lives as long as it does.
type term struct {
	ctx     context.Context // ends when primacy ends; its cause says why
	cancel  context.CancelCauseFunc
	epoch   uint64
	gate    domain.Gate
	journal *journalLoop
	clerk   *clerkLoop
}

// beginTerm starts the journal and the clerk of an epoch.
func (c *coreLoop) beginTerm(epoch uint64) {
	ctx, cancel := context.WithCancelCause(c.loops)
	scribe := newScribe(c.name)
	t := &term{ctx: ctx, cancel: cancel, epoch: epoch, gate: c.lease.Gate(epoch)}
	t.journal = &journalLoop{
		log: c.log, codec: c.codec, topic: domain.Topic(c.landscape, domain.TopicLog), epoch: epoch, logger: c.logger,
		machine: journal.New(scribe, epoch, c.partitions),
		inbox:   newMailbox[journal.Input](),
		flushed: func(id uint64) { c.tell(core.Flushed{ID: id}) },
		broken:  func(cause string) { c.tell(core.Broken{Epoch: epoch, Cause: cause}) },
	}
	t.clerk = &clerkLoop{
		log: c.log, codec: c.codec, landscape: c.landscape, logger: c.logger,
		machine: clerk.New(scribe, func(m domain.Stored, r domain.Record) domain.DeadLetter {
			return c.codec.Bury(domain.TopicLog, m, r)
		}),
		inbox:   newMailbox[clerk.Input](),
		journal: t.journal,
		gaveUp:  &c.counts.gaveUp,
	}
	c.term = t
	c.background.Go(func() { t.journal.run(ctx) })
	c.background.Go(func() { t.clerk.run(ctx) })
}

func (c *coreLoop) endTerm(cause string) {
	if c.term == nil {
		return
	}
	c.term.cancel(errors.Join(domain.ErrFenced, errors.New(cause)))
	c.term = nil
}

// newScribe makes the records of a server with random UIDs.
func newScribe(server string) domain.Scribe {
	return domain.Scribe{Server: server, UID: uuid.NewString}
}
