package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/infra/clock"
)

// emitTimeout bounds the handing over of one action to a device's socket: a
// device that stopped reading must not hold the queue for ever.
const emitTimeout = time.Second

// deviceLoop feeds one device's machine, and speaks with its link. A device
// whose link cannot be opened has the loop all the same: its commands must end.
type deviceLoop struct {
	settings device.Settings
	driver   domain.Driver // nil if there is none
	inbox    *mailbox[deviceInput]
	settled  func(settle uint64)
	logger   *slog.Logger
	done     chan struct{}
	stop     context.CancelFunc

	// Owned by the loop.
	machine *device.Machine
	link    domain.Link // nil while it is not open
	term    *term       // nil on a standby

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

func newDevice(s device.Settings, driver domain.Driver, settled func(uint64), logger *slog.Logger) *deviceLoop {
	d := &deviceLoop{
		settings: s, driver: driver, settled: settled, machine: device.New(s),
		inbox:  newMailbox[deviceInput](),
		logger: logger.With("device", s.Definition.Device),
		done:   make(chan struct{}),
	}
	d.away.Store(true)
	return d
}

// run is the loop. It begins when the one before, if there is one, has ended, and
// ends with ctx.
func (d *deviceLoop) run(ctx context.Context, before <-chan struct{}) {
	defer close(d.done)
	if before != nil {
		<-before
	}
	if ctx.Err() != nil {
		return
	}
	defer d.close()
	d.step(clock.Boot(), device.Begin{})
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-d.inbox.ready:
			d.handleAll(ctx)
		case <-timer.C:
			d.handleAll(ctx) // what the device has said is heard before the wait for it is over
			if ctx.Err() == nil {
				d.step(clock.Boot(), device.Timer{})
			}
		}
		d.pending.Store(int64(d.machine.Pending()))
		d.idle.Store(int64(d.machine.IdleSince()))
		d.away.Store(!d.machine.Up())
		rearm(timer, d.machine.NextWake())
	}
}

// handleAll hands on what has come.
func (d *deviceLoop) handleAll(ctx context.Context) {
	for _, in := range d.inbox.take() {
		if ctx.Err() != nil {
			return
		}
		d.handle(in)
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
			case device.Settled:
				d.settled(e.Settle)
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
			d.logger.Debug("read the device", "cause", err)
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
		d.logger.Info("device connection", "up", true, "cause", c.Detail)
	} else {
		d.logger.Warn("device connection", "up", false, "cause", c.Detail)
	}
}

// open opens the link. Why that cannot be is the next input.
func (d *deviceLoop) open(opening uint64) device.Input {
	def := d.settings.Definition
	if d.driver == nil {
		return device.NotOpened{Opening: opening, Cause: fmt.Sprintf("this server has no driver %q", def.Driver)}
	}
	link, err := d.driver.Open(def, sink{inbox: d.inbox, opening: opening})
	if err != nil {
		return device.NotOpened{Opening: opening, Cause: err.Error()}
	}
	d.link = link
	return nil
}

func (d *deviceLoop) close() {
	if d.link == nil {
		return
	}
	if err := d.link.Close(); err != nil {
		d.logger.Debug("close device", "cause", err)
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
