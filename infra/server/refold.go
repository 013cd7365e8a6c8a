package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// verifyEvery is how often at most a server folds again because of the same
// other server.
const verifyEvery = time.Minute

// refoldTimeout bounds a refold beside the running state.
const refoldTimeout = 10 * time.Minute

var (
	// errWrong says that the running state is not what the log gives.
	errWrong = fmt.Errorf("the running state is not what the log gives: %w", domain.ErrCorrupt)
	// errBase says that a snapshot does not lead to what was proven later.
	errBase = fmt.Errorf("the snapshot does not lead to the state that was agreed: %w", domain.ErrCorrupt)
)

// testimony is what this server had made of one partition until now.
type testimony struct {
	partition int32
	proven    domain.StateHash // the last one that was proven
	steps     []footprint      // since then, oldest first; the last one is the running state
}

func (c *core) testify(p int32) testimony {
	t := testimony{partition: p, proven: c.proven[p], steps: c.trail[p].since(c.proven[p].Position.Offset)}
	s := c.states[p]
	t.steps = append(t.steps, footprint{s.Next(), s.Hash()}) // the trail may be without it
	return t
}

// end is where the running state is.
func (t *testimony) end() footprint { return t.steps[len(t.steps)-1] }

// verify folds everything again on the primary, because another server found
// another state; if the running state is wrong, primacy is released.
func (c *core) verify(incarnation string) {
	if c.term == nil || c.refolding || c.quarantined ||
		c.complainant == incarnation && time.Since(c.refolded) < verifyEvery {
		return
	}
	c.complainant = incarnation
	all := make([]int32, len(c.states))
	for p := range all {
		all[p] = int32(p)
	}
	c.logger.Error("another server has another state at the same position; folding again to see who is right", "incarnation", incarnation)
	c.refold(all, func() {
		c.logger.Error("the log gives this primary's state: the other server is wrong, or its build differs", "incarnation", incarnation)
	})
}

// refold folds partitions again, beside the running state, from where they were
// last proven. If the log gives what this server had, that is proven too, and
// right is called; otherwise this server is out.
func (c *core) refold(partitions []int32, right func()) {
	c.refolding, c.refolded = true, time.Now()
	statements := make([]testimony, len(partitions))
	for i, p := range partitions {
		statements[i] = c.testify(p)
	}
	c.background.Go(func() {
		ctx, cancel := context.WithTimeout(c.loops, refoldTimeout)
		defer cancel()
		err := c.examine(ctx, statements)
		c.tell(func() {
			c.refolding = false
			switch {
			case err == nil:
				for _, t := range statements {
					c.prove(domain.StateHash{
						Position: domain.Position{Partition: t.partition, Offset: t.end().next}, Hash: t.end().hash,
					})
				}
				right()
			case errors.Is(err, errWrong):
				c.quarantine(err)
			default:
				c.complainant = ""
				c.logger.Error("cannot fold again to see who is right", "cause", err)
			}
		})
	})
}

// examine compares what this server had with what the log gives. It begins with
// snapshots that go no further than what was proven, so that it is bounded by
// what came since, and with the beginning of the log where there is none.
func (c *core) examine(ctx context.Context, statements []testimony) error {
	bases := make([]*partition.State, len(c.states))
	if c.store != nil {
		upTo := make([]int64, len(c.states))
		for i := range statements {
			upTo[statements[i].partition] = statements[i].proven.Position.Offset
		}
		bases = c.store.Bases(c.landscape, int32(len(c.states)), upTo)
	}
	for i := range statements {
		t := &statements[i]
		err := errBase
		if base := bases[t.partition]; base != nil {
			bases[t.partition] = nil // one refolded state at a time is in use
			if err = c.foldAgain(ctx, base, t, true); errors.Is(err, errBase) {
				c.logger.Warn("a snapshot is not trusted, folding again from the beginning", "partition", t.partition, "cause", err)
			}
		}
		if errors.Is(err, errBase) {
			err = c.foldAgain(ctx, partition.New(t.partition, int32(len(c.states)), partition.DefaultLimits()), t, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// foldAgain folds a partition on to where the running state was. A base is
// believed only if it leads to what was proven.
func (c *core) foldAgain(ctx context.Context, s *partition.State, t *testimony, based bool) error {
	c.logger.Info("folding again", "partition", t.partition, "from", s.Next(), "to", t.end().next)
	steps := t.steps
	compare := func() error {
		if based {
			switch next := t.proven.Position.Offset; {
			case s.Next() < next:
				return nil
			case s.Next() > next || s.Hash() != t.proven.Hash:
				return fmt.Errorf("partition %d at %d: %w", t.partition, s.Next(), errBase)
			}
			based = false
		}
		for len(steps) > 0 && steps[0].next < s.Next() {
			steps = steps[1:]
		}
		if len(steps) > 0 && steps[0].next == s.Next() && steps[0].hash != s.Hash() {
			return fmt.Errorf("partition %d at %d: %w", t.partition, s.Next(), errWrong)
		}
		return nil
	}
	if err := compare(); err != nil {
		return err
	}
	for s.Next() < t.end().next {
		from := domain.FetchFrom{Topic: domain.Topic(c.landscape, domain.TopicLog), Partition: t.partition, Offset: s.Next()}
		answers, err := c.log.Fetch(ctx, []domain.FetchFrom{from}, fetchWait, fetchBytes)
		if err != nil {
			return fmt.Errorf("partition %d at %d: %w", t.partition, s.Next(), err)
		}
		for _, a := range answers {
			if a.Err != nil {
				return fmt.Errorf("partition %d at %d: %w", t.partition, s.Next(), a.Err)
			}
			for _, m := range a.Messages {
				if m.Offset >= t.end().next {
					break
				}
				s.Apply(c.codec.Decode(domain.TopicLog, t.partition, m))
				if err := compare(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// quarantine takes this server out, on record, and ends it: its guard starts it
// anew, and it folds from the beginning, not from its snapshots. A primary
// stops first, and lets the answers to what it has sent be logged.
func (c *core) quarantine(cause error) {
	c.logger.Error("quarantine", "cause", cause)
	c.verdict, c.quarantined = domain.HashDiffers, true
	c.tellHealth()
	c.suspend(false)
	c.drain(func() {
		c.resign(cause)
		c.publish(domain.Quarantined{Incarnation: c.incarnation, Reason: cause.Error()})
		c.background.Go(func() {
			if c.store != nil {
				if err := c.store.Drop(); err != nil {
					c.logger.Error("cannot drop the snapshots", "cause", err)
				}
			}
			ctx, cancel := context.WithTimeout(c.loops, controlAppendTimeout)
			defer cancel()
			c.published(ctx) // the quarantine is on record before the process ends, and primacy is over
			for c.reigning.Load() && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			c.fail(cause)
		})
	})
}
