package explore

import (
	"slices"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Fault is what can go wrong, or be asked for, once.
type Fault string

// The faults.
const (
	Slow       Fault = "slow"       // from now on a server reads and heeds its timer when it likes
	Pause      Fault = "pause"      // a server does nothing, until it goes on and does all that is due
	Deaf       Fault = "deaf"       // from now on a server reads when it likes; its timers are prompt
	Hold       Fault = "hold"       // a record lands when it likes, or never; its sender takes it for sent
	TimeOut    Fault = "time out"   // the same, and its sender is told that the append failed
	Twice      Fault = "twice"      // a record lands once more, whenever
	Kill       Fault = "kill"       // a process ends, and its guard says so
	Restart    Fault = "restart"    // another process starts after one that ended, from nothing
	View       Fault = "view"       // the same, from a view
	Twin       Fault = "twin"       // another process starts under the name of one that runs
	Cut        Fault = "cut"        // a server has no log, and knows it
	Release    Fault = "release"    // the holder is asked to give its epoch up
	Contest    Fault = "contest"    // somebody contests the holder
	Remove     Fault = "remove"     // an operator removes a member
	Leave      Fault = "leave"      // a server ends in order
	Quarantine Fault = "quarantine" // a member is barred from claims
)

// Suspect is what must never happen, for the test of the tests: a guard says that a
// process has ended which runs.
const Suspect Fault = "suspect"

// AllFaults are all of those that may happen.
var AllFaults = []Fault{Slow, Pause, Deaf, Hold, TimeOut, Twice, Kill, Restart, View, Twin, Cut, Release, Contest, Remove, Leave, Quarantine}

// faultMoves are the faults that could happen now.
func (s *state) faultMoves(out []Move) []Move {
	if s.faults == 0 {
		return out
	}
	_, holder, held := s.fold().Holder()
	for _, f := range s.land.Faults {
		switch f {
		case Hold, Twice, TimeOut:
			for _, m := range s.air {
				if !m.held && (f != TimeOut || m.record.Type == domain.TypeClaim) {
					out = append(out, Move{Do: string(f), Who: m.name()})
				}
			}
			continue
		}
		for _, p := range s.procs {
			if p.out() {
				if (f == Restart || f == View) && !p.restarted {
					out = append(out, Move{Do: string(f), Who: p.inc})
				}
				continue
			}
			member := p.machine.Role() != election.Joining
			ok := false
			switch f {
			case Slow:
				ok = !p.slow
			case Pause:
				ok = !p.paused
			case Deaf:
				ok = !p.deaf && !p.slow
			case Cut:
				ok = !p.cut
			case Kill, Suspect:
				ok = true
			case Twin:
				ok = !p.restarted
			case Release:
				ok = p.acts
			case Contest:
				ok = held && holder == p.inc && !s.fold().Contested()
			case Remove, Leave, Quarantine:
				ok = member
			case Prefer, Suspend, Drain, Retire, Dissolve:
				ok = s.decidable(f, p)
			}
			if ok {
				out = append(out, Move{Do: string(f), Who: p.inc})
			}
		}
	}
	return out
}

// fault does one. It reports whether it could.
func (s *state) fault(mv Move) bool {
	f := Fault(mv.Do)
	if s.faults == 0 || !slices.Contains(s.land.Faults, f) {
		return false
	}
	s.faults--
	switch f {
	case Hold, Twice, TimeOut:
		return s.disturb(f, mv.Who)
	}
	p := s.process(mv.Who)
	if p == nil || p.out() != (f == Restart || f == View) || p.restarted && (f == Restart || f == View) {
		return false
	}
	p = s.own(p)
	switch f {
	case Restart, View:
		p.restarted = true
		s.tell("%s is started again", p.server.Name)
		if f == View {
			s.start(p.server, s.fold())
		} else {
			s.start(p.server, nil)
		}
	case Slow:
		p.slow = true
		s.tell("FAULT: %s is late from now on", p.inc)
	case Pause:
		p.paused = true
		s.tell("FAULT: %s is paused", p.inc)
	case Deaf:
		p.deaf = true
		s.tell("FAULT: what %s reads comes late from now on", p.inc)
	case Kill:
		p.dead = true
		s.tell("FAULT: %s is killed, and its guard sees it", p.inc)
		s.write(p, domain.Died{Incarnation: p.inc, Exit: "killed"})
	case Suspect:
		s.tell("FAULT: the guard of %s takes it for dead, and it is not", p.inc)
		s.write(p, domain.Died{Incarnation: p.inc, Exit: "suspected"})
	case Twin:
		p.restarted = true
		s.tell("FAULT: another process starts as %s", p.server.Name)
		s.start(p.server, nil)
	case Cut:
		p.cut = true
		s.tell("FAULT: %s has lost the log", p.inc)
		s.step(p, election.LogLost{})
	case Release:
		s.tell("%s is asked to release", p.inc)
		s.step(p, election.Release{Reason: "asked"})
	case Contest:
		s.tell("an operator contests %s", p.inc)
		s.write(p, domain.Contest{Epoch: s.fold().Epoch(), By: "ops", Reason: "asked"})
	case Remove:
		s.tell("an operator removes %s", p.server.Name)
		s.write(p, domain.Removed{By: "ops"})
	case Leave:
		s.tell("%s is told to leave", p.inc)
		s.step(p, election.Leave{})
	case Prefer, Suspend, Drain, Retire, Dissolve:
		s.decide(f, p)
	case Quarantine:
		s.write(p, domain.Quarantined{Incarnation: p.inc, Reason: "another state"})
	}
	s.seal(p)
	return true
}

// write sends a record about a process that is not from it.
func (s *state) write(about *process, payload domain.Payload) {
	s.send(nil, domain.Record{
		Subject: about.server.Name, Type: payload.Type(), Payload: payload, Signed: true,
		UID: "on-" + about.inc + "." + string(payload.Type()),
	})
}

// disturb is a fault of a record in the air.
func (s *state) disturb(f Fault, name string) bool {
	i := slices.IndexFunc(s.air, func(m *message) bool { return m.name() == name })
	if i < 0 || s.air[i].held {
		return false
	}
	m := *s.air[i]
	switch f {
	case Hold, TimeOut:
		m.held = true
		s.air[i] = &m
		s.tell("FAULT: %s is held up", name)
	case Twice:
		m.held, m.spare = true, true
		s.air = append(s.air, &m)
		s.tell("FAULT: %s will land twice", name)
	}
	if f == TimeOut {
		if p := s.process(senderOf(m.record.UID)); p != nil && !p.dead {
			p = s.own(p)
			s.step(p, election.AppendFailed{N: number(&m.record)})
		}
	}
	return true
}

// number is the n of a claim or a heartbeat.
func number(r *domain.Record) uint64 {
	switch p := r.Payload.(type) {
	case domain.Claim:
		return p.N
	case domain.Heartbeat:
		return p.N
	}
	return 0
}
