package server

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/infra/clock"
)

// maxFolded is how many records are folded until what follows from them is done.
const maxFolded = 64

// coreLoop feeds the server's core, and starts and ends what it asks for.
type coreLoop struct {
	name       string
	landscape  string
	partitions int32
	log        Log
	codec      Codec
	logger     *slog.Logger
	lease      *Lease
	drivers    map[domain.DriverName]domain.Driver
	machine    *core.Machine

	inbox     *mailbox[core.Input]
	calls     *mailbox[func()] // of callers that read the state
	batches   chan batch
	control   func(election.Input)
	publish   func(domain.Payload)  // append to control
	published func(context.Context) // waits until that has been appended
	opened    func(epoch uint64)
	left      func()
	testify   func(core.Testify) // has a resolution appended
	fail      func(error)        // end the process: its state cannot be right

	devices    map[string]*deviceLoop
	shown      sync.Map                   // the same, for metrics, which ask no loop
	closing    map[string]<-chan struct{} // devices that were closed last under a name; closed when that is over
	loops      context.Context            // terms live in it
	term       *term                      // nil on a standby
	background *sync.WaitGroup            // what else the loop has started
	over       chan struct{}              // closed when the loop has ended
	waiters    waiters
	editions   *editions
	kept       KeptConfiguration // nil for none
	prepared   atomic.Pointer[prepared]
	saves      saves
	last       []domain.Fingerprint

	hurry    chan struct{} // ends a pause of the reader
	reigning atomic.Bool   // this server has won an epoch that is not over
	caughtUp atomic.Bool   // of the machine, as all of these
	acting   atomic.Bool
	differs  atomic.Bool // the state, from the primary's
	counts   counts

	revision struct{ active, since, applied atomic.Int64 } // of the configuration
}

// activeSince is when this server has seen that the active revision is.
func (c *coreLoop) activeSince() domain.Mono { return domain.Mono(c.revision.since.Load()) }

// tell hands the machine an input, later.
func (c *coreLoop) tell(in core.Input) { c.inbox.put(in) }

// call runs f in the core loop and waits for it.
func (c *coreLoop) call(ctx context.Context, f func()) error {
	return callIn(ctx, c.over, c.calls.put, f)
}

// later runs f in the core loop.
func (c *coreLoop) later(f func()) { c.calls.put(f) }

// run is the loop. It ends with ctx, and everything that it started with it.
func (c *coreLoop) run(ctx context.Context) error {
	c.loops = ctx
	c.step(core.Begin{})
	timer := time.NewTimer(0)
	defer timer.Stop()
	saves := time.NewTicker(c.saves.every)
	defer saves.Stop()
	defer close(c.over)
	defer c.closeAll()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-c.batches:
			c.fold(b)
		case <-c.inbox.ready:
			for _, in := range c.inbox.take() {
				c.step(in)
			}
		case <-c.calls.ready:
			for _, f := range c.calls.take() {
				f()
			}
		case <-timer.C:
			c.step(c.waited())
		case <-saves.C:
			c.saveIfDue()
		}
		rearm(timer, c.machine.NextWake())
	}
}

func (c *coreLoop) closeAll() {
	c.closeDevices()
	c.background.Wait()
	c.saveAtEnd()
	c.step(core.Over{Cause: "the server stops"})
	c.awaitDevices()
}

// fold hands on what was read of one partition, in parts: what follows from the
// first of many records does not wait for the last one.
func (c *coreLoop) fold(b batch) {
	c.last[b.Partition] = b.Last
	c.counts.records.Add(int64(len(b.records)))
	for records := b.records; ; records = records[maxFolded:] {
		n := min(len(records), maxFolded)
		c.step(core.Read{At: b.At, Since: b.Since, Partition: b.Partition, Records: records[:n], High: b.High})
		if n == len(records) {
			break
		}
	}
	c.saves.since += len(b.records)
	b.folded()
	// A primary saves by time alone: to write a snapshot takes a core from its actions.
	if c.saves.records > 0 && c.saves.since >= c.saves.records && c.term == nil {
		c.saveIfDue()
	}
}

// waited is the timer, with what this server has kept waiting.
func (c *coreLoop) waited() core.Timer {
	var in core.Timer
	for _, d := range c.devices {
		in.Idle = max(in.Idle, d.idleFor())
	}
	if c.term != nil {
		in.Appending = domain.Mono(c.term.journal.since.Load())
	}
	return in
}

