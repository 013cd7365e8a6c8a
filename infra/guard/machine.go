package guard

import (
	"os"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

type death struct{ incarnation, exit string }

// Machine decides what a guard does. It has no clock and does nothing itself:
// Step takes what happened and when, and returns what to do, in order.
type Machine struct {
	limits Limits

	incarnation string // of the server that runs; empty if none does
	startedAt   domain.Mono
	mourned     bool // its death has been given to the log
	starting    bool
	stopping    bool
	finished    bool
	status      int // of the guard, once it finishes

	restartAt   domain.Mono // zero: no restart is due
	restartWait time.Duration
	killAt      domain.Mono
	finishAt    domain.Mono

	unwritten []death // the first one is being written, unless retryAt is set
	retryAt   domain.Mono
	retryWait time.Duration
}

// NewMachine returns a guard that has not begun.
func NewMachine(limits Limits) *Machine { return &Machine{limits: limits.orDefault()} }

// Step takes an input and returns what is to be done, in this order.
func (m *Machine) Step(now domain.Mono, in Input) []Effect {
	if m.finished {
		return nil
	}
	var out []Effect
	switch in := in.(type) {
	case Begin:
		m.starting = true
		out = append(out, Start{})
	case Started:
		out = m.started(now, in)
	case NotStarted:
		m.starting = false
		m.status = 1
		m.planRestart(now)
	case Ending:
		if in.Incarnation == m.incarnation {
			out = m.mourn(in.Exit)
		}
	case Exited:
		out = m.exited(now, in.Exit)
	case Written:
		out = m.written(in.Incarnation)
	case NotWritten:
		m.notWritten(now, in.Incarnation)
	case Signalled:
		out = m.signalled(now, in.Signal)
	case Stop:
		out = m.stop(now, os.Interrupt)
	case Timer:
		out = m.wake(now)
	}
	return m.finish(now, out)
}

// NextWake is when a Timer is due; zero if none is.
func (m *Machine) NextWake() domain.Mono {
	var next domain.Mono
	for _, at := range []domain.Mono{m.restartAt, m.killAt, m.finishAt, m.retryAt} {
		if at > 0 && (next == 0 || at < next) {
			next = at
		}
	}
	return next
}

func (m *Machine) started(now domain.Mono, in Started) []Effect {
	m.starting = false
	m.incarnation, m.startedAt, m.mourned = in.Incarnation, now, false
	if m.stopping { // the request came while it was being started
		m.killAt = now + m.limits.StopWithin
		return []Effect{Forward{Signal: terminate}}
	}
	return nil
}

func (m *Machine) exited(now domain.Mono, exit Exit) []Effect {
	if m.incarnation == "" {
		return nil
	}
	out := m.mourn(exit)
	lived := now - m.startedAt
	m.incarnation, m.killAt = "", 0
	switch {
	case exit.Status == 0:
		m.stopping, m.status = true, 0
	case m.stopping:
		m.status = 1
	case exit.Status == ExitUnusable:
		m.stopping, m.status = true, ExitUnusable
	default:
		if lived >= m.limits.Settled {
			m.restartWait = 0
		}
		m.planRestart(now)
	}
	return out
}

// mourn writes the death of the server, before all else: every microsecond
// before it is one in which nobody acts. A server that ended cleanly has said
// goodbye itself.
func (m *Machine) mourn(exit Exit) []Effect {
	if exit.Status == 0 || m.mourned {
		return nil
	}
	m.mourned = true
	if len(m.unwritten) == maxUnwritten {
		return nil
	}
	d := death{m.incarnation, exit.Text}
	m.unwritten = append(m.unwritten, d)
	if len(m.unwritten) > 1 {
		return nil // an earlier one is under way; they go in order
	}
	m.retryWait = 0
	return []Effect{Write{d.incarnation, d.exit}}
}

func (m *Machine) planRestart(now domain.Mono) {
	m.restartWait = double(m.restartWait, m.limits.RestartMin, m.limits.RestartMax)
	m.restartAt = now + m.restartWait
}

func (m *Machine) written(incarnation string) []Effect {
	if len(m.unwritten) == 0 || m.unwritten[0].incarnation != incarnation {
		return nil
	}
	m.unwritten = slices.Delete(m.unwritten, 0, 1)
	m.retryAt, m.retryWait = 0, 0
	if len(m.unwritten) == 0 {
		return nil
	}
	next := m.unwritten[0]
	return []Effect{Write{next.incarnation, next.exit}}
}

func (m *Machine) notWritten(now domain.Mono, incarnation string) {
	if len(m.unwritten) == 0 || m.unwritten[0].incarnation != incarnation {
		return
	}
	m.retryWait = double(m.retryWait, m.limits.RetryMin, m.limits.RetryMax)
	m.retryAt = now + m.retryWait
}

func (m *Machine) signalled(now domain.Mono, s os.Signal) []Effect {
	if s == terminate || s == os.Interrupt {
		return m.stop(now, s)
	}
	if m.incarnation == "" {
		return nil
	}
	return []Effect{Forward{Signal: s}}
}

func (m *Machine) stop(now domain.Mono, s os.Signal) []Effect {
	first := !m.stopping
	m.stopping, m.restartAt = true, 0
	if m.incarnation == "" {
		return nil
	}
	if first {
		m.killAt = now + m.limits.StopWithin
	}
	return []Effect{Forward{Signal: s}}
}

func (m *Machine) wake(now domain.Mono) []Effect {
	var out []Effect
	if due(&m.retryAt, now) && len(m.unwritten) > 0 {
		d := m.unwritten[0]
		out = append(out, Write{d.incarnation, d.exit})
	}
	if due(&m.killAt, now) {
		out = append(out, Forward{Signal: os.Kill})
	}
	if due(&m.restartAt, now) {
		m.starting = true
		out = append(out, Start{})
	}
	return out
}

// finish ends the guard once its server is gone and its last word is written,
// or took too long.
func (m *Machine) finish(now domain.Mono, out []Effect) []Effect {
	if !m.stopping || m.starting || m.incarnation != "" {
		return out
	}
	if len(m.unwritten) > 0 {
		if m.finishAt == 0 {
			m.finishAt = now + m.limits.LastWord
		}
		if now < m.finishAt {
			return out
		}
	}
	m.finished = true
	m.retryAt, m.restartAt, m.killAt, m.finishAt = 0, 0, 0, 0
	return append(out, Finish{Status: m.status})
}

// due tells whether a time has come, and clears it if so.
func due(at *domain.Mono, now domain.Mono) bool {
	if *at == 0 || now < *at {
		return false
	}
	*at = 0
	return true
}

func double(last, lowest, highest time.Duration) time.Duration {
	if last == 0 {
		return lowest
	}
	return min(2*last, highest)
}
