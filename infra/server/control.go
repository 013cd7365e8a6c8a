package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// Bounds of the control loop.
const (
	// controlInFlight is how many appends to control may be under way. More
	// than one, so that a stuck heartbeat does not hold back a claim; late and
	// doubled ones are void by their numbers.
	controlInFlight = 8
	// controlAppendTimeout bounds one append to control: what takes longer than
	// the longest lease helps nobody.
	controlAppendTimeout = time.Second
)

// control owns the election machine: it feeds it what is read from the control
// topic, and carries out what it decides.
type control struct {
	name        string
	incarnation string
	landscape   string
	log         Log
	codec       Codec
	logger      *slog.Logger
	lease       *Lease
	machine     *election.Server
	core        *coreLoop
	copier      *copier

	informed  bool         // the core knows that control has been read to its end
	away      atomic.Bool  // control cannot be read at the moment
	foreign   atomic.Int64 // records of control that no server of the landscape wrote
	pollEvery atomic.Int64 // how long its reader may wait for an answer
	inbox     *mailbox[election.Input]
	batches   chan batch
	asks      *mailbox[func(*election.Server)]
	slots     chan struct{}
	sending   atomic.Int64 // appends under way
	from      []snapshot.Fingerprint
	next      int64
	term      uint64 // the epoch that it has won, until it is over; 0 for none
	twin      twin
	ctx       context.Context
	fail      func(error)
	changed   func() // the role or the membership may have changed
}

// run is the loop. It ends with ctx; the caller has said goodbye before.
func (c *control) run(ctx context.Context) error {
	c.ctx = ctx
	c.step(election.Start{})
	timer := time.NewTimer(0)
	defer timer.Stop()
	views := time.NewTicker(viewEvery)
	defer views.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-c.batches:
			c.take(b)
		case <-c.inbox.ready:
			for _, in := range c.inbox.take() {
				c.step(in)
			}
		case <-c.asks.ready:
			for _, f := range c.asks.take() {
				f(c.machine)
			}
		case <-views.C:
			c.view()
		case <-timer.C:
			c.step(election.Timer{})
		}
		timer.Reset(max(0, c.machine.NextWake()-clock.Boot()))
	}
}

// tell hands the machine an input, later.
func (c *control) tell(in election.Input) { c.inbox.put(in) }