// step feeds the machine one input and carries out its effects, in order.
func (c *coreLoop) step(in core.Input) {
	effects := c.machine.Step(readClocks(), in)
	if c.machine.CaughtUp() && !c.caughtUp.Swap(true) {
		// What the fold of a long log has left behind is given back: the kernel
		// takes its time to end a large process, and until then nobody knows that
		// it is dead.
		c.background.Go(debug.FreeOSMemory)
	}
	c.acting.Store(c.machine.Acting())
	c.revision.active.Store(int64(c.machine.ActiveRevision()))
	c.revision.since.Store(int64(c.machine.ActiveSince()))
	if said := c.machine.Acknowledged(); said.Revision > 0 && said.Failure == "" { // none while it is on its way
		c.revision.applied.Store(int64(said.Revision))
	}
	differs, _ := c.machine.Differs()
	c.differs.Store(differs)
	for _, e := range effects {
		c.perform(e)
	}
}

func (c *coreLoop) perform(e core.Effect) {
	switch e := e.(type) {
	case core.Device:
		c.tellDevice(e)
	case core.Journal:
		c.term.journal.add(e.Entries...)
	case core.Testify:
		c.testify(e)
	case core.Flush:
		c.term.journal.flush(e.ID)
	case core.Clerk:
		c.term.clerk.do(e.Errand)
	case core.Control:
		c.control(e.Input)
	case core.Publish:
		c.publish(e.Payload)
	case core.BeginTerm:
		c.beginTerm(e.Epoch)
	case core.EndTerm:
		c.endTerm(e.Cause)
	case core.OpenDevice:
		c.openDevice(e.Settings)
	case core.CloseDevice:
		c.closeDevice(e.Device)
	case core.Opened:
		c.opened(e.Epoch)
	case core.Refold:
		c.background.Go(func() { c.tell(core.Refolded{Err: c.examine(c.loops, e.Statements)}) })
	case core.Load:
		c.load(e.Revision)
	case core.Keep:
		c.keep(e.Revision)
	case core.Planned:
		c.logger.Info("the landscape's configuration is known here", "revision", e.Revision)
	case core.Left:
		c.left()
	case core.Quit:
		c.background.Go(func() { c.quit(e.Cause) })
	case core.Notice:
		c.note(e)
	}
}

func (c *coreLoop) tellDevice(e core.Device) {
	d := c.devices[e.Device]
	if d == nil {
		return
	}
	in := deviceInput{at: clock.Boot(), in: e.Input}
	if _, ok := e.Input.(device.Promote); ok {
		in.term = c.term
	}
	d.put(in)
	if hold, ok := e.Input.(device.Hold); ok && hold.Lapsed {
		d.interrupt()
	}
}

// openDevice starts the loop of a device, once the one before has ended: some
// devices take one connection only.
func (c *coreLoop) openDevice(s device.Settings) {
	name := s.Definition.Device
	d := newDevice(s, c.drivers[s.Definition.Driver], c.tell, c.logger)
	d.lease = c.lease
	c.devices[name] = d
	if !s.Removed {
		c.shown.Store(name, d)
	}
	d.begin(c.closing[name])
}

// closeDevice has the loop of a device end.
func (c *coreLoop) closeDevice(name string) {
	d := c.devices[name]
	if d == nil {
		return
	}
	delete(c.devices, name)
	c.shown.Delete(name)
	c.closing[name] = d.stop()
}

func (c *coreLoop) closeDevices() {
	for name := range c.devices {
		c.closeDevice(name)
	}
}

// awaitDevices waits for all that were closed: each for the one before it.
func (c *coreLoop) awaitDevices() {
	for _, done := range c.closing {
		<-done
	}
}

func (c *coreLoop) eachDevice(f func(*deviceLoop)) {
	c.shown.Range(func(_, d any) bool {
		if d, ok := d.(*deviceLoop); ok {
			f(d)
		}
		return true
	})
}

// standbyStride is the pause of a standby between two fetches of the log. A
// takeover ends it at once.
const standbyStride = 3 * time.Millisecond

// stride is the pause between two fetches: none for a primary, nor until the
// log has been read to its end.
func (c *coreLoop) stride() time.Duration {
	if c.reigning.Load() || !c.caughtUp.Load() {
		return 0
	}
	return standbyStride
}

// hurryUp ends a pause of the reader.
func (c *coreLoop) hurryUp() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}
