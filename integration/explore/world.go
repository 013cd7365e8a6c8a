package explore

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// unit is a step of true time.
const unit = 10 * time.Millisecond

// Server is one member of a landscape that is explored.
type Server struct {
	Name string
	Rate float64       // of its clock
	TTL  time.Duration // 0: as its own measurements of the log say
}

// Landscape is what all histories of an exploration have in common.
type Landscape struct {
	Servers        []Server
	Margin         float64 // 0 for the product's own
	MinTTL, MaxTTL time.Duration
	Faults         []Fault // those that may happen
	Young          bool    // begin when the first claim has landed, and not when all is settled
}

// state is the world between two moves. What it points to is never changed, so
// that states share it.
type state struct {
	land   *Landscape
	origin int // the tick at which the landscape was settled
	tick   int
	faults int // that may still happen
	log    []*entry
	procs  []*process
	air    []*message
	wrong  string // what is wrong here; empty if all is well
	say    func(format string, args ...any)
}

// entry is a record of the log, with the fold as it stands behind it.
type entry struct {
	record  domain.Record
	fold    *election.State
	folded  digest            // of fold
	digest  digest            // of record
	owners  map[uint64]string // the incarnation that got each epoch
	over    map[string]bool   // incarnations that are out for good
	retired map[string]bool   // members that are
}

// process is one incarnation.
type process struct {
	server    *Server
	number    int // of all starts
	inc       string
	machine   *election.Server
	read      int  // records
	sent      int  // records, to name them
	slow      bool // reads and wakes when it likes
	deaf      bool // reads when it likes
	paused    bool
	dead, cut bool
	restarted bool
	draining  bool
	yielding  election.Input // what ends its epoch in order, once all is settled
	acts      bool           // as it was told: Won or Resumed, and no Lost since
	lease     domain.Mono    // as it was told
	folded    digest         // of the machine's fold
	digest    digest         // of all of that
}

// message is a record that was sent and has not landed.
type message struct {
	record domain.Record
	held   bool // it may land at any time, or never
	spare  bool // the second of a pair
	digest digest
}

func (m *message) name() string {
	if m.spare {
		return m.record.UID + "+"
	}
	return m.record.UID
}

// begin is the state from which all histories go on.
func (l *Landscape) begin() *state {
	s := &state{land: l}
	for i := range l.Servers {
		s.start(&l.Servers[i], nil)
		if !l.Young {
			s.settle()
			s.passTick()
		}
	}
	for held := false; l.Young && !held; _, _, held = s.fold().Holder() {
		s.move(s.moves(&Bounds{Records: maxSettle})[0])
	}
	for range l.settling() {
		s.passTick()
		s.settle()
	}
	s.origin = s.tick
	return s
}

// settling is how many ticks it takes until the first lease is there, and stays.
func (l *Landscape) settling() int {
	if l.Young {
		return 0
	}
	return 2*int(l.MaxTTL/unit) + 4
}

func (s *state) clone() *state {
	c := *s
	c.log = slices.Clip(c.log)
	c.procs = slices.Clone(c.procs)
	c.air = slices.Clone(c.air)
	return &c
}

// now is true time.
func (s *state) now() time.Duration { return time.Duration(s.tick) * unit }

// clock is a process's own time.
func (s *state) clock(p *process) domain.Mono {
	return domain.Mono(p.number+1)*time.Hour + domain.Mono(math.Round(float64(s.now())*p.server.Rate))
}

// mayAct reports whether a process would send to a device now. One that is late
// may have looked at its lease before.
func (s *state) mayAct(p *process) bool { return !p.dead && s.clock(p) < p.machine.LeaseEnd() }

// out reports whether a process does nothing any more, whatever it may read.
func (p *process) out() bool {
	return p.dead || p.machine.Role() == election.Departed && p.machine.LeaseEnd() == 0
}

// fold is the state of the whole log.
func (s *state) fold() *election.State {
	if len(s.log) == 0 {
		return election.NewState()
	}
	return s.log[len(s.log)-1].fold
}

// start begins an incarnation, from a view or from nothing, and lets it read all
// that there is: before that it does nothing.
func (s *state) start(server *Server, view *election.State) *process {
	number := len(s.procs)
	p := &process{server: server, number: number, inc: fmt.Sprintf("%s%d", server.Name, number+1)}
	from := election.NewState()
	if view != nil {
		var err error
		if from, err = election.Restore(view.Export()); err != nil {
			s.fail("a view cannot be read: %v", err)
			return p
		}
	}
	p.read = int(from.Next())
	p.machine = election.NewServerFrom(election.Config{
		Member: server.Name, Incarnation: p.inc, Margin: s.land.Margin, Guarded: true,
		TTL: server.TTL, MinTTL: s.land.MinTTL, MaxTTL: s.land.MaxTTL,
		// Ranks must not keep servers from claiming at once. Heartbeats of standbys
		// decide nothing here, but that they come back.
		Stagger: time.Nanosecond, HeartbeatStandby: time.Hour, LiveWithin: 2 * time.Hour,
	}, from)
	s.procs = append(s.procs, p)
	s.step(p, election.Start{})
	s.step(p, election.Health{Ready: true, Hash: "ok"})
	for p.read < len(s.log) {
		s.read(p)
	}
	s.poll(p)
	return p
}

