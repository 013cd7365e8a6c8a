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
	"github.com/understudy-io/understudy/infra/clock"
)

// emitTimeout bounds the handing over of one action to a device's socket: a
// device that stopped reading must not hold the queue for ever.
const emitTimeout = time.Second

// protocols are what the emission has to know of each driver's devices.
var protocols = map[domain.DriverName]struct {
	window int  // how many actions may be with a device unanswered
	polled bool // it does not report by itself
}{
	domain.DriverVideohub: {window: 64},              // answers come strictly in order
	domain.DriverHTTP:     {window: 1, polled: true}, // one request at a time keeps the order
}

// device is the loop of one device. On a standby it holds the link, which only
// reads, and remembers what it saw; on the primary it drives a queue. A device
// whose link cannot be opened has the loop all the same: its commands must end.
type device struct {
	definition domain.Definition
	partition  int32
	driver     domain.Driver // nil if there is none
	removed    bool          // it is no longer configured
	inbox      *mailbox[deviceInput]
	logger     *slog.Logger
	done       chan struct{}
	stop       context.CancelFunc

	// Owned by the loop.
	link     domain.Link // nil while it is not open
	opening  uint64      // counts the openings of the link
	known    bool        // the link has said whether the device is there
	up       bool
	detail   string
	observed map[domain.Target]string
	term     *term
	queue    *emission.Queue

	pending atomic.Int64 // for metrics and health
	idle    atomic.Int64 // domain.Mono, see emission.Queue.IdleSince
	away    atomic.Bool
	sending atomic.Pointer[context.CancelFunc] // calls the present sending off
}

// term is one epoch of primacy, as a device loop sees it.
type term struct {
	ctx     context.Context // ends when primacy ends; its cause says why
	epoch   uint64
	server  string
	gate    domain.Gate
	journal *journal
}

// deviceInput is one thing that a device loop is told.
type deviceInput struct {
	at      domain.Mono
	opening uint64         // of the link that says it; 0 if it is no link
	input   emission.Input // for the queue, or what the link says
	up      *bool
	detail  string
	promote *promotion
	demote  bool
	lapsed  bool            // the lease ran out
	settled chan<- struct{} // closed when the queue is settled
}

// promotion hands a device to the primary: the work that waits and what the
// log last heard of it.
type promotion struct {
	term      *term
	work      []emission.Work
	reported  []domain.Value
	connected bool
	before    []emission.Input // what the term has told all queues already
}

func newDevice(def domain.Definition, driver domain.Driver, partition int32, logger *slog.Logger) *device {
	d := &device{
		definition: def, driver: driver, partition: partition,
		inbox:    newMailbox[deviceInput](),
		logger:   logger.With("device", def.Device),
		done:     make(chan struct{}),
		observed: make(map[domain.Target]string),
	}
	d.away.Store(true)
	return d
}

// tell hands an input for the queue to the loop.
func (d *device) tell(in emission.Input) { d.inbox.put(deviceInput{at: clock.Boot(), input: in}) }

// sink hears one link of a device. What a link has said before it was closed is
// not taken for the word of the next one.
type sink struct {
	inbox   *mailbox[deviceInput]
	opening uint64
}

var _ domain.Sink = sink{}

func (s sink) put(in deviceInput) {
	in.at, in.opening = clock.Boot(), s.opening
	s.inbox.put(in)
}

// Up implements domain.Sink.
func (s sink) Up(detail string) {
	up := true
	s.put(deviceInput{up: &up, detail: detail})
}

// Down implements domain.Sink.
func (s sink) Down(cause string) {
	up := false
	s.put(deviceInput{up: &up, detail: cause})
}

// Reported implements domain.Sink.
func (s sink) Reported(values []domain.Value, full bool) {
	s.put(deviceInput{input: emission.Report{Values: values, Full: full}})
}

// Answered implements domain.Sink.
func (s sink) Answered(a domain.Answered) { s.put(deviceInput{input: emission.Answer{Answered: a}}) }

// warm says that only the primary connects.
func (d *device) warm() bool { return !d.definition.StandbyPolling }

