package sim

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/journal"
)

// brokenWrite is the share of writes in the middle of which the connection breaks.
const brokenWrite = 0.003

// Times of a link, as the drivers have them.
const (
	dialTimeout  = 500 * time.Millisecond
	redialFrom   = 20 * time.Millisecond
	redialUpTo   = 500 * time.Millisecond
	silentAfter  = time.Second            // a device that owes an answer so long is gone
	answerWithin = 400 * time.Millisecond // of a device that is asked by requests
	userTimeout  = 250 * time.Millisecond // TCP_USER_TIMEOUT
)

// deviceLoop is one server's side of one device.
type deviceLoop struct {
	s       *server
	machine *device.Machine
	loop    *actor[deviceInput, device.Effect]
	station *station
	polling bool // a standby may connect to it
	link    *link
	term    *term
	demoted bool // the term is over
}

// deviceInput is an input with the time at which it happened.
type deviceInput struct {
	at   domain.Mono
	in   device.Input
	term *term // of device.Promote
}

func (s *server) openDevice(settings device.Settings) {
	name := settings.Definition.Device
	d := &deviceLoop{s: s, machine: device.New(settings), station: s.w.station(name), polling: settings.Definition.StandbyPolling}
	d.loop = &actor[deviceInput, device.Effect]{
		p: &s.program, step: d.step, perform: d.perform, point: devicePoint,
		wake: d.machine.NextWake, timer: func() deviceInput { return deviceInput{at: s.mono(), in: device.Timer{}} },
	}
	if _, known := s.devices[name]; !known {
		s.names = append(s.names, name)
	}
	s.devices[name] = d
	d.loop.tell(deviceInput{at: s.mono(), in: device.Begin{}})
}

func (d *deviceLoop) step(in deviceInput) []device.Effect {
	if d.demoted {
		d.term, d.demoted = nil, false
	}
	if in.term != nil {
		d.term = in.term
	}
	_, d.demoted = in.in.(device.Demote)
	return d.machine.Step(in.at, in.in)
}

func (d *deviceLoop) perform(e device.Effect) {
	switch e := e.(type) {
	case device.Append:
		d.term.journal.tell(journal.Add{Entries: e.Entries})
	case device.Emit:
		at := d.s.mono()
		d.emit(e, func(out emission.Emitted) { d.loop.next(deviceInput{at: at, in: device.Emitted{Emitted: out}}) })
	case device.Open:
		if !d.polling && d.term == nil {
			d.s.w.failf("%s connects to %s, which is the primary's alone", d.s.incarnation, d.station.name)
		}
		d.link = &link{d: d, station: d.station, opening: e.Opening, pause: redialFrom}
		d.link.dial()
	case device.Connection:
		d.s.core.tell(coreInput{in: core.Linked{Device: d.station.name, Up: e.Up}})
	case device.Unsent:
		d.s.core.tell(coreInput{in: core.Unsent{Device: d.station.name, Unsent: e}})
	case device.Settled:
		d.s.core.tell(coreInput{in: core.Settled{Device: d.station.name, Settle: e.Settle}})
	case device.Close:
		d.closeLink()
	case device.Reset:
		if d.link != nil {
			d.link.reset("reset")
		}
	case device.ResetUnacknowledged:
		if d.link != nil && d.link.conn != nil && d.link.conn.flying > 0 {
			d.link.reset("reset, because not all was acknowledged")
		}
	case device.Read:
		if d.link != nil && d.link.up {
			d.link.request(request{ref: e.Ref, read: true})
		}
	}
}

