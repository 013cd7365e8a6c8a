package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
)

// refoldTimeout bounds a refold beside the running state.
const refoldTimeout = 10 * time.Minute

// examine compares what this server had with what the log gives. It begins with
// snapshots that go no further than what was proven, so that it is bounded by
// what came since, and with the beginning of the log where there is none.
func (c *coreLoop) examine(ctx context.Context, statements []core.Testimony) error {
	ctx, cancel := context.WithTimeout(ctx, refoldTimeout)
	defer cancel()
	bases := make([]*partition.State, c.partitions)
	if c.saves.store != nil {
		upTo := make([]int64, c.partitions)
		for i := range statements {
			upTo[statements[i].Partition] = statements[i].Proven.Position.Offset
		}
		bases = c.saves.store.Bases(c.landscape, c.partitions, upTo)
	}
	for i := range statements {
		p := statements[i].Partition
		err := core.ErrBase
		if base := bases[p]; base != nil {
			bases[p] = nil // one refolded state at a time is in use
			if err = c.foldAgain(ctx, p, core.Examine(statements[i], base, c.partitions)); errors.Is(err, core.ErrBase) {
				c.logger.Warn("a snapshot is not trusted, folding again from the beginning", "partition", p, "cause", err)
			}
		}
		if errors.Is(err, core.ErrBase) {
			err = c.foldAgain(ctx, p, core.Examine(statements[i], nil, c.partitions))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// foldAgain feeds an examination from the log until it is done.
func (c *coreLoop) foldAgain(ctx context.Context, p int32, e *core.Examination) error {
	c.logger.Info("folding again", "partition", p, "from", e.Next())
	if err := e.Judge(); err != nil {
		return err
	}
	var records []domain.Record
	for !e.Done() {
		from := domain.FetchFrom{Topic: domain.Topic(c.landscape, domain.TopicLog), Partition: p, Offset: e.Next()}
		answers, err := c.log.Fetch(ctx, []domain.FetchFrom{from}, fetchWait, fetchBytes)
		if err != nil {
			return fmt.Errorf("partition %d at %d: %w", p, e.Next(), err)
		}
		for _, a := range answers {
			if a.Err != nil {
				return fmt.Errorf("partition %d at %d: %w", p, e.Next(), a.Err)
			}
			records = c.codec.DecodeAll(records[:0], domain.TopicLog, p, a.Messages)
			for _, r := range records {
				if e.Done() {
					break
				}
				if err := e.Apply(r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// quit ends this server because its state is wrong: its next start folds from
// the beginning. The quarantine is on record before the process ends, and
// primacy is over.
func (c *coreLoop) quit(cause error) {
	if c.saves.store != nil {
		if err := c.saves.store.Drop(); err != nil {
			c.logger.Error("cannot drop the snapshots", "cause", err)
		}
	}
	ctx, cancel := context.WithTimeout(c.loops, controlAppendTimeout)
	defer cancel()
	c.published(ctx)
	for c.reigning.Load() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	c.fail(cause)
}

// note tells people what the core has found.
func (c *coreLoop) note(n core.Notice) {
	switch n.Event {
	case core.Removing:
		if n.Revision > 0 {
			c.logger.Info("device removed: the landscape's configuration has it no more", "device", n.Device, "revision", n.Revision)
		} else {
			c.logger.Warn("device removed: the configuration of this server lacks it", "device", n.Device)
		}
	case core.Unreadable:
		c.logger.Error("cannot read the landscape's configuration; it is tried again", "revision", n.Revision, "cause", n.Cause)
	case core.Differs:
		c.logger.Error("the state differs from the primary's at the same position",
			"partition", n.Position.Partition, "offset", n.Position.Offset, "have", n.Have.String(), "want", n.Want.String())
	case core.Disputed:
		c.logger.Error("another server has another state at the same position; folding again to see who is right", "incarnation", n.Incarnation)
	case core.Right:
		if c.term != nil {
			c.logger.Error("the log gives this primary's state: the other server is wrong, or its build differs", "incarnation", n.Incarnation)
		} else {
			c.logger.Error("the log gives this server's state, not the primary's: the builds differ, or the primary is wrong", "incarnation", n.Incarnation)
		}
	case core.Undecided:
		c.logger.Error("cannot fold again to see who is right", "cause", n.Cause)
	case core.Reconciled:
		c.logger.Warn("the primary that this server differed from does not count any more; this server takes part again", "incarnation", n.Incarnation)
	case core.InQuarantine:
		c.logger.Error("quarantine", "cause", n.Cause)
	}
}
