package server

import (
	"context"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// verifyEvery is how often at most the primary folds everything again.
const verifyEvery = time.Minute

// refoldTimeout bounds a refold beside the running state.
const refoldTimeout = 10 * time.Minute

// diverged is called on a standby whose state differs from the primary's at the
// same position. It folds again, beside the running state; whoever differs from
// its own refold is wrong.
func (c *core) diverged(p int32, want domain.StateHash) {
	have, ok := c.trail[p].at(want.Position.Offset)
	if !ok || c.refolding {
		return
	}
	c.refolding = true
	c.background.Go(func() {
		again, err := c.refold(c.loops, p, want.Position.Offset)
		c.tell(func() {
			c.refolding = false
			switch {
			case err != nil:
				c.logger.Error("cannot fold again to see who is right", "partition", p, "cause", err)
			case again != have:
				c.quarantine(fmt.Errorf("partition %d at %d: the running state is not what the log gives: %w", p, want.Position.Offset, domain.ErrCorrupt))
			default:
				c.vindicated = true
				c.logger.Error("the log gives this server's state, not the primary's: the builds differ, or the primary is wrong",
					"partition", p, "offset", want.Position.Offset)
			}
		})
	})
}

// acquit lets this server take part again: whoever it differed from has been
// found to be wrong, and this one was not.
func (c *core) acquit() {
	if c.vindicated {
		c.vindicated, c.verdict = false, ""
		c.tellHealth()
	}
}

// verify folds everything again on the primary, because a standby found another
// state; if the running state is wrong, primacy is released.
func (c *core) verify() {
	if c.refolding || c.term == nil || time.Since(c.verified) < verifyEvery {
		return
	}
	c.refolding, c.verified = true, time.Now()
	type claim struct {
		next int64
		hash domain.Hash
	}
	claims := make([]claim, len(c.states))
	for p, s := range c.states {
		claims[p] = claim{s.Next(), s.Hash()}
	}
	c.background.Go(func() {
		for p, want := range claims {
			again, err := c.refold(c.loops, int32(p), want.next)
			if err == nil && again == want.hash {
				continue
			}
			if err != nil {
				c.logger.Error("cannot fold again to see who is right", "partition", p, "cause", err)
				continue
			}
			cause := fmt.Errorf("partition %d at %d: the primary's running state is not what the log gives: %w", p, want.next, domain.ErrCorrupt)
			c.abdicate(cause)
			c.tell(func() { c.quarantine(cause) })
			return
		}
		c.tell(func() { c.refolding = false })
	})
}

// refold folds a partition from its beginning up to an offset.
func (c *core) refold(ctx context.Context, p int32, upTo int64) (domain.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, refoldTimeout)
	defer cancel()
	s := partition.New(p, int32(len(c.states)), partition.DefaultLimits())
	for s.Next() < upTo {
		from := domain.FetchFrom{Topic: domain.Topic(c.landscape, domain.TopicLog), Partition: p, Offset: s.Next()}
		answers, err := c.log.Fetch(ctx, []domain.FetchFrom{from}, fetchWait, fetchBytes)
		if err != nil {
			return domain.Hash{}, err
		}
		for _, a := range answers {
			if a.Err != nil {
				return domain.Hash{}, a.Err
			}
			for _, m := range a.Messages {
				if m.Offset >= upTo {
					break
				}
				s.Apply(c.codec.Decode(domain.TopicLog, p, m))
			}
		}
	}
	return s.Hash(), nil
}

// quarantine takes this server out, on record, and ends it: its guard starts it
// anew, and it folds from the beginning, not from its snapshots.
func (c *core) quarantine(cause error) {
	c.logger.Error("quarantine", "cause", cause)
	c.verdict = hashDiffers
	c.publish(domain.Quarantined{Incarnation: c.incarnation, Reason: cause.Error()})
	if c.store != nil {
		c.sinceSnapshot = 0
		if err := c.store.Drop(); err != nil {
			c.logger.Error("cannot drop the snapshots", "cause", err)
		}
	}
	c.background.Go(func() {
		ctx, cancel := context.WithTimeout(c.loops, controlAppendTimeout)
		defer cancel()
		c.published(ctx) // the quarantine is on record before the process ends
		c.fail(cause)
	})
}
