package server

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/clock"
)

// reign is one epoch of primacy in the core loop. It begins with a mark in
// every partition; a partition's devices are driven from the moment at which
// its mark has been folded, because then its pending actions are exact.
type reign struct {
	term
	cancel  context.CancelCauseFunc
	began   domain.Mono // before the marks were sent
	opened  []bool
	open    int
	working map[choreKey]bool // chores under way
	clerk   *clerk
	onOpen  func()         // all marks are folded
	held    bool           // the lease ran out; it may come back
	ending  emission.Input // Finish or Hold, once the term is about to end
}

// beginTerm makes this server the acting primary of an epoch that it has won.
func (c *core) beginTerm(parent context.Context, epoch uint64, onOpen func()) {
	c.endTerm(domain.ErrFenced)
	ctx, cancel := context.WithCancelCause(parent)
	n := int32(len(c.states))
	j := newJournal(c.log, c.codec, domain.Topic(c.landscape, domain.TopicLog), epoch, n, c.logger)
	r := &reign{
		term: term{
			ctx: ctx, epoch: epoch, server: c.name,
			gate: c.lease.Gate(epoch), journal: j,
		},
		cancel: cancel, began: clock.Boot(),
		opened: make([]bool, n), working: make(map[choreKey]bool), onOpen: onOpen,
	}
	if c.leaving {
		r.ending = emission.Finish{}
	}
	r.clerk = newClerk(c, &r.term)
	c.term = r
	for p := range n {
		mark := serverRecord(c.name, c.name, domain.EpochOpened{
			Server: c.name, Incarnation: c.incarnation, Time: domain.InstantOf(time.Now()),
		})
		j.add(p, mark)
	}
	c.background.Go(func() {
		if err := j.run(ctx); err != nil && ctx.Err() == nil {
			c.logger.Error("the journal stopped", "epoch", epoch, "cause", err)
			c.abdicate(err)
		}
	})
	c.background.Go(func() { r.clerk.run(ctx) })
}

// endTerm stops everything that an epoch's primary does.
func (c *core) endTerm(cause error) {
	if c.term == nil {
		return
	}
	c.acting.Store(false)
	c.term.cancel(cause)
	c.term = nil
	for _, d := range c.devices {
		d.inbox.put(deviceInput{demote: true})
	}
}

// finish prepares a planned end of the epoch: nothing more is begun, what was
// begun is brought to its end, and then is called. The lease is kept meanwhile,
// so only a device that does not answer makes use of the limit.
func (c *core) finish(then func()) { c.settle(emission.Finish{}, finishLimit, then) }

// drain stops sending for good in this epoch: it is contested.
func (c *core) drain(then func()) { c.settle(emission.Hold{}, drainLimit, then) }

// settle calls then once the devices have answered what is under way and the
// outcomes are in the log, or when the time for that is over.
func (c *core) settle(in emission.Input, limit time.Duration, then func()) {
	if c.term == nil {
		then()
		return
	}
	r := c.term
	r.ending = in // also for devices whose partition is not open yet
	settled := make([]chan struct{}, 0, len(c.devices))
	for _, d := range c.devices {
		s := make(chan struct{})
		d.inbox.put(deviceInput{at: clock.Boot(), input: in, settled: s})
		settled = append(settled, s)
	}
	c.background.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, limit)
		defer cancel()
		for _, s := range settled {
			select {
			case <-s:
			case <-ctx.Done():
			}
		}
		r.journal.flush(ctx)
		then()
	})
}

// suspend stops sending: the lease lapsed, or the epoch is contested or released.
// What is under way may still be answered, and its outcomes logged. But after a
// lapse somebody else may act at any moment: what a device has not acknowledged
// must not reach it any more.
func (c *core) suspend(lapsed bool) {
	if c.term == nil {
		return
	}
	c.acting.Store(false)
	c.term.held = true
	for _, d := range c.devices {
		d.inbox.put(deviceInput{at: clock.Boot(), input: emission.Hold{}, lapsed: lapsed})
		if lapsed {
			d.interrupt()
		}
	}
}

// resume lets the devices be written to again after the lease had run out.
func (c *core) resume() {
	if c.term == nil || c.quarantined {
		return
	}
	c.acting.Store(c.term.open == len(c.term.opened))
	c.term.held = false
	c.term.journal.resume(clock.Boot())
	for _, d := range c.devices {
		d.tell(emission.Resume{})
	}
}