// emit asks the lease and writes, at once or when the process goes on that was
// frozen between the two, and tells how that went.
func (d *deviceLoop) emit(e device.Emit, told func(emission.Emitted)) {
	s := d.s
	switch {
	case d.link == nil || !d.link.up || d.link.conn == nil:
		told(emission.Emitted{Ref: e.Action.Ref, Result: emission.NotSent, Detail: "not connected"})
	case !s.mayWrite(e.Epoch) || s.mono() >= e.Deadline:
		s.w.stats.fenced++
		told(emission.Emitted{Ref: e.Action.Ref, Result: emission.Fenced, Detail: "the lease is over, or it is too old"})
	case s.w.plan.Gap > 0 && s.w.chance(s.w.plan.Gap):
		s.w.stats.gaps++
		link, conn := d.link, d.link.conn
		s.freeze(s.w.between(s.w.plan.GapFor/8, s.w.plan.GapFor))
		s.run(func() { told(d.hand(link, conn, e)) }) // the first that it does when it goes on
	default:
		told(d.hand(d.link, d.link.conn, e))
	}
}

// hand gives an action to the kernel, which asks the valve.
func (d *deviceLoop) hand(l *link, c *conn, e device.Emit) emission.Emitted {
	out, s := emission.Emitted{Ref: e.Action.Ref, Result: emission.Sent}, d.s
	switch {
	case l.conn != c || l.closed:
		out.Result, out.Detail = emission.NotSent, "the connection is gone"
	case !s.w.plan.NoValve && !s.valve.lets(s, c):
		s.w.stats.valved++
		l.lost("permission denied")
		out.Result, out.Detail = emission.Fenced, "the kernel refused the write"
	case s.w.chance(brokenWrite):
		// The connection breaks in the middle of the write: all of it may have left, or not enough.
		s.w.checks.write(s, d.station, e)
		if s.w.chance(0.5) {
			l.request(request{ref: e.Action.Ref, action: e.Action, writer: s})
		}
		l.lost("broken pipe")
		out.Result, out.Detail = emission.UnknownFate, "broken pipe"
	default:
		s.w.checks.write(s, d.station, e)
		l.request(request{ref: e.Action.Ref, action: e.Action, writer: s})
	}
	return out
}

// mayWrite is the lease's check in the process.
func (s *server) mayWrite(epoch uint64) bool { return s.held.Held(epoch, s.mono) || s.w.plan.NoLease }

func (d *deviceLoop) closeLink() {
	if d.link != nil {
		d.link.closed = true
		d.link.drop()
		d.link = nil
	}
}

// abandon is what becomes of a link whose process has ended: the kernel sends what
// it still has, and then its farewell.
func (d *deviceLoop) abandon() {
	l := d.link
	if l == nil {
		return
	}
	l.closed = true
	if c := l.conn; c != nil {
		l.conn, l.up = nil, false
		c.link = nil
		c.toDevice(func() { c.open = false })
	}
}

// link is what the driver has of one device.
type link struct {
	d       *deviceLoop
	station *station
	opening uint64
	conn    *conn
	up      bool
	upSince time.Duration // in true time
	closed  bool
	pause   time.Duration
	heardAt time.Duration
	refresh uint64          // the reading that was asked for last
	awaited bool            // it was not answered yet
	owed    map[uint64]bool // references that the device has not answered
}

// conn is one connection, as the network has it.
type conn struct {
	w              *world
	station        *station
	host           *host
	link           *link // nil when its side is gone
	term           int   // of the valve, in which it was put into it
	open           bool  // as the device sees it
	flying         int   // requests that have not arrived
	stuck          []func()
	lastIn, lastTo time.Duration
	missed         bool // the device has kept something to itself
	gap            bool // something from the device was lost, so what follows does not come either
}

type request struct {
	ref    uint64
	read   bool
	action domain.Action
	writer *server
}

func (l *link) p() *program { return &l.d.s.program }

func (l *link) put(in device.Input) {
	l.d.loop.tell(deviceInput{at: l.d.s.mono(), in: in})
}

