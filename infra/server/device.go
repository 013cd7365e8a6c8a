package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/infra/clock"
)

// emitTimeout bounds the handing over of one action to a device's socket: a
// device that stopped reading must not hold the queue for ever.
const emitTimeout = time.Second

// maxSpare is the room, in inputs, that a device keeps for what comes next.
const maxSpare = 8

// deviceLoop feeds one device's machine, and speaks with its link. A device
// whose link cannot be opened has the loop all the same: its commands must end.
//
// It runs while there is something to do. A landscape may have thousands of
// devices, and one that rests has no goroutine.
type deviceLoop struct {
	settings device.Settings
	driver   domain.Driver // nil if there is none
	tell     func(core.Input)
	logger   *slog.Logger
	lease    *Lease // asked before a device is connected to that takes one connection; nil in tests

	mu      sync.Mutex    // guards the following
	inbox   []deviceInput // see mailbox: what may be sent is bounded elsewhere
	due     bool          // the timer has come
	stopped bool
	running bool
	done    chan struct{} // closed when a stopped loop has ended; nil until it is stopped

	// Owned by the loop.
	machine *device.Machine
	spare   []deviceInput // room for the next inbox
	link    domain.Link   // nil while it is not open
	term    *term         // nil on a standby
	timer   *time.Timer   // nil until the machine has wanted one
	wakeAt  domain.Mono   // what it is set to; 0 for not at all

	pending atomic.Int64 // for metrics and health
	idle    atomic.Int64 // domain.Mono, see emission.Queue.IdleSince
	away    atomic.Bool
	sending atomic.Pointer[context.CancelFunc] // calls the present sending off
}

// deviceInput is an input with the time at which it happened.
type deviceInput struct {
	at   domain.Mono
	in   device.Input
	term *term // of device.Promote
}

func newDevice(s device.Settings, driver domain.Driver, tell func(core.Input), logger *slog.Logger) *deviceLoop {
	d := &deviceLoop{settings: s, driver: driver, tell: tell, machine: device.New(s), logger: logger}
	d.away.Store(true)
	return d
}

// begin starts the loop, when the one before, if there is one, has ended.
func (d *deviceLoop) begin(before <-chan struct{}) {
	d.running = true
	go func() {
		if before != nil {
			<-before
		}
		if !d.isStopped() {
			d.step(clock.Boot(), device.Begin{})
		}
		d.run()
	}()
}

// put hands the machine an input. It never blocks.
func (d *deviceLoop) put(in deviceInput) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inbox = append(d.inbox, in)
	d.start()
}

// wake is called by the timer.
func (d *deviceLoop) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due = true
	d.start()
}

// stop ends the loop. What it is about to send, and its connection, may take their
// time: the channel is closed when that is over.
func (d *deviceLoop) stop() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		d.stopped, d.done = true, make(chan struct{})
		if !d.running {
			d.running = true
			go d.run()
		}
	}
	d.interrupt()
	return d.done
}

// start has the loop run, if it does not.
func (d *deviceLoop) start() {
	if !d.running && !d.stopped {
		d.running = true
		go d.run()
	}
}

// run is the loop: it ends when there is nothing to do.
func (d *deviceLoop) run() {
	for {
		d.mu.Lock()
		if d.stopped {
			d.mu.Unlock()
			d.end()
			return
		}
		inputs, due := d.inbox, d.due
		if len(inputs) == 0 && !due {
			d.running = false
			d.mu.Unlock()
			return
		}
		d.inbox, d.due = d.spare, false
		d.mu.Unlock()
		d.handleAll(inputs, due)
		d.spare = nil
		if cap(inputs) <= maxSpare {
			clear(inputs)
			d.spare = inputs[:0]
		}
	}
}

// end closes the link. It is the last that the loop does.
func (d *deviceLoop) end() {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.close()
	close(d.done)
}

func (d *deviceLoop) isStopped() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopped
}

// handleAll hands on what has come, and lets the machine look at the time after
// that: what the device has said is heard before the wait for it is over.
func (d *deviceLoop) handleAll(inputs []deviceInput, due bool) {
	for _, in := range inputs {
		if d.isStopped() {
			return
		}
		d.handle(in)
	}
	if due {
		d.wakeAt = 0
		d.step(clock.Boot(), device.Timer{})
	}
	d.pending.Store(int64(d.machine.Pending()))
	d.idle.Store(int64(d.machine.IdleSince()))
	d.away.Store(!d.machine.Up())
	d.rearm(d.machine.NextWake())
}

// rearm sets the timer.
func (d *deviceLoop) rearm(at domain.Mono) {
	if at == d.wakeAt {
		return
	}
	d.wakeAt = at
	wait := max(0, at-clock.Boot())
	switch {
	case at == 0:
		d.timer.Stop()
	case d.timer == nil:
		d.timer = time.AfterFunc(wait, d.wake)
	default:
		d.timer.Reset(wait)
	}
}

