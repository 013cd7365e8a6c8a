package explore

import (
	"fmt"

	"github.com/understudy-io/understudy/domain/election"
)

// healTicks is how long a landscape may take, once nothing goes wrong any more, to
// have a primary again. The bounds of an exploration are small: what takes longest
// is the second attempt of a join (1 s).
const healTicks = 150

// stays is how long it must then stay the primary.
const stays = 10

// heal ends all trouble: nobody is late, what is in the air lands, the log is back.
// It gives what is wrong if nobody, or not always the same, acts in the end.
func (s *state) heal() string {
	c := s.clone()
	c.faults = 0
	for i, m := range c.air {
		free := *m
		free.held = false
		c.air[i] = &free
	}
	for _, p := range c.procs {
		if p.dead {
			p = c.own(p)
			p.restarted = true // nobody starts it any more
			continue
		}
		p = c.own(p)
		p.slow, p.deaf, p.paused = false, false, false
		if p.cut {
			c.moveOf(p, doReconnect)
		}
	}
	c.settle()
	c.undecide()
	c.settle()
	if !c.couldHeal() {
		return c.wrong
	}
	for range healTicks {
		if inc := c.primary(); inc != "" && c.remains(inc) {
			return c.wrong
		}
		if c.wrong != "" {
			return c.wrong
		}
		c.goOn()
	}
	return fmt.Sprintf("all is well again for %s, but nobody acts for good", healTicks*unit)
}

func (s *state) goOn() {
	s.passTick()
	s.settle()
	s.checkAll()
}

// couldHeal reports whether anybody is left who could act.
func (s *state) couldHeal() bool {
	if _, dissolved := s.fold().Dissolved(); dissolved {
		return false
	}
	for _, p := range s.procs {
		m, ok := s.fold().Member(p.server.Name)
		out := ok && m.Quarantined && m.Incarnation == p.inc
		if !p.dead && p.machine.Role() != election.Departed && !out {
			return true
		}
	}
	return false
}

func (s *state) primary() string {
	for _, p := range s.procs {
		if s.mayAct(p) {
			return p.inc
		}
	}
	return ""
}

// remains reports whether it is the primary for a while.
func (s *state) remains(inc string) bool {
	for range stays {
		s.goOn()
		if s.primary() != inc {
			return false
		}
	}
	return true
}
