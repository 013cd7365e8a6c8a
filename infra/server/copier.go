package server

import (
	"context"
	"log/slog"
	"sync/atomic"

	codecs "github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/copier"
)

// copierLoop feeds a server's copier, and appends what it gives.
type copierLoop struct {
	log     Log
	codec   Codec
	topic   string
	logger  *slog.Logger
	machine *copier.Machine
	inbox   *mailbox[copier.Input]
	publish func(domain.Payload) // to control
	through atomic.Int64         // see copier.Machine.Through
	failing bool                 // the last append did
}

func newCopier(log Log, codec Codec, landscape, name string, logger *slog.Logger) *copierLoop {
	return &copierLoop{
		log: log, codec: codec, topic: domain.Topic(landscape, domain.TopicElections), logger: logger,
		machine: copier.New(newScribe(name), codecs.Copy), inbox: newMailbox[copier.Input](),
	}
}

// tell hands the copier an input, later.
func (c *copierLoop) tell(in copier.Input) { c.inbox.put(in) }

// run is the loop. It ends with ctx.
func (c *copierLoop) run(ctx context.Context) error {
	feed(ctx, c.inbox, c.machine.NextWake, func(ins []copier.Input) {
		for _, in := range ins {
			c.step(ctx, in)
		}
	}, func() { c.step(ctx, copier.Timer{}) })
	return ctx.Err()
}

func (c *copierLoop) step(ctx context.Context, in copier.Input) {
	for in != nil && ctx.Err() == nil {
		effects := c.machine.Step(readClocks(), in)
		c.through.Store(c.machine.Through())
		in = nil
		for _, e := range effects {
			switch e := e.(type) {
			case copier.Append:
				in = c.append(ctx, e.Records)
			case copier.Publish:
				c.publish(e.View)
			case copier.Dropped:
				c.logger.Error("too many control records wait to be copied; one is dropped", "offset", e.Offset)
			}
		}
	}
}

func (c *copierLoop) append(ctx context.Context, records []domain.Record) copier.Input {
	batch := domain.Batch{Topic: c.topic}
	for _, r := range records {
		m, err := c.codec.Encode(domain.TopicElections, 0, r)
		if err != nil {
			c.logger.Error("a control record cannot be copied and is left out of the elections topic", "member", r.Subject, "cause", err)
			continue
		}
		batch.Messages = append(batch.Messages, m)
	}
	if len(batch.Messages) == 0 {
		return copier.Landed{}
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	if _, err := c.log.Append(ctx, []domain.Batch{batch}); err != nil {
		if !c.failing {
			c.logger.Warn("control records cannot be copied into the elections topic; it is tried again until they are", "records", len(batch.Messages), "cause", err)
		}
		c.failing = true
		return copier.Failed{}
	}
	c.failing = false
	return copier.Landed{}
}
