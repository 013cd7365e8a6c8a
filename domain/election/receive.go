package election

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// watch is what a server has seen, and when: by its own clock alone.
type watch struct {
	away, lost   bool // the log is away; it was, and the wait for that is still due
	caught       bool // has read to the high watermark since it was last away
	caughtAt     domain.Mono
	recoverUntil domain.Mono // no claim against a holder before: the log had been lost

	heardAt     domain.Mono // the holder's last record that counts
	contestedAt domain.Mono
	vacantAt    domain.Mono // the record that left nobody as holder
	voidAt      domain.Mono // the own last claim that was void
	received    map[string]domain.Mono
	deaf        deafness
}

// caughtUp begins the wait of a server that has just started, was paused or had
// lost the log.
func (s *Server) caughtUp() {
	w := &s.watch
	if w.away || w.caught {
		return
	}
	w.caught, w.caughtAt = true, s.now
	w.deaf = deafness{}
	if w.lost {
		w.lost = false
		w.recoverUntil = s.now + s.cfg.wait(max(s.cfg.MaxTTL, s.cfg.TTL, s.state.ttl))
	}
}

// received folds a record, notes when what it changed was received, and draws
// the conclusions for this server.
func (s *Server) received(r domain.Record) {
	before, heard := s.state.term(), s.state.heard
	ruling := s.state.Apply(r)
	after := s.state.term()
	if s.state.heard != heard && (s.cfg.broken.keeps(ruleFullWait) || after.epoch != before.epoch) {
		s.watch.heardAt = s.now
	}
	if after.contested && !before.contested {
		s.watch.contestedAt = s.now
	}
	if before.held && !after.held {
		s.watch.vacantAt = s.now
	}
	if after.epoch != before.epoch || after.contested != before.contested {
		s.watch.deaf = deafness{}
	}
	if ruling.Void == "" {
		s.heardOf(&r, ruling)
	}
	s.readBack(&r, ruling)
	s.standing(&r)
	s.membership(&r)
}

// heardOf notes that a member was heard, and whether the holder hears.
func (s *Server) heardOf(r *domain.Record, ruling Ruling) {
	switch p := r.Payload.(type) {
	case domain.Joined:
		s.watch.received[r.Subject] = s.now
	case domain.Heartbeat:
		s.watch.received[r.Subject] = s.now
		if ruling.Counts && !s.holds() {
			s.observe(p)
		}
	}
	if len(s.watch.received) > 2*MaxMembers {
		for name := range s.watch.received {
			if _, ok := s.state.Member(name); !ok {
				delete(s.watch.received, name)
			}
		}
	}
}

// readBack takes the server's own claims and heartbeats.
func (s *Server) readBack(r *domain.Record, ruling Ruling) {
	if r.Subject != s.cfg.Member || r.Defect != domain.DefectNone {
		return
	}
	switch p := r.Payload.(type) {
	case domain.Claim:
		if p.Incarnation == s.cfg.Incarnation {
			s.acknowledge(p.N)
			s.claimRuled(p, ruling)
		}
	case domain.Heartbeat:
		if p.Incarnation == s.cfg.Incarnation {
			s.acknowledge(p.N)
			if ruling.Counts {
				s.renew(p.N, p.TTL)
			}
		}
	}
}

func (s *Server) acknowledge(n uint64) {
	s.pace.readBack(n, s.now)
	if n > s.acked && n <= s.n {
		s.acked, s.ackedAt = n, s.now
	}
}

// standing draws the conclusions for a holder: it is one no more, or contested.
func (s *Server) standing(r *domain.Record) {
	if s.bid.n > 0 && s.state.epoch >= s.bid.epoch {
		s.bid = bid{}
	}
	if s.tenure.epoch == 0 {
		return
	}
	switch {
	case !s.holds():
		s.lose(s.lossCause(r))
		s.tenure, s.beatAt = tenure{}, s.now
	case s.over: // it has said all that it had to say
	case s.state.contested && !s.tenure.gaveUp && !s.tenure.draining:
		if s.cfg.broken.keeps(ruleStop) {
			s.lose("contested: " + contestReason(r))
		}
		s.tenure.draining, s.tenure.drainUntil = true, s.now+drainLimit
		s.emit(Drain{Epoch: s.tenure.epoch})
	case !s.tenure.gaveUp && s.state.current(s.me) != nil && s.state.current(s.me).Quarantined:
		s.giveUp("", "quarantined")
	}
}