// dial connects, and connects again until the link is closed.
func (l *link) dial() {
	p, st := l.p(), l.station
	w := p.w
	p.after(w.between(100*time.Microsecond, time.Millisecond), func() {
		switch {
		case l.closed || l.conn != nil:
		case p.host.devCut[st]:
			p.after(dialTimeout, func() { l.failed("no answer to the dial") })
		case !l.d.polling && !w.plan.NoLease && l.d.s.mono() >= l.d.s.held.End():
			l.failed("no lease")
		case st.down():
			l.failed("connection refused")
		default:
			if !l.d.polling && !w.plan.NoLease && !l.d.s.mayAct() {
				w.failf("%s connects to %s, which is the primary's alone, without a lease (V25)", l.d.s.incarnation, st.name)
			}
			c := &conn{w: w, station: st, host: p.host, link: l, open: true, term: l.d.s.valve.term}
			l.conn = c
			st.conns = append(st.conns, c)
			c.toLink(func(l *link) {
				l.up, l.upSince, l.pause, l.heardAt, l.owed, l.awaited = true, w.now, redialFrom, w.now, nil, false
				l.put(device.Reported{Opening: l.opening, Values: st.all(), Full: true})
				l.put(device.Up{Opening: l.opening, Detail: "connected"})
				if st.polled {
					l.poll(c)
				}
			})
			p.after(dialTimeout, func() {
				if l.conn == c && !l.up {
					l.lost("no state within the time for it")
				}
			})
		}
	})
}

func (l *link) failed(cause string) {
	if l.closed || l.conn != nil {
		return
	}
	l.put(device.Down{Opening: l.opening, Cause: cause})
	l.redial()
}

func (l *link) redial() {
	pause := l.pause
	l.pause = min(2*l.pause, redialUpTo)
	l.p().after(pause, func() {
		if !l.closed && l.conn == nil {
			l.dial()
		}
	})
}

// lost is told when the connection is.
func (l *link) lost(cause string) {
	if l.closed || l.conn == nil {
		return
	}
	l.drop()
	l.put(device.Down{Opening: l.opening, Cause: cause})
	l.redial()
}

// reset ends the connection, with what the kernel still holds, and connects anew.
func (l *link) reset(cause string) { l.lost(cause) }

// drop ends the connection on this side.
func (l *link) drop() {
	c := l.conn
	if c == nil {
		return
	}
	l.conn, l.up = nil, false
	c.link, c.stuck = nil, nil
	c.toDevice(func() { c.open = false })
}

// poll reads a device that does not report by itself.
func (l *link) poll(c *conn) {
	l.p().after(l.station.def.PollEvery, func() {
		if l.conn != c || l.closed {
			return
		}
		l.request(request{read: true})
		l.poll(c)
	})
}

// request sends one to the device.
func (l *link) request(r request) {
	c, st, w := l.conn, l.station, l.p().w
	if r.read && r.ref != 0 {
		l.refresh, l.awaited = r.ref, true
	}
	c.flying++
	asked := w.now
	c.toDevice(func() {
		c.flying--
		st.take(c, r)
	})
	if !r.read {
		if l.owed == nil {
			l.owed = make(map[uint64]bool)
		}
		l.owed[r.ref] = true
		if st.polled {
			l.p().after(answerWithin, func() {
				if l.conn == c && l.owed[r.ref] {
					delete(l.owed, r.ref)
					l.put(device.Answered{Opening: l.opening, Answered: domain.Answered{Ref: r.ref, Verdict: domain.NoAnswer, Detail: "no answer in time"}})
				}
			})
		}
	}
	l.p().after(silentAfter, func() {
		if l.conn == c && (l.heardAt < asked || r.ref != 0 && r.ref == l.refresh && l.awaited) {
			l.lost("the device is silent")
		}
	})
}

// toDevice carries something to the device's side, in order.
func (c *conn) toDevice(do func()) {
	w := c.w
	c.lastTo = max(c.lastTo+time.Microsecond, w.now+w.between(50*time.Microsecond, 400*time.Microsecond))
	w.at(c.lastTo, func() { c.arrive(do) })
}

func (c *conn) arrive(do func()) {
	switch {
	case !c.open:
	case c.host.devCut[c.station]:
		if len(c.stuck) == 0 {
			c.w.after(userTimeout, func() {
				if len(c.stuck) > 0 && c.host.devCut[c.station] {
					c.stuck, c.open = nil, false
					if c.link != nil {
						l := c.link
						l.p().run(func() {
							if l.conn == c {
								l.lost("connection timed out")
							}
						})
					}
				}
			})
		}
		c.stuck = append(c.stuck, do)
	default:
		do()
	}
}