func (d *deviceLoop) handle(in deviceInput) {
	if in.term != nil {
		d.term = in.term
	}
	d.step(in.at, in.in)
	if _, over := in.in.(device.Demote); over {
		d.term = nil
	}
}

// step feeds the machine and carries out its effects. It sends one action at a
// time, and how that went is the next input.
func (d *deviceLoop) step(at domain.Mono, in device.Input) {
	for in != nil {
		effects := d.machine.Step(at, in)
		in = nil
		for _, e := range effects {
			switch e := e.(type) {
			case device.Append:
				d.term.journal.add(e.Entries...)
			case device.Emit:
				at = clock.Boot() // what the device answers may be here before emit returns
				in = d.emit(e)
			case device.Open:
				in = d.open(e.Opening)
			case device.Connection:
				d.report(e)
				d.tell(core.Linked{Device: d.settings.Definition.Device, Up: e.Up})
			case device.Settled:
				d.tell(core.Settled{Device: d.settings.Definition.Device, Settle: e.Settle})
			case device.Unsent:
				d.tell(core.Unsent{Device: d.settings.Definition.Device, Unsent: e})
			default:
				d.handleLink(e)
			}
		}
	}
}

// handleLink does what the open link is asked for.
func (d *deviceLoop) handleLink(e device.Effect) {
	if d.link == nil {
		return
	}
	switch e := e.(type) {
	case device.Read:
		// If it cannot be read, the link has lost the device, and says so.
		if err := d.link.Refresh(d.term.ctx, e.Ref); err != nil {
			d.log().Debug("read the device", "cause", err)
		}
	case device.Close:
		d.close()
	case device.Reset:
		d.link.Reset()
	case device.ResetUnacknowledged:
		d.link.ResetUnacknowledged()
	}
}

func (d *deviceLoop) report(c device.Connection) {
	if c.Up {
		d.log().Info("device connection", "up", true, "cause", c.Detail)
	} else {
		d.log().Warn("device connection", "up", false, "cause", c.Detail)
	}
}

// log is made when it is needed: one for each device would take its room.
func (d *deviceLoop) log() *slog.Logger { return d.logger.With("device", d.settings.Definition.Device) }

// open opens the link. Why that cannot be is the next input.
func (d *deviceLoop) open(opening uint64) device.Input {
	def := *d.settings.Definition
	if d.driver == nil {
		return device.NotOpened{Opening: opening, Cause: fmt.Sprintf("this server has no driver %q", def.Driver)}
	}
	link, err := d.driver.Open(def, sink{device: d, opening: opening})
	if err != nil {
		return device.NotOpened{Opening: opening, Cause: domain.Plain(err)}
	}
	d.link = link
	return nil
}

func (d *deviceLoop) close() {
	if d.link == nil {
		return
	}
	if err := d.link.Close(); err != nil {
		d.log().Debug("close device", "cause", err)
	}
	d.link = nil
}

// interrupt calls off a sending that waits for the device. It may be called from
// any goroutine.
func (d *deviceLoop) interrupt() {
	if cancel := d.sending.Load(); cancel != nil {
		(*cancel)()
	}
}

// emit hands one action to the device's socket and tells how that went.
func (d *deviceLoop) emit(e device.Emit) device.Input {
	ctx, cancel := context.WithTimeout(d.term.ctx, emitTimeout)
	defer cancel()
	d.sending.Store(&cancel)
	defer d.sending.Store(nil)
	err := d.link.Emit(ctx, e.Action, notAfter(e.Deadline, d.term.gate))
	out := emission.Emitted{Ref: e.Action.Ref}
	switch {
	case err == nil:
		out.Result = emission.Sent
		return device.Emitted{Emitted: out}
	case errors.Is(err, domain.ErrFenced):
		out.Result = emission.Fenced
	case errors.Is(err, domain.ErrNotSent):
		out.Result = emission.NotSent
	default:
		out.Result = emission.UnknownFate
	}
	out.Detail = domain.Plain(err)
	return device.Emitted{Emitted: out}
}

// idleFor is how long this server has kept an action from being sent.
func (d *deviceLoop) idleFor() time.Duration {
	since := d.idle.Load()
	if since == 0 {
		return 0
	}
	return clock.Boot() - time.Duration(since)
}

// notAfter is a gate that is closed for what is too old to be sent. A step knows
// only when its input happened, and the link may have waited for the device. Once
// the first bytes may have left, the rest follows.
func notAfter(deadline domain.Mono, gate domain.Gate) domain.Gate {
	begun := false
	return func() error {
		if !begun && clock.Boot() >= deadline {
			return fmt.Errorf("it is older than its validity: %w", domain.ErrFenced)
		}
		begun = true
		return gate()
	}
}
