package election

import (
	"fmt"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// A holder that lives may have lost devices that another server reaches. Each server
// says in its heartbeats how many it misses; a standby that misses fewer, and reaches
// some that the log says the holder has lost, contests it. Where the network stays as
// it is that comes to an end by itself: each time the holder misses fewer. Where it
// comes and goes, the fold keeps the next one waiting.

// Limits of the damping.
const (
	// outreachedPause is how long after a contest because of devices the next one has
	// to wait: twice as long for each that came before, up to maxOutreached.
	outreachedPause = time.Minute
	maxOutreached   = 6
	// outreachedForgotten is after how long without one all is as if there had been none.
	outreachedForgotten = 2 * time.Hour
)

// outreached is what the fold remembers of contests because of devices.
type outreached struct {
	At    domain.Instant `json:"at"`    // of the last one, by the log's time
	Times int            `json:"times"` // how many there were, each soon after the one before
}

func (o *outreached) note(at domain.Instant) {
	if at.Sub(o.At) > outreachedForgotten {
		o.Times = 0
	}
	o.At, o.Times = at, min(o.Times+1, maxOutreached)
}

// rests says for how much longer there is to be no other one. A clock that was put
// back keeps nobody waiting.
func (o *outreached) rests(at domain.Instant) time.Duration {
	since := at.Sub(o.At)
	if o.Times == 0 || since < 0 {
		return 0
	}
	return max(0, outreachedPause<<(o.Times-1)-since)
}

// Unproven says why a contest by a member because of devices, at a time of the log, is
// not borne out by what stands before it in control; empty if it is. It counts all the
// same, as every contest does: what a standby must not write, it does not.
func (s *State) Unproven(by string, at domain.Instant) string {
	m, holder := s.members[by], s.members[s.holder.Name]
	switch {
	case m == nil || !m.present():
		return by + " is not a member"
	case holder == nil || !s.isHolder(identity{holder.Name, holder.Incarnation}):
		return "the holder is not a member"
	case m == holder:
		return by + " is the holder"
	case m.LastHeartbeat.Missing >= holder.LastHeartbeat.Missing:
		return fmt.Sprintf("missed devices: %d by %s, %d by %s", m.LastHeartbeat.Missing, by, holder.LastHeartbeat.Missing, holder.Name)
	case s.outreached.rests(at) > 0:
		return fmt.Sprintf("the last one is less than %s ago", outreachedPause<<(s.outreached.Times-1))
	}
	return ""
}

// outreaches reports whether this server reaches devices that the holder does not, by
// what everybody can read.
func (s *Server) outreaches(at domain.Instant) bool {
	return len(s.health.Reaches) > 0 && s.eligible() && s.state.Unproven(s.cfg.Member, at) == ""
}

func (s *Server) outreachedReason(h domain.Heartbeat) string {
	return fmt.Sprintf("unreachable: %s reaches %s; missed devices, for %s: %d by the primary, %d by %s",
		s.cfg.Member, strings.Join(s.health.Reaches, ", "), s.cfg.UnreachedAfter, h.Missing, s.health.Missing, s.cfg.Member)
}