// own makes a process this state's own, to change it.
func (s *state) own(p *process) *process {
	i := slices.Index(s.procs, p)
	c := *p
	c.machine = p.machine.Clone()
	s.procs[i] = &c
	return &c
}

// step gives a process of this state's own an input, and does what it says.
func (s *state) step(p *process, in election.Input) {
	for _, e := range p.machine.Step(s.clock(p), in) {
		s.perform(p, e)
	}
	if _, ok := in.(election.Received); ok || p.folded == 0 {
		p.folded = digestOf(p.machine.State())
	}
	s.checkTold(p)
	s.seal(p)
}

// seal computes the digest of a process anew.
func (s *state) seal(p *process) {
	if p.out() {
		p.digest = digestOf(p.inc, p.restarted)
		return
	}
	p.digest = digestOf(p.machine)
	p.digest.add(uint64(p.folded))
	p.digest.text(p.inc)
	for _, x := range []int{p.read, p.sent, flags(p.slow, p.deaf, p.paused, p.dead, p.cut, p.restarted, p.draining, p.acts, p.yielding != nil)} {
		p.digest.add(uint64(x))
	}
}

func flags(all ...bool) (bits int) {
	for i, f := range all {
		if f {
			bits |= 1 << i
		}
	}
	return bits
}

func (s *state) perform(p *process, e election.Effect) {
	switch e := e.(type) {
	case election.Append:
		p.sent++
		s.send(p, domain.Record{
			Subject: p.server.Name, Type: e.Type, Payload: e.Payload, Signed: true,
			UID: fmt.Sprintf("%s.%d", p.inc, p.sent),
		})
	case election.Lease:
		p.lease = e.Until
	case election.Won:
		s.turn(p, true)
		s.tell("%s is the primary of epoch %d", p.inc, e.Epoch)
	case election.Resumed:
		s.turn(p, true)
		s.tell("%s goes on in epoch %d", p.inc, e.Epoch)
	case election.Lost:
		s.turn(p, false)
		s.tell("%s stops: %s", p.inc, e.Cause)
	case election.Drain:
		p.draining = true
	case election.Yield:
		s.tell("%s is to give up: %s", p.inc, e.Reason)
		p.yielding = election.Release(e)
	case election.Gone:
		s.tell("%s is gone: %s", p.inc, e.Cause)
	}
}

// send puts a record into the air. From a process that is cut off none leaves.
func (s *state) send(from *process, r domain.Record) {
	lost := ""
	if from != nil && from.cut {
		lost = ", which does not leave it"
	}
	s.tell("%s is sent: %s%s", r.UID, describe(&r), lost)
	switch {
	case lost != "":
	case standbyBeat(election.Append{Payload: r.Payload}):
		// When a standby's heartbeat lands makes no difference to anybody else.
		s.landed(r)
	default:
		s.air = append(s.air, &message{record: r, digest: digestOfRecord(&r)})
	}
}

// landed appends a record to the log and folds it.
func (s *state) landed(r domain.Record) {
	before := s.fold()
	r.Position.Offset = int64(len(s.log))
	r.Appended = domain.Instant(s.now())
	e := &entry{record: r, fold: before.Clone()}
	ruling := e.fold.Apply(r)
	e.folded = digestOf(e.fold)
	e.digest = digestOfRecord(&r)
	e.digest.add(uint64(r.Appended))
	if n := len(s.log); n > 0 {
		e.owners, e.over, e.retired = s.log[n-1].owners, s.log[n-1].over, s.log[n-1].retired
	}
	s.log = append(s.log, e)
	s.tell("#%d %s: %s", r.Position.Offset, describe(&r), verdict(ruling))
	s.checkLanded(before, e, ruling)
}

// digest is equal for states from which the same can come. Of the log that is its
// fold and what somebody has not read yet.
func (s *state) digest() digest {
	var d digest
	d.add(uint64(s.tick))
	unread := len(s.log)
	for _, p := range s.procs {
		d.add(uint64(p.digest))
		if !p.out() {
			unread = min(unread, p.read)
		}
	}
	if n := len(s.log); n > 0 {
		d.add(uint64(s.log[n-1].folded))
	}
	for _, e := range s.log[unread:] {
		d.add(uint64(e.digest))
	}
	var air uint64 // a sum: what is in the air has no order
	for _, m := range s.air {
		one := m.digest
		one.add(uint64(flags(m.held, m.spare)))
		air += uint64(one)
	}
	d.add(air)
	return d
}

func (s *state) tell(format string, args ...any) {
	if s.say != nil {
		s.say(format, args...)
	}
}