// open opens the link. Why that cannot be is the cause of the device's absence.
func (d *device) open() {
	switch {
	case d.link != nil, d.removed:
	case d.driver == nil:
		d.connection(clock.Boot(), false, fmt.Sprintf("this server has no driver %q", d.definition.Driver))
	default:
		d.opening++
		link, err := d.driver.Open(d.definition, sink{inbox: d.inbox, opening: d.opening})
		if err != nil {
			d.connection(clock.Boot(), false, err.Error())
			return
		}
		d.link = link
	}
}

// shut ends a connection that this server must not have for now.
func (d *device) shut(cause string) {
	d.close()
	clear(d.observed)
	if d.up {
		d.connection(clock.Boot(), false, cause)
	}
}

func (d *device) close() {
	if d.link == nil {
		return
	}
	if err := d.link.Close(); err != nil {
		d.logger.Debug("close device", "cause", err)
	}
	d.link = nil
	d.opening++
}

// run is the loop. It ends with ctx.
func (d *device) run(ctx context.Context) {
	defer close(d.done)
	defer d.close()
	if !d.warm() || d.driver == nil {
		d.open()
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var settling []chan<- struct{}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-d.inbox.ready:
			for _, in := range d.inbox.take() {
				if ctx.Err() != nil {
					return
				}
				if in.settled != nil {
					settling = append(settling, in.settled)
				}
				d.handle(in)
			}
		case <-timer.C:
			d.step(clock.Boot(), emission.Timer{})
		}
		if len(settling) > 0 && (d.queue == nil || d.queue.Settled()) {
			if d.warm() {
				d.shut("this server gives primacy up") // before the next one connects
			}
			for _, s := range settling {
				close(s)
			}
			settling = nil
		}
		d.rearm(timer)
	}
}

func (d *device) rearm(timer *time.Timer) {
	wait := time.Hour
	if d.queue != nil {
		now := clock.Boot()
		if at := d.queue.NextWake(); at > 0 {
			wait = max(0, at-now)
		}
		d.pending.Store(int64(d.queue.Len()))
		d.idle.Store(int64(d.queue.IdleSince()))
	}
	timer.Reset(wait)
}

func (d *device) handle(in deviceInput) {
	if in.opening != 0 && in.opening != d.opening {
		return
	}
	switch {
	case in.promote != nil:
		d.promote(in.promote)
	case in.demote:
		d.demote()
	case in.up != nil:
		d.connection(in.at, *in.up, in.detail)
	case in.input != nil:
		if r, ok := in.input.(emission.Report); ok {
			d.remember(r)
		}
		d.step(in.at, in.input)
		d.follow(in)
	}
}

// follow does to the connection what the end or the return of the lease asks for.
func (d *device) follow(in deviceInput) {
	if d.term == nil {
		return
	}
	switch in.input.(type) {
	case emission.Hold:
		switch {
		case !in.lapsed || d.link == nil:
		case d.warm():
			d.shut("the lease ran out")
		default:
			d.link.ResetUnacknowledged()
		}
	case emission.Resume:
		d.open()
	}
}

// remember keeps what the device says of itself, so that a takeover starts from
// the device as it is.
func (d *device) remember(r emission.Report) {
	if r.Full {
		clear(d.observed)
	}
	for _, v := range r.Values {
		d.observed[v.Target] = v.Value
	}
}

func (d *device) connection(at domain.Mono, up bool, detail string) {
	changed := d.up != up
	switch {
	case !changed && d.known:
	case up:
		d.logger.Info("device connection", "up", up, "cause", detail)
	default:
		d.logger.Warn("device connection", "up", up, "cause", detail)
	}
	d.known, d.up, d.detail = true, up, detail
	d.away.Store(!up)
	if d.term == nil {
		return
	}
	if changed {
		d.append(domain.Connection{Up: up, Detail: detail})
	}
	if up {
		d.step(at, emission.LinkUp{})
	} else {
		d.step(at, emission.LinkDown{Cause: detail})
	}
}

