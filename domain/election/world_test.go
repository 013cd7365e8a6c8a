package election

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// world is a control log and the processes around it, in simulated true time.
// Each process has its own clock. Every append lands when, and as often as, fate
// says; every process reads what has landed after its own delay.
type world struct {
	rnd    *rand.Rand
	now    time.Duration
	queue  events
	order  int
	procs  []*process
	log    []domain.Record
	oracle *State
	terms  []term // after each record
	hashes map[int64]domain.Hash
	views  [][]byte

	fate  func(p *process, a Append) []time.Duration // delays of the landings: none is lost, two is doubled
	delay func(p *process) time.Duration             // of a read
	say   func(format string, args ...any)
	err   error

	hung  bool // the log answers nobody and takes nothing, in silence
	shut  shut // it answers who reads, and takes nothing
	stuck []func()

	lastVoid string // the last void heartbeat told: its like are not told again
}

// shut is what a log does with appends that it does not take.
type shut int

const (
	takes   shut = iota
	holds        // they wait, unanswered: fewer replicas are alive than the log believes
	refuses      // they fail at once: it knows
)

type process struct {
	*world
	id         identity
	rate       float64
	boot       domain.Mono
	machine    *Server
	cfg        Config
	read       int64
	wakes      int
	paused     bool
	halted     bool        // its machine is, and its clock with it
	stands     domain.Mono // what that shows meanwhile
	dead       bool
	deaf, mute bool // cannot read, cannot append
	waiting    []func()
	told       bool        // that it may act: Won or Resumed, and no Lost since
	lease      domain.Mono // as told
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

func newWorld() *world {
	return &world{
		oracle: NewState(), hashes: make(map[int64]domain.Hash), say: func(string, ...any) {},
		fate:  func(*process, Append) []time.Duration { return []time.Duration{time.Millisecond} },
		delay: func(*process) time.Duration { return time.Millisecond },
	}
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, event{w.now + d, w.order, do})
}

// run lets d of true time go by.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for w.err == nil && len(w.queue) > 0 && w.queue[0].at <= end {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

func (w *world) failf(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("at %s: %s", w.now, fmt.Sprintf(format, args...))
	}
}

// start begins a process, from a view if there is one.
func (w *world) start(cfg Config, rate float64, from []byte) *process {
	state := NewState()
	if from != nil {
		var err error
		if state, err = Restore(from); err != nil {
			w.failf("view: %v", err)
			return nil
		}
		state.broken = cfg.broken
	}
	p := &process{
		world: w, id: identity{cfg.Member, cfg.Incarnation}, rate: rate, boot: domain.Mono(len(w.procs)+1) * time.Hour,
		cfg: cfg, machine: NewServerFrom(cfg, state), read: state.Next(),
	}
	w.oracle.broken = cfg.broken
	w.procs = append(w.procs, p)
	p.step(Start{})
	p.step(Health{Ready: true, Hash: domain.HashOK})
	p.poll(0)
	p.follow()
	return p
}

// follow polls all the time: an answer comes also when there is nothing new.
func (p *process) follow() {
	if p.dead {
		return
	}
	d := p.delay(p)
	p.poll(d)
	p.after(d, func() { p.after(p.machine.PollEvery(), p.follow) })
}

// reach does something with the log after d, or when it hangs no more.
func (w *world) reach(d time.Duration, do func()) {
	w.after(d, func() {
		if w.hung {
			w.stuck = append(w.stuck, do)
			return
		}
		do()
	})
}

// hang stops the log, and nobody is told; thaw ends that, and what waited is done
// each after its delay.
func (w *world) hang() {
	w.say("the log hangs")
	w.hung = true
}

func (w *world) thaw(delay func() time.Duration) {
	w.say("the log goes on")
	stuck := w.stuck
	w.hung, w.shut, w.stuck = false, takes, nil
	for _, do := range stuck {
		w.reach(delay(), do)
	}
}

// clock is the process's own time.
func (p *process) clock() domain.Mono {
	if p.halted {
		return p.stands
	}
	return p.boot + domain.Mono(math.Round(float64(p.now)*p.rate))
}

// until is the true time from now to a reading of the process's clock.
func (p *process) until(at domain.Mono) time.Duration {
	return max(0, time.Duration(math.Ceil(float64(at-p.clock())/p.rate)))
}