func contestReason(r *domain.Record) string {
	switch p := r.Payload.(type) {
	case domain.Contest:
		return p.By + ": " + p.Reason
	case domain.Removed:
		return "removed by " + p.By
	}
	return "on record"
}

func (s *Server) lossCause(r *domain.Record) string {
	if s.state.epoch > s.tenure.epoch {
		return fmt.Sprintf("epoch %d is held by %s", s.state.epoch, s.state.holder.Name)
	}
	switch r.Payload.(type) {
	case domain.Died:
		return "the log says that this process has ended"
	case domain.Left:
		return "left"
	}
	return "released"
}

// membership notices the end of this incarnation.
func (s *Server) membership(r *domain.Record) {
	switch {
	case s.isMember():
		if !s.wasMember {
			s.wasMember, s.joinAt, s.beatAt = true, 0, s.now
		}
	case s.over || s.holds():
	case s.wasMember || s.state.isRetired(s.me):
		s.over = true
		s.emit(Gone{Cause: s.goneCause(r)})
	}
}

func (s *Server) goneCause(r *domain.Record) string {
	switch p := r.Payload.(type) {
	case domain.Joined:
		return "another process has joined as " + s.cfg.Member
	case domain.Removed:
		return "removed by " + p.By
	case domain.Died:
		return "the log says that this process has ended"
	}
	return "this incarnation is over"
}

// join asks to become a member, once it has read all there is.
func (s *Server) join() {
	if !s.mayJoin() || s.now < s.joinAt {
		return
	}
	s.joinAt = s.now + joinRetry
	s.emit(Append{Type: domain.TypeJoined, Payload: domain.Joined{
		Incarnation: s.cfg.Incarnation, Precedence: s.cfg.Precedence, Address: s.cfg.Address, Build: s.cfg.Build,
	}})
}

func (s *Server) mayJoin() bool { return s.watch.caught && !s.wasMember && !s.over }

// hashOK is what Health says when the primary's checkpoint agreed.
const hashOK = "ok"

// clear ends a quarantine that an earlier incarnation was in: this one has folded
// anew, and the primary's checkpoint agrees with it. Where nobody is left to
// compare with, an operator decides.
func (s *Server) clear() {
	m := s.state.current(s.me)
	if m == nil || !m.Quarantined || m.QuarantinedAs == s.cfg.Incarnation || s.holds() {
		return
	}
	if !s.health.Ready || s.health.Hash != hashOK || s.clearedAt > 0 && s.now < s.clearedAt+joinRetry {
		return
	}
	s.clearedAt = s.now
	s.emit(Append{Type: domain.TypeCleared, Payload: domain.Cleared{
		Incarnation: s.cfg.Incarnation, Reason: "folded anew, and agrees with the primary",
	}})
}

// beats reports whether the server has heartbeats to send.
func (s *Server) beats() bool { return s.isMember() || s.leads() }

// beat tells that the server is there, and renews the holder's lease.
func (s *Server) beat() {
	if !s.beats() || s.now < s.beatAt {
		return
	}
	ttl := s.pace.ttl()
	h := domain.Heartbeat{
		Incarnation: s.cfg.Incarnation, N: s.n + 1, Acked: s.acked, TTL: ttl,
		Ready: s.health.Ready, Lag: s.health.Lag, Position: s.health.Position, Hash: s.health.Hash,
		Guarded: s.cfg.Guarded, Valve: s.cfg.Valve, Oldest: s.health.OldestPending, Uptime: s.now - s.began,
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
	s.n = a.N
	s.pace.sent(a.N, s.now)
	s.emit(a)
}