func (d *device) promote(p *promotion) {
	d.term = p.term
	protocol := protocols[d.definition.Driver]
	d.queue = emission.NewQueue(emission.Settings{
		ConfirmWithin: d.definition.ConfirmWithin,
		Window:        protocol.window,
		Polled:        protocol.polled,
	}, p.reported)
	now := clock.Boot()
	for _, in := range p.before {
		d.step(now, in)
	}
	if d.removed {
		d.step(now, emission.Remove{})
	}
	if d.warm() && len(p.before) == 0 {
		d.detail = "only the primary connects, and this server has just become it"
		d.open()
	}
	if !d.removed && (p.connected != d.up || d.link == nil) {
		d.append(domain.Connection{Up: d.up, Detail: d.detail})
	}
	if !d.up {
		d.step(now, emission.LinkDown{Cause: d.detail})
	}
	if d.up && !protocol.polled {
		d.step(now, emission.Report{Values: d.snapshot(), Full: true})
	}
	for _, w := range p.work {
		d.step(now, emission.Accept{Work: w})
	}
	if d.up {
		d.step(now, emission.LinkUp{})
	}
}

func (d *device) snapshot() []domain.Value {
	values := make([]domain.Value, 0, len(d.observed))
	for t, v := range d.observed {
		values = append(values, domain.Value{Target: t, Value: v})
	}
	sortValues(values)
	return values
}

// demote ends a term: the queue goes, and so does whatever the kernel still
// holds for the device.
func (d *device) demote() {
	if d.term == nil {
		return
	}
	d.term, d.queue = nil, nil
	d.pending.Store(0)
	d.idle.Store(0)
	switch {
	case d.link == nil:
	case d.warm():
		d.shut("this server is no longer primary")
	default:
		d.link.Reset()
	}
}

// step drives the queue and carries out its effects. A queue sends one action
// at a time, and how that went is its next input. What one step has to say goes
// to the journal at once, so that it is one append.
func (d *device) step(now domain.Mono, in emission.Input) {
	for in != nil && d.queue != nil {
		effects := d.queue.Step(now, in)
		in = nil
		d.say(effects)
		for _, e := range effects {
			switch e := e.(type) {
			case emission.Emit:
				now = clock.Boot() // what the device answers may be here before emit returns
				in = d.emit(e.Action)
			case emission.Read:
				d.refresh(e.Ref)
			}
		}
	}
}

// say appends what the effects have to say to the log.
func (d *device) say(effects []emission.Effect) {
	var records []domain.Record
	for _, e := range effects {
		switch e := e.(type) {
		case emission.Start:
			records = append(records, d.record(domain.Started{UID: e.UID, Command: e.Command}))
		case emission.Log:
			records = append(records, d.record(domain.Reported{Values: e.Values, Full: e.Full}))
		case emission.End:
			e.Server = d.term.server
			records = append(records, d.record(e.Ended))
		}
	}
	if len(records) > 0 {
		d.term.journal.add(d.partition, records...)
	}
}

// refresh has the link read the device. If that cannot be, the link has lost the
// device, and says so.
func (d *device) refresh(ref uint64) {
	if err := d.link.Refresh(d.term.ctx, ref); err != nil {
		d.logger.Debug("read the device", "cause", err)
	}
}

// interrupt calls off a sending that waits for the device. It may be called from
// any goroutine.
func (d *device) interrupt() {
	if cancel := d.sending.Load(); cancel != nil {
		(*cancel)()
	}
}

// emit hands one action to the device's socket and tells how that went.
func (d *device) emit(a domain.Action) emission.Emitted {
	ctx, cancel := context.WithTimeout(d.term.ctx, emitTimeout)
	defer cancel()
	d.sending.Store(&cancel)
	defer d.sending.Store(nil)
	err := d.link.Emit(ctx, a, d.term.gate)
	out := emission.Emitted{Ref: a.Ref}
	switch {
	case err == nil:
		out.Result = emission.Sent
		return out
	case errors.Is(err, domain.ErrFenced):
		out.Result = emission.Fenced
	case errors.Is(err, domain.ErrNotSent):
		out.Result = emission.NotSent
	default:
		out.Result = emission.UnknownFate
	}
	out.Detail = err.Error()
	return out
}

// idleFor is how long this server has kept an action from being sent.
func (d *device) idleFor() time.Duration {
	since := d.idle.Load()
	if since == 0 {
		return 0
	}
	return clock.Boot() - time.Duration(since)
}

func (d *device) append(p domain.Payload) {
	d.term.journal.add(d.partition, d.record(p))
}

func (d *device) record(p domain.Payload) domain.Record {
	return serverRecord(d.term.server, d.definition.Device, p)
}
