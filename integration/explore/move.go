package explore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Move is one thing that happens: to an incarnation, or to a record by its UID.
// A history is a list of them.
type Move struct{ Do, Who string }

func (m Move) String() string { return strings.TrimSpace(m.Do + " " + m.Who) }

// The moves that are no faults.
const (
	doTick      = "tick"
	doLand      = "land"
	doRead      = "read"
	doWake      = "wake"
	doPoll      = "poll"
	doDrained   = "drained"
	doSettled   = "settled"
	doReconnect = "reconnect"
	doResume    = "resume"
)

// moves are all that can happen now; the dull ones first.
func (s *state) moves(bounds *Bounds) []Move {
	var out []Move
	due := false
	for _, p := range s.procs {
		if p.out() {
			continue
		}
		if p.paused {
			out = append(out, Move{doResume, p.inc})
			continue
		}
		if p.read < len(s.log) && !p.cut {
			out = append(out, Move{doRead, p.inc})
			due = due || !p.slow && !p.deaf
		}
		if !p.machine.CaughtUp() && !p.cut && (p.read == len(s.log) || p.slow || p.deaf) {
			// An answer that comes late says "no more" of a log that was shorter.
			out = append(out, Move{doPoll, p.inc})
			due = due || !p.slow && !p.deaf
		}
		if s.clock(p) >= p.machine.NextWake() {
			out = append(out, Move{doWake, p.inc})
			due = due || !p.slow
		}
		if p.draining {
			out = append(out, Move{doDrained, p.inc})
			due = due || !p.slow
		}
		if p.yielding != nil {
			out = append(out, Move{doSettled, p.inc})
			due = due || !p.slow
		}
		if p.cut {
			out = append(out, Move{doReconnect, p.inc})
		}
	}
	if len(s.log) < bounds.Records {
		for _, m := range s.air {
			out = append(out, Move{doLand, m.name()})
			due = due || !m.held
		}
	}
	if !due && s.tick < s.origin+bounds.Ticks {
		out = append(out, Move{Do: doTick})
	}
	return s.faultMoves(out)
}

// after is the state that a move leads to; nil if it cannot be made.
func (s *state) after(mv Move) *state {
	c := s.clone()
	if !c.move(mv) {
		return nil
	}
	c.checkAll()
	return c
}

func (s *state) move(mv Move) bool {
	switch mv.Do {
	case doTick:
		s.passTick()
		return true
	case doLand:
		i := slices.IndexFunc(s.air, func(m *message) bool { return m.name() == mv.Who })
		if i < 0 {
			return false
		}
		r := s.air[i].record
		s.air = slices.Delete(s.air, i, i+1)
		s.landed(r)
		return true
	}
	if slices.Contains(s.land.Faults, Fault(mv.Do)) {
		return s.fault(mv)
	}
	p := s.process(mv.Who)
	if p == nil {
		return false
	}
	switch mv.Do {
	case doRead, doPoll, doWake, doDrained, doSettled, doReconnect, doResume:
		if p.out() || p.paused != (mv.Do == doResume) {
			return false
		}
		return s.moveOf(s.own(p), mv.Do)
	}
	return false
}

// moveOf is what a process itself does next.
func (s *state) moveOf(p *process, do string) bool {
	switch do {
	case doRead:
		if p.cut || p.read >= len(s.log) {
			return false
		}
		s.read(p)
		if p.read == len(s.log) && !p.machine.CaughtUp() {
			s.poll(p)
		}
	case doPoll:
		if p.cut || p.machine.CaughtUp() {
			return false
		}
		s.poll(p)
	case doWake:
		if s.clock(p) < p.machine.NextWake() {
			return false
		}
		s.step(p, election.Timer{})
	case doDrained:
		if !p.draining {
			return false
		}
		p.draining = false
		s.step(p, election.Drained{})
	case doSettled:
		if p.yielding == nil {
			return false
		}
		release := p.yielding
		p.yielding = nil
		s.step(p, release)
	case doResume:
		p.paused = false
		s.tell("%s goes on", p.inc)
		s.seal(p)
	case doReconnect:
		if !p.cut {
			return false
		}
		p.cut = false
		s.tell("%s has the log again", p.inc)
		s.step(p, election.LogBack{})
	}
	return true
}

// passTick lets true time go by. A standby that then tries whether the log takes
// records does so at once: within the tick it makes no difference to anybody else.
func (s *state) passTick() {
	s.tick++
	for _, p := range s.procs {
		if p.out() || p.paused || p.slow || s.clock(p) < p.machine.NextWake() {
			continue
		}
		effects := p.machine.Clone().Step(s.clock(p), election.Timer{})
		if len(effects) == 1 && standbyBeat(effects[0]) {
			s.step(s.own(p), election.Timer{})
		}
	}
}

func standbyBeat(e election.Effect) bool {
	a, ok := e.(election.Append)
	if !ok {
		return false
	}
	beat, ok := a.Payload.(domain.Heartbeat)
	return ok && beat.Epoch == 0
}

// poll is an answer of the log that says that there is no more.
func (s *state) poll(p *process) {
	s.step(p, election.CaughtUp{})
}

// read gives a process its next record.
func (s *state) read(p *process) {
	e := s.log[p.read]
	p.read++
	s.step(p, election.Received{Record: e.record})
	s.checkRead(p, e)
}

func (s *state) process(inc string) *process {
	i := slices.IndexFunc(s.procs, func(p *process) bool { return p.inc == inc })
	if i < 0 {
		return nil
	}
	return s.procs[i]
}

// settle does all that is due, in one order, until nothing is.
func (s *state) settle() {
	all := &Bounds{Records: maxSettle}
	for range maxSettle {
		i := slices.IndexFunc(s.moves(all), func(mv Move) bool { return mv.Do != doTick })
		if i < 0 || s.wrong != "" {
			return
		}
		s.move(s.moves(all)[i])
	}
	s.fail("the servers do not come to rest")
}

// maxSettle bounds what may happen within one tick while nothing goes wrong.
const maxSettle = 1000

// senderOf is the incarnation that sent a record.
func senderOf(uid string) string {
	inc, _, _ := strings.Cut(uid, ".")
	return inc
}

// describe is a record in words.
func describe(r *domain.Record) string {
	switch p := r.Payload.(type) {
	case domain.Joined:
		return p.Incarnation + " joins"
	case domain.Heartbeat:
		if p.Epoch == 0 {
			return fmt.Sprintf("heartbeat %d of %s", p.N, p.Incarnation)
		}
		return fmt.Sprintf("heartbeat %d of %s for epoch %d, ttl %s", p.N, p.Incarnation, p.Epoch, p.TTL)
	case domain.Claim:
		return fmt.Sprintf("%s claims epoch %d, seen #%d, n %d, ttl %s", p.Incarnation, p.Epoch, p.Seen, p.N, p.TTL)
	case domain.Release:
		return fmt.Sprintf("%s releases epoch %d", p.Incarnation, p.Epoch)
	case domain.Contest:
		return fmt.Sprintf("%s contests epoch %d", p.By, p.Epoch)
	case domain.Died:
		return p.Incarnation + " died"
	case domain.Left:
		return p.Incarnation + " leaves"
	case domain.Removed:
		return r.Subject + " is removed"
	case domain.Quarantined:
		return p.Incarnation + " is quarantined"
	}
	return string(r.Type)
}

func verdict(r election.Ruling) string {
	switch {
	case r.Void != "":
		return "void, " + r.Void
	case r.Counts:
		return "counts"
	}
	return "noted"
}