// release delivers what was stuck when the network is whole again.
func (c *conn) release() {
	stuck := c.stuck
	c.stuck = nil
	for _, do := range stuck {
		c.toDevice(do)
	}
}

// toLink carries something to the link's side, in order.
func (c *conn) toLink(do func(*link)) {
	w := c.w
	c.lastIn = max(c.lastIn+time.Microsecond, w.now+w.between(50*time.Microsecond, 400*time.Microsecond))
	l := c.link
	if l == nil {
		return
	}
	w.put(c.lastIn, l.p(), func() {
		if l.conn != c || l.closed || c.gap {
			return
		}
		if c.host.devCut[c.station] {
			c.gap = true
			w.after(userTimeout, func() { // the connection is of no use any more
				l.p().run(func() {
					if l.conn == c {
						l.lost("connection timed out")
					}
				})
			})
			return
		}
		l.heardAt = w.now
		do(l)
	})
}

// station is a simulated device. It takes one request after the other, in the
// order in which they come.
type station struct {
	w      *world
	def    domain.Definition
	name   string
	polled bool
	values map[domain.Target]string
	order  []domain.Target
	old    map[domain.Target]string // what it has after a restart
	conns  []*conn
	free   time.Duration // it is busy until then

	downUntil, silentUntil, deafUntil, idleUntil, nakUntil, slowUntil time.Duration
	slow                                                              time.Duration

	trace  map[domain.Target][]moment
	pulses map[string]int
}

// moment is a value that a device had from a time on.
type moment struct {
	at    time.Duration
	value string
	by    string // the UID; empty if it was no command
}

func newStation(w *world, def domain.Definition) *station {
	st := &station{
		w: w, def: def, name: def.Device, polled: def.Driver == domain.DriverHTTP,
		values: make(map[domain.Target]string), trace: make(map[domain.Target][]moment), pulses: make(map[string]int),
	}
	if st.polled {
		for _, v := range def.Verbs {
			if v.Target != "" {
				st.order = append(st.order, domain.ParameterTarget(v.Target))
			}
		}
	}
	for i := range def.Outputs {
		st.order = append(st.order, domain.CrosspointTarget("", i+1))
	}
	for _, t := range st.order {
		st.set(t, "1", "")
	}
	st.old = st.copy()
	return st
}

func (w *world) station(name string) *station {
	for _, st := range w.devices {
		if st.name == name {
			return st
		}
	}
	panic("no such device: " + name)
}

func (st *station) set(t domain.Target, value, by string) {
	st.values[t] = value
	st.trace[t] = append(st.trace[t], moment{st.w.now, value, by})
}

func (st *station) copy() map[domain.Target]string {
	out := make(map[domain.Target]string, len(st.values))
	for t, v := range st.values {
		out[t] = v
	}
	return out
}

func (st *station) all() []domain.Value {
	out := make([]domain.Value, len(st.order))
	for i, t := range st.order {
		out[i] = domain.Value{Target: t, Value: st.values[t]}
	}
	return out
}

func (st *station) down() bool { return st.w.now < st.downUntil }

// take is the arrival of a request.
func (st *station) take(c *conn, r request) {
	w := st.w
	if st.down() {
		return
	}
	d := w.between(50*time.Microsecond, time.Millisecond)
	if w.now < st.slowUntil {
		d += w.between(0, st.slow)
	}
	st.free = max(st.free, w.now) + d
	w.at(st.free, func() { st.do(c, r) })
	if r.writer != nil && !r.writer.dead && !r.writer.frozen {
		r.writer.reach(pointRequest)
	}
}

