package election

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// A holder that lives may have lost devices that another server reaches. Each server
// says in its heartbeats how many it misses; a standby that misses fewer, and reaches
// some that the log says the holder has lost, contests it. Where the network stays as
// it is that comes to an end by itself: each time the holder misses fewer. Where it
// comes and goes, the fold remembers how often, and standbys wait for longer each time.

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

// unproven says why a contest by a member because of devices, at a time of the log, is
// not borne out by what stands before it in control; empty if it is. It is what a
// standby asks itself. The fold does not: a contest counts in any case.
func (s *State) unproven(by string, at domain.Instant) string {
	m, holder := s.members[by], s.members[s.holder.Name]
	switch {
	case m == nil || !m.present():
		return by + " is not a member"
	case holder == nil || !s.isHolder(identity{holder.Name, holder.Incarnation}):
		return "the holder is not a member"
	case m == holder:
		return by + " is the holder"
	case !m.LastHeartbeat.Counted:
		return by + " has not counted its devices"
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
	return len(s.health.Reaches) > 0 && s.eligible() && s.state.unproven(s.cfg.Member, at) == ""
}

// contestUnreached contests the holder because of devices: with their names, and with
// how many each of the two misses, as both have said.
func (s *Server) contestUnreached(h domain.Heartbeat) {
	mine := s.state.members[s.cfg.Member].LastHeartbeat.Missing
	c := domain.Contest{
		Devices: slices.Clone(s.health.Reaches), Missing: mine, HolderMissing: h.Missing,
		Reason: fmt.Sprintf("unreachable: %s reaches %s; missed devices, for %s: %d by the primary, %d by %s",
			s.cfg.Member, strings.Join(s.health.Reaches, ", "), s.cfg.UnreachedAfter, h.Missing, mine, s.cfg.Member),
	}
	s.contest(c)
}

// missed is how many devices a member misses, for comparing: one that has not counted
// them comes after all that have.
func missed(e *entry) int64 {
	if !e.LastHeartbeat.Counted {
		return math.MaxInt64
	}
	return e.LastHeartbeat.Missing
}

// lacks says what keeps a member from being preferred to the holder, which reaches more
// devices: primacy would soon be contested. Empty if nothing does.
func lacks(e, holder *entry) string {
	switch {
	case !holder.LastHeartbeat.Counted:
		return ""
	case !e.LastHeartbeat.Counted:
		return e.Name + " has not said yet how many devices it misses"
	case missed(e) > missed(holder):
		return fmt.Sprintf("%s misses %d devices, the primary %d; it waits until %s misses no more", e.Name, missed(e), missed(holder), e.Name)
	}
	return ""
}
