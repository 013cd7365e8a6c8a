package sim

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// program is a process of the operating system: a server or a guard. It can be
// killed, and frozen at any point.
type program struct {
	w       *world
	host    *host
	label   string
	dead    bool
	frozen  bool
	thaws   time.Duration // the true time at which it goes on
	stalled []func()      // what it is to do then
}

// run does something for a program that lives, when it is not frozen.
func (p *program) run(do func()) {
	switch {
	case p.dead:
	case p.frozen:
		p.stalled = append(p.stalled, do)
	default:
		do()
	}
}

func (p *program) at(t time.Duration, do func())    { p.w.put(t, p, do) }
func (p *program) after(d time.Duration, do func()) { p.w.put(p.w.now+d, p, do) }

// hop is how long it takes from one goroutine to another.
func (p *program) hop() time.Duration {
	d := time.Duration(1+p.w.rnd.IntN(30)) * time.Microsecond
	if starved := p.host.starved; starved > 0 && p.w.chance(0.2) {
		d += p.w.between(0, starved)
	}
	return d
}

// freeze stops a program for a while: it notices nothing.
func (p *program) freeze(d time.Duration) {
	if p.dead {
		return
	}
	p.frozen = true
	p.thaws = max(p.thaws, p.w.now+d)
	p.w.at(p.thaws, p.thaw)
}

func (p *program) thaw() {
	if p.dead || !p.frozen || p.w.now < p.thaws && !p.w.healed {
		return
	}
	p.frozen, p.thaws = false, 0
	p.w.tell("%s goes on", p.label)
	stalled := p.stalled
	p.stalled = nil
	for i, do := range stalled {
		p.after(time.Duration(i)*time.Microsecond, do)
	}
}

// mono is the program's monotonic clock.
func (p *program) mono() domain.Mono { return p.host.mono() }

func (p *program) clocks() domain.Now { return domain.Now{Mono: p.mono(), Wall: p.host.wall()} }