// do does what was asked, and says so.
func (st *station) do(c *conn, r request) {
	w := st.w
	silent := w.now < st.silentUntil
	c.missed = c.missed || silent
	if w.now < st.deafUntil || st.down() {
		return
	}
	answer := func(v domain.Verdict, reason domain.Reason) {
		if silent {
			return
		}
		c.toLink(func(l *link) {
			delete(l.owed, r.ref)
			l.put(device.Answered{Opening: l.opening, Answered: domain.Answered{Ref: r.ref, Verdict: v, Reason: reason}})
		})
	}
	switch {
	case r.read:
		values := st.all()
		if silent {
			return
		}
		c.toLink(func(l *link) {
			l.put(device.Reported{Opening: l.opening, Values: values, Full: true})
			if r.ref != 0 && l.refresh == r.ref {
				l.awaited = false
				l.put(device.Answered{Opening: l.opening, Answered: domain.Answered{Ref: r.ref, Verdict: domain.Fresh}})
			}
		})
	case w.now < st.nakUntil:
		answer(domain.Rejected, domain.ReasonNak)
	case r.action.Effect == domain.OneShot:
		st.pulses[r.action.UID]++
		w.checks.pulsed(st, &r)
		answer(domain.Done, "")
	default:
		idle := w.now < st.idleUntil
		if !idle {
			if w.telling() {
				w.tell("%s does %s: %v", st.name, r.action.UID, r.action.Wishes)
			}
			for _, wish := range r.action.Wishes {
				st.set(wish.Target, wish.Value, r.action.UID)
			}
		}
		answer(domain.Acknowledged, "")
		switch {
		case st.polled && !silent:
			back := st.read(r.action.Wishes)
			c.toLink(func(l *link) { l.put(device.Reported{Opening: l.opening, Values: back}) })
		case !st.polled && !idle:
			st.push(r.action.Wishes)
		}
	}
}

// read is what a driver reads back of what was wished.
func (st *station) read(wishes []domain.Value) []domain.Value {
	out := make([]domain.Value, len(wishes))
	for i, wish := range wishes {
		out[i] = domain.Value{Target: wish.Target, Value: st.values[wish.Target]}
	}
	return out
}

// push tells all who are connected what has changed.
func (st *station) push(values []domain.Value) {
	silent := st.w.now < st.silentUntil
	open := st.conns[:0]
	for _, c := range st.conns {
		if !c.open {
			continue
		}
		open = append(open, c)
		if silent {
			c.missed = true
			continue
		}
		c.toLink(func(l *link) { l.put(device.Reported{Opening: l.opening, Values: values}) })
	}
	clear(st.conns[len(open):])
	st.conns = open
}

// silence keeps a device from saying anything for a while. Connections that have
// missed something then end: none goes on with a gap in it.
func (st *station) silence(d time.Duration) {
	st.silentUntil = max(st.silentUntil, st.w.now+d)
	st.w.after(d, func() {
		if st.w.now < st.silentUntil {
			return
		}
		for _, c := range st.conns {
			if c.open && c.missed {
				c.open = false
				c.toLink(func(l *link) { l.lost("the device has hung up") })
			}
		}
	})
}

// byHand changes a value without anybody's command.
func (st *station) byHand(arg int) {
	t := st.order[arg%len(st.order)]
	value := fmt.Sprint(1 + arg/7%4)
	st.set(t, value, "")
	st.w.tell("%s is changed by hand: %s to %s", st.name, t, value)
	if !st.polled {
		st.push([]domain.Value{{Target: t, Value: value}})
	}
}

// restart takes it away for a while; it comes back with what it had long ago.
func (st *station) restart(d time.Duration, forget bool) {
	st.hangUp(d)
	if forget {
		for _, t := range st.order {
			st.set(t, st.old[t], "")
		}
	}
	st.old = st.copy()
}

// hangUp ends all connections, and takes none for a while.
func (st *station) hangUp(d time.Duration) {
	st.downUntil = max(st.downUntil, st.w.now+d)
	for _, c := range st.conns {
		if c.open {
			c.open = false
			c.toLink(func(l *link) { l.lost("the device has hung up") })
		}
	}
	st.conns = nil
}

// hostGone is the end of a whole host: what its kernel still held is gone.
func (st *station) hostGone(h *host) {
	for _, c := range st.conns {
		if c.host == h {
			c.stuck = nil
		}
	}
}
