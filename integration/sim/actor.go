package sim

import (
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// actor is the loop around one machine, as the product has it: it takes inputs one
// after the other, carries the effects of each out in order, and can be stopped
// between any two of them.
type actor[I, E any] struct {
	p       *program
	inbox   []I
	rest    []E  // effects that are still to be carried out
	passed  bool // the point before the first of them
	busy    bool // an effect waits for its answer: inputs gather
	over    bool
	due     bool // a turn is coming
	alarm   time.Duration
	step    func(I) []E
	all     func([]I) []E // instead of step, for a loop that takes all that has come
	perform func(E)
	point   func(E) point
	wake    func() domain.Mono // nil: it wants no timer
	timer   func() I
}

// tell gives the actor an input, later.
func (a *actor[I, E]) tell(in I) {
	if a == nil || a.over {
		return
	}
	a.inbox = append(a.inbox, in)
	a.schedule()
}

// answer gives it the answer that it waits for, before all else.
func (a *actor[I, E]) answer(in I) {
	if a.over {
		return
	}
	a.busy = false
	a.inbox = append(a.inbox, in)
	if a.all == nil {
		copy(a.inbox[1:], a.inbox)
		a.inbox[0] = in
	}
	a.turnNow()
}

// next gives it an input that follows from an effect, before all else.
func (a *actor[I, E]) next(in I) {
	a.inbox = append(a.inbox, in)
	copy(a.inbox[1:], a.inbox)
	a.inbox[0] = in
}

func (a *actor[I, E]) schedule() {
	if !a.due && !a.busy && !a.over {
		a.due = true
		a.p.after(a.p.hop(), a.turn)
	}
}

func (a *actor[I, E]) turnNow() {
	if !a.due {
		a.due = true
		a.turn()
	}
}

// turn does what there is to do.
func (a *actor[I, E]) turn() {
	a.due = false
	if !a.carryOut() {
		return
	}
	timed := false
	for !a.busy && !a.over && !a.p.dead {
		var effects []E
		switch {
		case !timed && a.isDue() && (len(a.inbox) == 0 || a.p.w.chance(0.5)):
			timed = true
			if a.all != nil {
				effects = a.all([]I{a.timer()})
			} else {
				effects = a.step(a.timer())
			}
		case len(a.inbox) == 0:
			a.arm()
			return
		case a.all != nil:
			ins := a.inbox
			a.inbox = nil
			effects = a.all(ins)
		default:
			in := a.inbox[0]
			n := copy(a.inbox, a.inbox[1:])
			clear(a.inbox[n:])
			a.inbox = a.inbox[:n]
			effects = a.step(in)
		}
		a.rest, a.passed = effects, false
		if !a.carryOut() {
			return
		}
	}
}

// carryOut carries out what is left of the last step; false if the program was
// stopped in the middle of it.
func (a *actor[I, E]) carryOut() bool {
	for len(a.rest) > 0 {
		e := a.rest[0]
		at := a.point(e)
		if !a.passed {
			a.passed = true
			if !a.p.reach(at) {
				a.stopped()
				return false
			}
		}
		a.perform(e)
		if a.over || a.p.dead {
			return false
		}
		a.rest, a.passed = a.rest[1:], false
		if !a.p.reach(at + 1) {
			a.stopped()
			return false
		}
	}
	return true
}

// stopped goes on later if the program is only frozen.
func (a *actor[I, E]) stopped() {
	if !a.p.dead && !a.due {
		a.due = true
		a.p.stalled = append(a.p.stalled, a.turn)
	}
}

func (a *actor[I, E]) isDue() bool {
	if a.wake == nil {
		return false
	}
	w := a.wake()
	return w > 0 && w != election.Never && a.p.mono() >= w
}

// arm sets the timer.
func (a *actor[I, E]) arm() {
	if a.wake == nil || a.over {
		return
	}
	w := a.wake()
	if w <= 0 || w == election.Never {
		return
	}
	t := max(a.p.host.trueTime(w), a.p.w.now) + a.p.hop()
	if a.alarm > a.p.w.now && a.alarm <= t {
		return
	}
	a.alarm = t
	a.p.at(t, func() {
		if a.alarm == t {
			a.alarm = 0
		}
		if !a.due && !a.busy && !a.over {
			a.turn()
		}
	})
}