// follow is what the primary does because of one folded record.
func (r *reign) follow(c *core, s *partition.State, b *batch, rec *domain.Record, change partition.Change) {
	p := b.partition
	if rec.Type == domain.TypeEpochOpened && change.Verdict == partition.Applied && rec.Epoch == r.epoch {
		r.markFolded(c, s, p, rec)
		return
	}
	if !r.opened[p] {
		return
	}
	d := c.devices[rec.Subject]
	if d == nil {
		return
	}
	switch {
	case change.Verdict == partition.Accepted:
		if pending := change.Pending; pending != nil {
			d.tell(emission.Accept{Work: emission.Work{
				UID: pending.UID, Command: pending.Command, Effect: pending.Effect, Payload: pending.Payload,
				Wishes: pending.Wishes, Read: b.at, Deadline: deadline(b, pending.ValidFor),
			}})
		}
	case rec.Type == domain.TypeStarted && change.Verdict == partition.Applied && rec.Epoch == r.epoch:
		if started, ok := rec.Payload.(domain.Started); ok {
			d.tell(emission.StartCounts{UID: started.UID})
		}
	case rec.Type == domain.TypeConnection && change.Verdict == partition.Applied:
		r.restore(s, rec)
	case rec.Type == domain.TypeReported && change.Verdict == partition.Applied && rec.Epoch == r.epoch:
		r.relock(s, rec)
	}
}

// markFolded hands a partition's devices over to their queues.
func (r *reign) markFolded(c *core, s *partition.State, p int32, mark *domain.Record) {
	r.opened[p] = true
	r.open++
	for _, d := range c.devices {
		if d.partition == p {
			r.handOverAt(s, d, mark.Appended)
		}
	}
	for _, def := range c.wanted {
		if domain.Partition(def.Device, int32(len(c.states))) == p {
			r.configure(s, p, def)
		}
	}
	r.removeOthers(c, s, p)
	c.dischargeChores(p)
	if r.open == len(r.opened) {
		c.acting.Store(true)
		r.onOpen()
	}
}

// handOver gives a device that appeared while this server reigns its queue.
func (r *reign) handOver(c *core, s *partition.State, d *device) {
	if r.opened[d.partition] {
		r.handOverAt(s, d, s.LogTime())
	}
}

// handOverAt builds a device's work from the fold. The age of what waits is
// counted in log time up to the mark, and from before the mark's sending on
// this server's clock: never less than it is.
func (r *reign) handOverAt(s *partition.State, d *device, mark domain.Instant) {
	dev, ok := s.Device(d.definition.Device)
	if !ok {
		return
	}
	p := &promotion{term: &r.term, connected: dev.Connected}
	if r.held {
		p.before = append(p.before, emission.Hold{})
	}
	if r.ending != nil {
		p.before = append(p.before, r.ending)
	}
	for _, cell := range dev.Cells() {
		if cell.HasReported {
			p.reported = append(p.reported, domain.Value{Target: cell.Target, Value: cell.Reported})
		}
	}
	for _, w := range dev.Pending() {
		work := emission.Work{
			UID: w.UID, Command: w.Command, Effect: w.Effect, Payload: w.Payload,
			Wishes: s.Newest(dev.ID(), w), Read: clock.Boot(),
			Deadline: r.began + w.ValidFor - max(0, mark.Sub(w.Appended)),
			Started:  w.Started,
		}
		for _, l := range s.Superseded(dev.ID(), w) {
			work.Lost = append(work.Lost, emission.Loss{Target: l.Target, By: l.By})
		}
		p.work = append(p.work, work)
	}
	d.inbox.put(deviceInput{at: clock.Boot(), promote: p})
}

// configure writes a device's definition where the log has another one or none.
func (r *reign) configure(s *partition.State, p int32, def domain.Definition) {
	revision := uint64(0)
	if dev, ok := s.Device(def.Device); ok {
		revision = dev.Definition.Revision
		have := dev.Definition
		have.Revision = 0
		def.Revision = 0
		if reflect.DeepEqual(have, def) {
			return
		}
	}
	def.Revision = revision + 1
	r.journal.add(p, serverRecord(r.server, def.Device, domain.Configured{Definition: def}))
}

// removeOthers takes away the devices that the log has and the configuration of
// this server lacks. An empty list is taken for a missing one.
func (r *reign) removeOthers(c *core, s *partition.State, p int32) {
	if len(c.wanted) == 0 {
		return
	}
	for _, dev := range s.Devices() {
		wanted := slices.ContainsFunc(c.wanted, func(def domain.Definition) bool { return def.Device == dev.ID() })
		if dev.Removed || wanted {
			continue
		}
		c.logger.Warn("device removed: the configuration of this server lacks it", "device", dev.ID(), "epoch", r.epoch)
		r.journal.add(p, serverRecord(r.server, dev.ID(), domain.Configured{Definition: dev.Definition, Removed: true}))
	}
}

// abdicate gives primacy up because this server can no longer do its work.
func (c *core) abdicate(cause error) {
	c.tell(func() { c.endTerm(errors.Join(domain.ErrFenced, cause)) })
	c.resign(cause)
}