// ask runs f in the control loop and waits for it.
func (c *control) ask(ctx context.Context, f func(*election.Server)) error {
	done := make(chan struct{})
	c.asks.put(func(m *election.Server) { f(m); close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *control) take(b batch) {
	for i := range b.records {
		r := &b.records[i]
		before := c.machine.State().Epoch()
		c.step(election.Received{Record: *r})
		c.copier.saw(c.machine.State(), r, b.stored[i], before)
		if r.Defect == domain.DefectNone {
			c.regard(r)
		} else {
			c.foreign.Add(1)
		}
	}
	if c.machine.State().Next() >= b.high {
		c.step(election.CaughtUp{})
		if !c.informed {
			c.informed = true
			c.core.tell(core.Informed{})
		}
	}
	if len(b.records) > 0 {
		c.changed()
	}
}

// regard looks at what concerns the fold's state rather than the election.
func (c *control) regard(r *domain.Record) {
	holder, incarnation, held := c.machine.State().Holder()
	switch payload := r.Payload.(type) {
	case domain.Checkpoint:
		if held && r.Subject == holder && payload.Epoch == c.machine.State().Epoch() {
			c.copier.copiedThrough(payload.Copied)
			if incarnation == c.incarnation {
				c.core.tell(core.Issued{Checkpoint: payload, At: r.Position.Offset})
			} else {
				c.core.tell(core.Expect{Checkpoint: payload, At: r.Position.Offset, Incarnation: incarnation})
			}
		}
	case domain.Joined:
		if held && incarnation == c.incarnation && r.Subject != c.name {
			c.core.tell(core.Joined{})
		}
	case domain.Quarantined:
		if payload.Incarnation != c.incarnation {
			c.core.tell(core.Conceded{Incarnation: payload.Incarnation})
		}
	case domain.Heartbeat:
		if r.Subject == c.name {
			c.heardTwin(payload)
		}
		if held && incarnation == c.incarnation && r.Subject != c.name {
			if payload.Agreed > 0 {
				c.core.tell(core.Agreed{At: payload.Agreed})
			}
			if payload.Hash == domain.HashDiffers {
				c.core.tell(core.Complaint{Incarnation: payload.Incarnation})
			}
		}
	}
}

// step feeds the machine one input and carries out the effects in order. The
// time is read before: a lease counts from before the send.
func (c *control) step(in election.Input) {
	now := clock.Boot()
	for _, e := range c.machine.Step(now, in) {
		c.perform(e)
	}
	c.pollEvery.Store(int64(c.machine.PollEvery()))
	c.checkTerm()
}

func (c *control) perform(e election.Effect) {
	switch e := e.(type) {
	case election.Lost:
		c.lease.Revoke()
		c.logger.Warn("role changed", "old", "primary", "new", "secondary", "epoch", e.Epoch, "cause", e.Cause)
		lapsed := !c.machine.State().Contested()
		c.core.tell(core.Suspend{Lapsed: lapsed})
	case election.Lease:
		if e.Until == 0 {
			c.lease.Revoke()
		} else {
			c.lease.Extend(c.machine.State().Epoch(), e.Until)
		}
	case election.Won:
		c.begin(e.Epoch)
	case election.Resumed:
		c.logger.Warn("role changed", "old", "secondary", "new", "primary", "epoch", e.Epoch, "cause", "the log is back, and nobody else has held the epoch")
		c.core.tell(core.Resume{})
	case election.Drain:
		c.core.tell(core.Drain{Then: []core.Effect{core.Control{Input: election.Drained{}}}})
	case election.Gone:
		c.gone(e.Cause)
	case election.Append:
		c.append(e.Payload, e.N)
	}
}

// begin starts an epoch that this server has won.
func (c *control) begin(epoch uint64) {
	c.term = epoch
	c.core.reigning.Store(true)
	c.core.hurryUp()
	c.copier.start(c.ctx)
	c.core.tell(core.Won{Epoch: epoch})
}

// opened is called from the core loop.
func (c *control) opened(epoch uint64) {
	c.logger.Warn("role changed", "old", "secondary", "new", "primary", "epoch", epoch, "cause", "the claim counts, and every partition is opened")
	c.changed()
}

// checkTerm ends an epoch for good once the fold says that somebody else holds
// it, or nobody.
func (c *control) checkTerm() {
	if c.term == 0 {
		return
	}
	_, incarnation, held := c.machine.State().Holder()
	if held && incarnation == c.incarnation && c.machine.State().Epoch() == c.term {
		return
	}
	epoch := c.term
	c.term = 0
	c.core.reigning.Store(false)
	c.copier.stop()
	c.core.tell(core.Over{Cause: fmt.Sprintf("epoch %d is over", epoch)})
}

// append sends a record to control without waiting for it.
func (c *control) append(p domain.Payload, n uint64) {
	m, err := c.codec.Encode(domain.TopicControl, 0, serverRecord(c.name, c.name, p))
	if err != nil {
		c.fail(err)
		return
	}
	c.sending.Add(1)
	go func() {
		defer c.sending.Add(-1)
		select {
		case c.slots <- struct{}{}:
		case <-c.ctx.Done():
			return
		}
		defer func() { <-c.slots }()
		ctx, cancel := context.WithTimeout(c.ctx, controlAppendTimeout)
		defer cancel()
		_, err := c.log.Append(ctx, []domain.Batch{{
			Topic: domain.Topic(c.landscape, domain.TopicControl), Messages: []domain.Message{m},
		}})
		if err != nil && c.ctx.Err() == nil {
			c.logger.Debug("append to control failed", "type", string(p.Type()), "cause", err)
			c.tell(election.AppendFailed{N: n})
		}
	}()
}