// does runs something in the process, now or when its pause is over.
func (p *process) does(f func()) {
	switch {
	case p.dead:
	case p.paused:
		p.waiting = append(p.waiting, f)
	default:
		f()
	}
}

// halt stops the machine that the process runs on, with its clock.
func (p *process) halt() {
	p.stands, p.halted, p.paused = p.clock(), true, true
}

// unhalt lets it go on. What an outside clock tells comes first.
func (p *process) unhalt() {
	if !p.halted {
		return
	}
	p.halted = false
	p.boot += p.stands - p.clock()
	p.waiting = append([]func(){func() { p.step(Jumped{Cause: "the machine was stopped"}) }}, p.waiting...)
	p.resume()
}

func (p *process) resume() {
	if p.halted {
		return
	}
	p.paused = false
	for len(p.waiting) > 0 && !p.paused && !p.dead {
		f := p.waiting[0]
		p.waiting = p.waiting[1:]
		f()
	}
}

func (p *process) step(in Input) {
	p.does(func() {
		for _, e := range p.machine.Step(p.clock(), in) {
			p.perform(e)
		}
		p.checkTold()
		p.check()
		p.wakes++
		if at := p.machine.NextWake(); at != Never {
			gen := p.wakes
			p.after(max(p.until(at), time.Microsecond), func() {
				p.does(func() {
					if gen == p.wakes {
						p.step(Timer{})
					}
				})
			})
		}
	})
}

func (p *process) perform(e Effect) {
	switch e := e.(type) {
	case Append:
		p.append(e)
	case Lease:
		p.lease = e.Until
	case Won:
		p.turn(true)
		p.say("%s is the primary of epoch %d", p.id, e.Epoch)
	case Lost:
		p.turn(false)
		p.say("%s stops: %s", p.id, e.Cause)
	case Resumed:
		p.turn(true)
		p.say("%s goes on in epoch %d", p.id, e.Epoch)
	case Drain:
		p.say("%s lets answers come in", p.id)
		p.after(5*time.Millisecond, func() { p.step(Drained(e)) })
	case Yield:
		p.say("%s is to give up: %s", p.id, e.Reason)
		p.after(5*time.Millisecond, func() { p.step(Release(e)) })
	case Refused:
		p.say("%s may not join: %s", p.id, e.Cause)
	case Gone:
		p.say("%s is gone%s: %s", p.id, map[bool]string{true: " for good"}[e.Barred], e.Cause)
	}
}

// turn takes a change of roles: they alternate.
func (p *process) turn(acts bool) {
	if p.told == acts {
		p.failf("%s is told twice that it acts: %t", p.id, acts)
	}
	p.told = acts
}

// checkTold checks that the effects say what the machine says.
func (p *process) checkTold() {
	if end := p.machine.LeaseEnd(); end != p.lease || p.told != (end != 0) {
		p.failf("%s was told %t and a lease until %s, its lease ends at %s", p.id, p.told, p.lease, end)
	}
}

func (id identity) String() string { return id.Incarnation }

func (p *process) append(a Append) {
	if p.mute {
		p.after(20*time.Millisecond, func() { p.step(AppendFailed{}) })
		return
	}
	if p.shut == refuses {
		p.after(p.delay(p), func() { p.step(AppendFailed{N: a.N}) })
		return
	}
	r := domain.Record{Subject: p.id.Name, Type: a.Type, Payload: a.Payload, Signed: true, UID: fmt.Sprint(p.id, p.order)}
	for _, d := range p.fate(p, a) {
		p.reach(d, func() {
			if p.shut == holds {
				p.stuck = append(p.stuck, func() { p.land(r) })
				return
			}
			p.land(r)
		})
	}
}

// write is a record of somebody who is no server.
func (w *world) write(subject string, d time.Duration, p domain.Payload) {
	r := domain.Record{Subject: subject, Type: p.Type(), Payload: p, Signed: true, UID: fmt.Sprint("ops", w.order)}
	w.reach(d, func() { w.land(r) })
}

// land puts a record at the end of the log, folds it, and wakes the readers.
func (w *world) land(r domain.Record) {
	r.Position.Offset = int64(len(w.log))
	r.Appended = domain.Instant(w.now)
	epoch := w.oracle.Epoch()
	ruling := w.oracle.Apply(r)
	if w.oracle.Epoch() < epoch {
		w.failf("epoch %d follows on %d", w.oracle.Epoch(), epoch)
	}
	w.log = append(w.log, r)
	w.terms = append(w.terms, w.oracle.term())
	if n := int64(len(w.log)); n%32 == 0 {
		w.hashes[n] = w.oracle.Hash()
		w.views = append(w.views, w.oracle.Export())
	}
	w.tell(&r, ruling)
	for _, p := range w.procs {
		if !p.dead {
			p.poll(p.delay(p))
		}
	}
}

