package election

import (
	"cmp"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// join asks to become a member, once it has read all there is.
func (s *Server) join() {
	if !s.mayJoin() || s.now < s.joinAt {
		return
	}
	if why := s.state.Banned(s.cfg.Member); why != "" && s.state.broken.keeps(ruleTombstone) {
		s.over = true
		s.emit(Gone{Cause: why, Barred: true})
		return
	}
	s.joinAt = s.now + joinRetry
	j := domain.Joined{
		Incarnation: s.cfg.Incarnation, Precedence: s.cfg.Precedence, Address: s.cfg.Address, Build: s.cfg.Build,
		Identity: s.cfg.Identity, Proof: s.cfg.Proof,
	}
	beside, known := s.beside()
	s.listens = s.now < known || beside != ""
	if why := cmp.Or(s.Unwelcome(s.cfg.Member, j), beside); why != "" {
		s.refused(why)
		return
	}
	if s.now < known {
		s.joinAt = known
		return
	}
	s.emit(Append{Type: domain.TypeJoined, Payload: j})
}

func (s *Server) mayJoin() bool { return s.watch.caught && !s.wasMember && !s.over }

// Unwelcome says why nobody may join under a name, or with what it brings; empty if
// somebody may, as this server sees it.
func (s *Server) Unwelcome(name string, j domain.Joined) string {
	return cmp.Or(s.state.unwelcome(name, j), s.tooMany(name))
}

// tooMany says that the landscape is full: as the fold rules, once a policy gives a
// limit; before that by each server's own.
func (s *Server) tooMany(name string) string {
	others := 0
	for _, e := range s.state.members {
		if e.Name != name && !e.Left && !e.Removed {
			others++
		}
	}
	if s.state.policy.MaxMembers > 0 || others < s.cfg.MaxMembers {
		return ""
	}
	return s.state.full(name, s.cfg.MaxMembers)
}

// refused tells why this server could not join, once for each reason.
func (s *Server) refused(why string) {
	if why != s.refusal {
		s.refusal = why
		s.emit(Refused{Cause: why})
	}
}

// Refusal says why the server could not join; empty once it has.
func (s *Server) Refusal() string {
	if s.wasMember {
		return ""
	}
	return s.refusal
}

// MayClear says whether this server has begun anew since it was quarantined, so that
// a primary's checkpoint, or an operator, may end that.
func (s *Server) MayClear() bool {
	m := s.state.current(s.me)
	return m != nil && m.Quarantined && m.QuarantinedAs != s.cfg.Incarnation && !s.holds()
}

// clear ends a quarantine that an earlier incarnation was in: this one has folded
// anew, and the primary's checkpoint agrees with it.
func (s *Server) clear() {
	if !s.MayClear() {
		return
	}
	if !s.health.Ready || s.health.Hash != domain.HashOK || s.clearedAt > 0 && s.now < s.clearedAt+joinRetry {
		return
	}
	s.clearedAt = s.now
	s.emit(Append{Type: domain.TypeCleared, Payload: domain.Cleared{
		Incarnation: s.cfg.Incarnation, Reason: "folded anew, and agrees with the primary",
	}})
}

// clearFor ends it where there is nobody to agree with.
func (s *Server) clearFor(in Clear) {
	if s.MayClear() && s.vacant() {
		s.emit(Append{Type: domain.TypeCleared, Payload: domain.Cleared{
			Incarnation: s.cfg.Incarnation, Reason: in.By + ": " + in.Reason,
		}})
	}
}

// vacant reports whether nobody holds the epoch, or only one that has been silent for
// longer than any holder may be: where all others are quarantined too, nobody follows it.
func (s *Server) vacant() bool {
	return !s.state.held || s.now >= max(s.watch.heardAt, s.watch.caughtAt)+s.longWait()
}

// beats reports whether the server has heartbeats to send.
func (s *Server) beats() bool { return s.isMember() || s.leads() }

// beat tells that the server is there, and renews the holder's lease.
func (s *Server) beat() {
	if !s.beats() {
		return
	}
	if at, doubts := s.doubtAt(); s.now < s.beatAt && (!doubts || s.now < at) {
		return
	}
	ttl := s.pace.ttl(s.now)
	h := domain.Heartbeat{
		Incarnation: s.cfg.Incarnation, N: s.n + 1, Acked: s.acked, TTL: ttl,
		Ready: s.health.Ready, Lag: s.health.Lag, Position: s.health.Position, Hash: s.health.Hash, Agreed: s.health.Agreed,
		Guarded: s.cfg.Guarded, Valve: s.cfg.Valve, Oldest: s.health.OldestPending, Uptime: s.now - s.began,
		Sync: s.health.Sync, Missing: s.health.Missing, Counted: s.health.Counted,
	}
	s.beatAt = s.now + s.cfg.HeartbeatStandby
	if s.leads() {
		h.Epoch = s.tenure.epoch
		s.beatAt = s.now + s.interval(ttl)
		s.reckon(h.N, ttl)
	}
	s.send(Append{Type: domain.TypeHeartbeat, Payload: h, N: h.N})
}

// beatsPerTTL is how many heartbeats of the holder fit into a lease.
const beatsPerTTL = 6

// interval is the time to the holder's next heartbeat: a sixth of the shorter of
// the lease that binds and the one that was just asked for; but nobody is helped
// by many that all wait for a log that is away.
func (s *Server) interval(ttl time.Duration) time.Duration {
	if s.watch.away || s.now-s.ackedAt > s.cfg.MaxTTL {
		return s.cfg.HeartbeatStandby
	}
	return max(min(ttl, s.state.ttl)/beatsPerTTL, time.Millisecond)
}

// send gives a claim or a heartbeat its number and notes its time, before it goes.
func (s *Server) send(a Append) {
	s.n, s.sentAt = a.N, s.now
	s.flight.add(a.N, s.now)
	s.emit(a)
}
