package server

import (
	"context"
	"errors"
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

// windows are how many actions may be with a device unanswered, by protocol.
var windows = map[domain.DriverName]int{
	domain.DriverVideohub: 64, // answers come strictly in order
	domain.DriverHTTP:     1,  // one request at a time keeps the order
}

// device is the loop of one device. On a standby it holds the link, which only
// reads, and remembers what it saw; on the primary it drives a queue.
type device struct {
	definition domain.Definition
	partition  int32
	link       domain.Link
	inbox      *mailbox[deviceInput]
	logger     *slog.Logger
	done       chan struct{}
	stop       context.CancelFunc

	// Owned by the loop.
	up       bool
	detail   string
	observed map[domain.Target]string
	term     *term
	queue    *emission.Queue

	pending atomic.Int64 // for metrics and health
	idle    atomic.Int64 // domain.Mono, see emission.Queue.IdleSince
	away    atomic.Bool
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
	input   emission.Input // for the queue, or what the link says
	up      *bool
	detail  string
	promote *promotion
	demote  bool
	settled chan<- struct{} // closed when the queue is settled
}

// promotion hands a device to the primary: the work that waits and what the
// log last heard of it.
type promotion struct {
	term      *term
	work      []emission.Work
	reported  []domain.Value
	connected bool
}

func newDevice(def domain.Definition, partition int32, logger *slog.Logger) *device {
	return &device{
		definition: def, partition: partition,
		inbox:    newMailbox[deviceInput](),
		logger:   logger.With("device", def.Device),
		done:     make(chan struct{}),
		observed: make(map[domain.Target]string),
	}
}

// tell hands an input for the queue to the loop.
func (d *device) tell(in emission.Input) { d.inbox.put(deviceInput{at: clock.Boot(), input: in}) }

// Up, Down, Reported and Answered implement domain.Sink.
func (d *device) Up(detail string) {
	up := true
	d.inbox.put(deviceInput{at: clock.Boot(), up: &up, detail: detail})
}

func (d *device) Down(cause string) {
	up := false
	d.inbox.put(deviceInput{at: clock.Boot(), up: &up, detail: cause})
}

func (d *device) Reported(values []domain.Value, full bool) {
	d.tell(emission.Report{Values: values, Full: full})
}

func (d *device) Answered(a domain.Answered) { d.tell(emission.Answer{Answered: a}) }

// run is the loop. It ends with ctx.
func (d *device) run(ctx context.Context) {
	defer close(d.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var settling []chan<- struct{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.inbox.ready:
			for _, in := range d.inbox.take() {
				if in.settled != nil {
					settling = append(settling, in.settled)
				}
				d.handle(in)
			}
		case <-timer.C:
			d.step(clock.Boot(), emission.Timer{})
		}
		if len(settling) > 0 && (d.queue == nil || d.queue.Settled()) {
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
	d.up, d.detail = up, detail
	d.away.Store(!up)
	if changed {
		d.logger.Info("device connection", "up", up, "cause", detail)
	}
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
	d.queue = emission.NewQueue(emission.Settings{
		ConfirmWithin: d.definition.ConfirmWithin,
		Window:        windows[d.definition.Driver],
	}, p.reported)
	if p.connected != d.up {
		d.append(domain.Connection{Up: d.up, Detail: d.detail})
	}
	now := clock.Boot()
	if d.up {
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
	d.link.Reset()
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
			if e, ok := e.(emission.Emit); ok {
				now = clock.Boot() // what the device answers may be here before emit returns
				in = d.emit(e.Action)
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

// emit hands one action to the device's socket and tells how that went.
func (d *device) emit(a domain.Action) emission.Emitted {
	ctx, cancel := context.WithTimeout(d.term.ctx, emitTimeout)
	defer cancel()
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