// poll is a fetch that is answered after d with what stands in the log now.
func (p *process) poll(d time.Duration) {
	upTo := int64(len(p.log))
	p.reach(d, func() {
		p.does(func() {
			if p.deaf {
				return
			}
			for p.read < upTo {
				r := p.log[p.read]
				p.read++
				p.step(Received{r})
				p.compare()
			}
			if p.read >= upTo {
				p.step(CaughtUp{})
			}
		})
	})
}

// compare checks that equal offsets have equal states.
func (p *process) compare() {
	s := p.machine.State()
	if n := s.Next(); s.term() != p.terms[n-1] {
		p.failf("%s folds offset %d to %+v, others to %+v", p.id, n-1, s.term(), p.terms[n-1])
	} else if want, ok := p.hashes[n]; ok && s.Hash() != want {
		p.failf("%s has another state at %d: %s", p.id, n, s.Export())
	}
}

// acts reports whether the process could act now: it may be paused between the
// check of its lease and the write.
func (p *process) acts() bool { return !p.dead && !p.halted && p.clock() < p.machine.LeaseEnd() }

// check is the guarantee: a lease can only begin or move in a step, so two that
// cover one instant are found after one.
func (w *world) check() {
	var acting *process
	for _, p := range w.procs {
		if !p.acts() {
			continue
		}
		if acting != nil {
			w.failf("%s (epoch %d) and %s (epoch %d) may both act", acting.id, acting.machine.tenure.epoch, p.id, p.machine.tenure.epoch)
		}
		acting = p
	}
}

// tell says what a record did; heartbeats only when the holder's are void.
func (w *world) tell(r *domain.Record, ruling Ruling) {
	verdict := "counts"
	if !ruling.Counts {
		verdict = "void, " + ruling.Void
	}
	var what string
	switch p := r.Payload.(type) {
	case domain.Joined:
		what = p.Incarnation + " joins"
	case domain.Heartbeat:
		if ruling.Counts || ruling.Void == "" {
			return
		}
		again := p.Incarnation + ruling.Void
		if again == w.lastVoid {
			return
		}
		w.lastVoid = again
		what = fmt.Sprintf("heartbeat %d of %s", p.N, p.Incarnation)
	case domain.Claim:
		what = fmt.Sprintf("%s claims epoch %d (%s), seen %d, ttl %s", p.Incarnation, p.Epoch, p.Cause, p.Seen, p.TTL)
	case domain.Release:
		what = fmt.Sprintf("%s releases epoch %d", p.Incarnation, p.Epoch)
		if p.To != "" {
			what += " to " + p.To
		}
	case domain.Contest:
		what = fmt.Sprintf("%s contests epoch %d: %s", p.By, p.Epoch, p.Reason)
	case domain.Died:
		what = p.Incarnation + " died: " + p.Exit
	case domain.Left:
		what = p.Incarnation + " leaves"
	case domain.Removed:
		what = p.By + " removes " + r.Subject
	case domain.Quarantined:
		what = p.Incarnation + " is quarantined: " + p.Reason
	case domain.Cleared:
		what = p.Incarnation + " is cleared: " + p.Reason
	case domain.Floor:
		what = fmt.Sprintf("floor %d", p.Epoch)
	case domain.Policy:
		what = fmt.Sprintf("%s sets the policy %s %v, fail-back %s %s", p.By, p.Order, p.Members, p.FailBack, p.HoldDown)
	case domain.Paused:
		what = fmt.Sprintf("%s %s automatic failover", p.By, map[bool]string{true: "pauses", false: "resumes"}[p.On])
	case domain.Drained:
		what = fmt.Sprintf("%s %s %s", p.By, map[bool]string{true: "drains", false: "undrains"}[p.On], r.Subject)
	case domain.Dissolved:
		what = p.By + " dissolves the landscape"
	case domain.Invited:
		what = p.By + " makes token " + p.ID
	case domain.Admitted:
		what = "token " + p.ID + " is used for " + r.Subject
	default:
		return
	}
	w.say("#%d %s: %s", r.Position.Offset, what, verdict)
}
