package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/copier"
	"github.com/understudy-io/understudy/infra/clock"
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

// controlLoop feeds a server's control with what is read from the control topic,
// and carries out what it decides.
type controlLoop struct {
	name      string
	landscape string
	log       Log
	codec     Codec
	logger    *slog.Logger
	lease     *Lease
	machine   *control.Machine
	core      *coreLoop
	copier    *copierLoop

	away      atomic.Pointer[time.Time] // since when control cannot be read; nil while it can
	losses    atomic.Int64              // how often that has begun
	foreign   atomic.Int64              // records of control that no server of the landscape wrote
	sync      atomic.Int64              // the mode, and whether failover is paused: for the metrics
	paused    atomic.Bool
	missed    atomic.Int64 // devices, by this server's last heartbeat; below 0 until it has counted them
	pollEvery atomic.Int64 // how long its reader may wait for an answer
	inbox     *mailbox[election.Input]
	batches   chan batch
	asks      *mailbox[func(*election.Server)]
	verdicts  map[string]*verdict // by the uid of a decision's record
	slots     chan struct{}
	sending   atomic.Int64    // appends under way
	appends   sync.WaitGroup  // the same, for the end of the server
	next      int64           // the offset to begin with
	ctx       context.Context // of the appends; there before the first one
	over      chan struct{}   // closed when the loop has ended: nobody steps the machine any more
	fail      func(error)
	changed   func() // the role or the membership may have changed
}

// run is the loop. It ends with ctx; the caller has said goodbye before.
func (c *controlLoop) run(ctx context.Context) error {
	defer close(c.over)
	c.step(control.Begin{}, domain.Stored{})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-c.batches:
			c.take(b)
		case <-c.inbox.ready:
			for _, in := range c.inbox.take() {
				c.elect(in)
			}
		case <-c.asks.ready:
			for _, f := range c.asks.take() {
				f(c.machine.Election())
			}
		case <-timer.C:
			c.step(control.Timer{}, domain.Stored{})
		}
		timer.Reset(max(0, c.machine.NextWake()-clock.Boot()))
	}
}

// tell hands the election an input, later.
func (c *controlLoop) tell(in election.Input) { c.inbox.put(in) }

// elect hands the election an input, in the loop.
func (c *controlLoop) elect(in election.Input) {
	if _, jumped := in.(election.Jumped); jumped {
		c.lease.Trust() // whoever moves it knows of it from here on
	}
	c.step(control.Election{Input: in}, domain.Stored{})
}

// ask runs f in the control loop and waits for it.
// Errors: that of ctx, and errEnded.
func (c *controlLoop) ask(ctx context.Context, f func(*election.Server)) error {
	var m *election.Server
	put := func(run func()) { c.asks.put(func(own *election.Server) { m = own; run() }) }
	return callIn(ctx, c.over, put, func() { f(m) })
}

// until waits until something holds as this server sees the election, and says whether
// it came to that before ctx ended. What a server saw last stands when it has ended.
func (c *controlLoop) until(ctx context.Context, change func() <-chan struct{}, holds func(*election.Server) bool) bool {
	for {
		changed, standing := change(), false
		if err := c.ask(ctx, func(m *election.Server) { standing = holds(m) }); errors.Is(err, errEnded) {
			return holds(c.machine.Election())
		}
		if standing {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// take hands on what was read, one record at a time: what one of them ends is
// over before the next one is looked at.
func (c *controlLoop) take(b batch) {
	if len(b.records) == 0 {
		c.step(control.Read{High: b.High}, domain.Stored{})
		return
	}
	for i := range b.records {
		c.step(control.Read{Records: b.records[i : i+1], High: b.High}, b.Messages[i])
		c.judge(&b.records[i])
		if b.records[i].Defect != domain.DefectNone {
			c.foreign.Add(1)
		}
	}
	c.changed()
}

// step feeds the machine one input and carries out the effects in order. The
// time is read before: a lease counts from before the send. The message is that
// of the record of a Read.
func (c *controlLoop) step(in control.Input, message domain.Stored) {
	for _, e := range c.machine.Step(clock.Boot(), in) {
		if e, ok := e.(control.Copy); ok {
			r := &in.(control.Read).Records[e.Record]
			c.copier.tell(copier.Saw{Member: r.Subject, Stored: message, Heard: e.Heard})
			continue
		}
		c.perform(e)
	}
	e := c.machine.Election()
	c.pollEvery.Store(int64(e.PollEvery()))
	c.sync.Store(int64(e.SyncMode()))
	c.paused.Store(e.State().Paused().On)
	c.missed.Store(-1)
	if m, ok := e.State().Member(c.name); ok && m.LastHeartbeat.Counted {
		c.missed.Store(m.LastHeartbeat.Missing)
	}
}

func (c *controlLoop) perform(e control.Effect) {
	switch e := e.(type) {
	case control.Lease:
		if e.Until == 0 {
			c.lease.Revoke()
		} else {
			c.lease.Extend(e.Epoch, e.Until)
		}
	case control.Append:
		c.append(e.Payload, e.N)
	case control.Core:
		c.core.tell(e.Input)
	case control.Reign:
		c.core.reigning.Store(true)
		c.core.hurryUp()
		c.copier.tell(copier.Reign{Is: true})
	case control.Over:
		c.lease.Over()
		c.core.reigning.Store(false)
		c.copier.tell(copier.Reign{})
	case control.Copied:
		c.copier.tell(copier.Copied{Through: e.Through})
	case control.View:
		c.copier.tell(copier.View{View: e.View})
	case control.Role:
		c.logger.Warn("role changed", "old", e.Old, "new", e.New, "epoch", e.Epoch, "cause", e.Cause)
	case control.Yield:
		c.logger.Error("another process runs under the name of this server; giving primacy up to end", "cause", ErrReplaced, "incarnation", e.Incarnation)
	case control.Refused:
		c.logger.Error("this server cannot join yet; it tries again", "cause", e.Cause)
	case control.Quit:
		c.fail(e.Cause)
	}
}

// opened is called from the core loop.
func (c *controlLoop) opened(epoch uint64) {
	c.logger.Warn("role changed", "old", "secondary", "new", "primary", "epoch", epoch, "cause", "the claim counts, and every partition is opened")
	c.changed()
}

// publish appends a record of this server to control, from any loop.
func (c *controlLoop) publish(p domain.Payload) {
	if cp, ok := p.(domain.Checkpoint); ok {
		cp.Copied = c.copier.through.Load()
		p = cp
	}
	c.append(p, 0)
}

// append sends a record of this server to control without waiting for it. A server that
// cannot say what it has to say ends.
func (c *controlLoop) append(p domain.Payload, n uint64) {
	if _, err := c.appendAbout(c.name, p, n); err != nil {
		c.fail(err)
	}
}

// appendAbout is append for a record about any member, and gives its uid. The error is
// that of a record which cannot be written.
func (c *controlLoop) appendAbout(member string, p domain.Payload, n uint64) (uid string, err error) {
	r := serverRecord(c.name, member, p)
	m, err := c.codec.Encode(domain.TopicControl, 0, r)
	if err != nil {
		return "", err
	}
	c.sending.Add(1)
	c.appends.Go(func() {
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
	})
	return r.UID, nil
}

// drain waits until no append to control is under way, or ctx ends.
func (c *controlLoop) drain(ctx context.Context) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.sending.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
