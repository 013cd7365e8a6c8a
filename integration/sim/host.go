package sim

import (
	"fmt"
	"os"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
)

// millionth is the unit of a clock's rate.
const millionth = 1_000_000

// cut is how a host cannot reach the log.
type cut struct {
	out, in bool // what it sends is lost; what it is sent is
	refuse  bool // it is told so at once
}

// host is a machine: clocks, a disk, a network, a guard and its server.
type host struct {
	w         *world
	index     int
	name      string
	twin      bool
	rate      int64 // of the monotonic clock, in millionths
	boot      domain.Mono
	wallOff   time.Duration
	starved   time.Duration // goroutines wait for the processor up to so long
	cut       cut
	refused   float64       // the share of its appends to the log that are refused for good
	uncertain float64       // the share of its appends whose fate is uncertain
	slowFetch time.Duration // what it fetches takes so much longer
	devCut    map[*station]bool
	disk      disk
	guard     *guardProgram
	server    *server
	starts    int
	removed   bool // for good, by an operator
}

func newHost(w *world, i int) *host {
	s := w.plan.Hosts[i]
	return &host{
		w: w, index: i, name: s.Name, twin: s.Twin, rate: s.Rate, wallOff: s.Wall,
		boot: domain.Mono(i+1) * time.Hour, devCut: make(map[*station]bool), disk: disk{files: make(map[string][]byte)},
	}
}

// mono is the host's clock, of which each host has its own, at its own rate.
func (h *host) mono() domain.Mono {
	return h.boot + domain.Mono(int64(h.w.now)/millionth*h.rate+int64(h.w.now)%millionth*h.rate/millionth)
}

// trueTime is when the host's clock shows a time, or just after that.
func (h *host) trueTime(m domain.Mono) time.Duration {
	d := int64(m - h.boot)
	return time.Duration(d/h.rate*millionth + (d%h.rate*millionth+h.rate-1)/h.rate + 1)
}

func (h *host) wall() domain.Instant { return h.w.wall().Add(h.wallOff) }

// on starts the host's guard, which starts the server.
func (h *host) on() {
	if h.guard != nil && !h.guard.dead {
		return
	}
	if h.server != nil { // left over from a guard that was killed
		h.server.die(guard.Exit{})
	}
	h.guard = newGuard(h)
	h.guard.loop.tell(guard.Begin{})
}

// killProgram ends one program of the host, as kill -9 does.
func (h *host) killProgram(p *program) {
	switch {
	case h.server != nil && p == &h.server.program:
		h.server.die(guard.Exit{Status: -1, Text: "signal: killed"})
	case h.guard != nil && p == &h.guard.program:
		h.guard.dead = true
		if s := h.server; s != nil {
			s.unguarded()
		}
	}
}

// killGuard ends the guard alone. After a while somebody notices, and starts both anew.
func (h *host) killGuard(unnoticed time.Duration) {
	h.killProgram(&h.guard.program)
	h.w.after(unnoticed, func() {
		if h.guard == nil || h.guard.dead {
			h.on()
		}
	})
}

// crash ends all of it at once.
func (h *host) crash() {
	if h.guard != nil {
		h.guard.dead = true
	}
	if h.server != nil {
		for _, st := range h.w.devices {
			st.hostGone(h)
		}
		h.server.die(guard.Exit{})
	}
	h.disk.crash(h.w)
}

// cutLog keeps the host from the log for a while.
func (h *host) cutLog(c cut, d time.Duration) {
	h.cut = c
	if c.refuse {
		h.w.broker.refuse(h)
	}
	h.w.after(d, func() {
		if h.cut == c {
			h.cut = cut{}
			h.w.tell("%s has the log again", h.name)
		}
	})
}

// guardProgram is the guard of a host.
type guardProgram struct {
	program
	machine *guard.Machine
	loop    *actor[guard.Input, guard.Effect]
}

func newGuard(h *host) *guardProgram {
	g := &guardProgram{program: program{w: h.w, host: h, label: "the guard of " + h.name}}
	g.machine = guard.NewMachine(h.w.plan.Guard)
	g.loop = &actor[guard.Input, guard.Effect]{
		p:       &g.program,
		step:    func(in guard.Input) []guard.Effect { return g.machine.Step(g.mono(), in) },
		perform: g.perform, point: guardPoint, wake: g.machine.NextWake,
		timer: func() guard.Input { return guard.Timer{} },
	}
	return g
}

func (g *guardProgram) perform(e guard.Effect) {
	h := g.host
	switch e := e.(type) {
	case guard.Start:
		h.starts++
		incarnation := fmt.Sprintf("%s%d", h.name, h.starts)
		if h.twin {
			incarnation = fmt.Sprintf("%s'%d", h.name, h.starts)
		}
		s := newServer(h, incarnation)
		s.guard = g
		h.server = s
		g.loop.tell(guard.Started{Incarnation: s.incarnation})
		s.after(g.w.between(time.Millisecond, 5*time.Millisecond), s.open)
	case guard.Write:
		g.write(e)
	case guard.Forward:
		if s := h.server; s != nil && !s.dead {
			if e.Signal == os.Kill {
				s.die(guard.Exit{Status: -1, Text: "signal: killed"})
			} else {
				s.run(s.leave)
			}
		}
	case guard.Finish:
		g.dead = true
		g.w.tell("%s ends", g.label)
		if g.w.healed && !h.twin && !h.removed {
			g.w.after(50*time.Millisecond, h.on) // the late record of a twin may have ended it
		}
	}
}

// write writes a death to the log.
func (g *guardProgram) write(e guard.Write) {
	scribe := domain.Scribe{Server: g.host.name, UID: g.w.uid}
	record := scribe.Record(g.host.wall(), g.host.name, domain.Died{Incarnation: e.Incarnation, Exit: e.Exit})
	g.w.broker.produce(&g.program, []batch{{kind: domain.TopicControl, messages: []message{g.w.encode(domain.TopicControl, 0, record)}}},
		controlTimeout, func(err error) {
			if err != nil {
				g.loop.tell(guard.NotWritten{Incarnation: e.Incarnation})
			} else {
				g.loop.tell(guard.Written{Incarnation: e.Incarnation})
			}
		})
}
