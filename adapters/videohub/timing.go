package videohub

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// shortestWake keeps the reader from spinning when two clocks disagree.
const shortestWake = time.Millisecond

// arm sets when the reader wakes up if nothing comes before.
func (s *session) arm() {
	now := s.link.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = s.nextDue()
	s.wake(now)
}

// wakeBy lets the reader wake up no later than at, if it is asleep already.
func (s *session) wakeBy(now, at domain.Mono) {
	if at < s.armed {
		s.armed = at
		s.wake(now)
	}
}

func (s *session) wake(now domain.Mono) {
	_ = s.conn.SetReadDeadline(time.Now().Add(max(s.armed-now, shortestWake)))
}

// nextDue is the earliest time at which something is late; under mu.
func (s *session) nextDue() domain.Mono {
	o := &s.link.opts
	at := s.lastSent + o.PingEvery
	if s.phase == reading {
		at = s.since + o.PreludeTimeout
		if s.router.readable() {
			at = min(at, s.lastByte+o.Settle)
		}
	}
	if s.assembler.partial() {
		at = min(at, s.lastByte+o.AssemblyTimeout)
	}
	if len(s.waiting) > 0 {
		at = min(at, s.waiting[0].deadline)
	}
	return at
}

// due does what is to be done at the time now. A cause ends the connection.
func (s *session) due(now domain.Mono) (cause string) {
	o := &s.link.opts
	if cause := s.late(now); cause != "" {
		return cause
	}
	if s.assembler.partial() {
		if now >= s.lastByte+o.AssemblyTimeout {
			return fmt.Sprintf("half a block came, and not the rest within %s", o.AssemblyTimeout)
		}
	} else if s.phase == reading && s.router.readable() && now >= s.lastByte+o.Settle {
		s.goUp()
	}
	if s.phase == reading {
		if now >= s.since+o.PreludeTimeout {
			return fmt.Sprintf("no complete state came within %s; check that this is a Videohub", o.PreludeTimeout)
		}
		return ""
	}
	return s.ping(now)
}

// ping asks whether anybody is there. A request under way asks the same.
func (s *session) ping(now domain.Mono) (cause string) {
	s.mu.Lock()
	early := now < s.lastSent+s.link.opts.PingEvery
	s.mu.Unlock()
	if early || !s.link.sending.TryLock() {
		return ""
	}
	defer s.link.sending.Unlock()
	if err := s.send([]byte(pingRequest), &request{what: "PING"}, open); err != nil {
		return "write: " + reasonOf(err)
	}
	return ""
}
