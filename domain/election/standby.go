package election

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// bid is the one claim that is under way.
type bid struct {
	n, epoch uint64
	until    domain.Mono // then it is given up for lost; it may still land
}

// eligible reports whether this server could claim at all.
func (s *Server) eligible() bool {
	m := s.state.current(s.me)
	return m != nil && s.state.barred(m) == "" && s.health.Ready && s.watch.caught && !s.watch.away && !s.over
}

// claimDue is when to claim, and the record from whose receipt the full wait is
// measured.
func (s *Server) claimDue() (due domain.Mono, seen int64, ok bool) {
	if s.bid.n > 0 || !s.eligible() || s.leads() {
		return 0, 0, false
	}
	w := &s.watch
	rank := time.Duration(s.rank()) * s.cfg.Stagger
	if !s.state.held {
		due = max(w.vacantAt, w.caughtAt)
		if w.voidAt > 0 {
			due = max(due, w.voidAt+s.cfg.Stagger)
		}
		if s.floor > s.state.epoch && s.floorAt > 0 {
			due = max(due, s.floorAt+s.cfg.HeartbeatStandby)
		}
		return due + s.courtesy() + rank, s.state.heard, true
	}
	due, half := s.silenceDue()
	due += rank
	// While the log gives nothing back, it may be the log that is silent.
	if w.provedAt < half && s.cfg.broken.keeps(ruleProof) {
		return 0, 0, false
	}
	return due, s.state.heard, true
}

// silenceDue is when the holder has been silent for long enough, and when half
// of the last lease that is waited for is over.
func (s *Server) silenceDue() (due, half domain.Mono) {
	w := &s.watch
	ttl := s.state.ttl
	if !s.cfg.broken.keeps(ruleRecordTTL) {
		ttl = s.pace.ttl(s.now)
	}
	wait := s.cfg.wait(ttl)
	from := max(w.heardAt, w.caughtAt, w.takenAt-s.patience())
	if s.state.contested {
		from = max(from, w.contestedAt)
	}
	due = max(from+wait, w.recoverUntil)
	return due, due - wait/2
}

// doubtAt is when a standby that may have to claim tries whether the log takes
// records: a heartbeat of its own must come back first.
func (s *Server) doubtAt() (at domain.Mono, ok bool) {
	if !s.state.held || s.bid.n > 0 || !s.eligible() || s.leads() || !s.cfg.broken.keeps(ruleProof) {
		return 0, false
	}
	_, half := s.silenceDue()
	return half, s.sentAt < half
}

// claim asks for the next epoch when its time has come.
func (s *Server) claim() {
	if s.bid.n > 0 && s.now >= s.bid.until {
		s.bid = bid{}
	}
	due, seen, ok := s.claimDue()
	if !ok || s.now < due {
		return
	}
	if s.floor > s.state.epoch && !s.state.held {
		s.floorAt = s.now
		s.emit(Append{Type: domain.TypeFloor, Payload: domain.Floor{Epoch: s.floor}})
		return
	}
	ttl := s.pace.ttl(s.now)
	c := domain.Claim{
		Incarnation: s.cfg.Incarnation, Epoch: s.state.epoch + 1, Seen: seen, N: s.n + 1, TTL: ttl, Cause: s.state.cause,
	}
	s.bid = bid{n: c.N, epoch: c.Epoch, until: s.now + s.cfg.wait(ttl)}
	s.sends.add(c.N, s.now+s.cfg.lease(ttl))
	s.send(Append{Type: domain.TypeClaim, Payload: c, N: c.N})
}

// claimRuled takes the fold's ruling on an own claim. After a void one the wait
// is for the record that then counts, and nothing beyond.
func (s *Server) claimRuled(c domain.Claim, ruling Ruling) {
	if c.N == s.bid.n {
		s.bid = bid{}
	}
	switch {
	case !ruling.Counts:
		s.watch.voidAt = s.now
	case !s.over:
		s.won(c)
	}
}

// rank is how many live and ready members go before this one.
func (s *Server) rank() (rank int) {
	mine := s.state.current(s.me)
	if mine == nil {
		return 0
	}
	for _, e := range s.state.members {
		if e != mine && s.fit(e) && s.before(e, mine) {
			rank++
		}
	}
	return rank
}

// before reports whether a goes before b: the named successor first, the latest
// holder last, who misses fewer devices before others, and else as the policy wants.
func (s *Server) before(a, b *entry) bool {
	for _, first := range []func(*entry) bool{
		func(e *entry) bool { return e.Name == s.state.successor },
		func(e *entry) bool { return identity{e.Name, e.Incarnation} != s.state.holder },
	} {
		if first(a) != first(b) {
			return first(a)
		}
	}
	if x, y := missed(a), missed(b); x != y {
		return x < y
	}
	policy := s.cfg.Policy
	if s.state.policy.Order != "" {
		policy = OrderOf(s.state.policy)
	}
	if order := policy(a.Member, b.Member); order != 0 {
		return order < 0
	}
	return bySeniority(a.Member, b.Member) < 0
}

// conduct is what the holder's heartbeats say of its work.
type conduct struct {
	epoch, acked uint64
	last         domain.Mono
	still        time.Duration // heartbeats came, and acked stood still
	unfit        time.Duration // heartbeats came, and said that it cannot read some of the log, while this server could
	outreached   time.Duration // heartbeats came, and said that it misses devices that this server reaches
	contestedAt  domain.Mono   // when this server contested it
}

// observe looks at a heartbeat that counts: a holder that does not hear what it
// says, cannot read all of the log, does not work, or misses devices that this
// server reaches, is contested.
func (s *Server) observe(h domain.Heartbeat, appended domain.Instant) {
	d := &s.watch.conduct
	if d.epoch != h.Epoch {
		*d = conduct{epoch: h.Epoch, acked: h.Acked, last: s.now, contestedAt: d.contestedAt}
	}
	// A gap counts as two intervals at most: what a log that had stopped gives
	// all at once is no sign of a deaf holder.
	passed := min(s.now-d.last, 2*h.TTL/beatsPerTTL)
	d.last = s.now
	d.still += passed
	if d.acked != h.Acked {
		d.acked, d.still = h.Acked, 0
	}
	d.unfit += passed
	if h.Lag != domain.LagUnknown || !s.eligible() {
		d.unfit = 0
	}
	d.outreached += passed
	if !s.outreaches(appended) {
		d.outreached = 0
	}
	deaf := max(h.TTL, deafAfter)
	switch {
	case !s.eligible() || d.contestedAt > 0 && s.now < d.contestedAt+s.cfg.MaxTTL:
	case d.still >= deaf:
		s.contest(domain.Contest{Reason: fmt.Sprintf("deaf: acked stands at %d while heartbeats come, for %s", h.Acked, deaf)})
	case d.unfit >= unfitAfter:
		s.contest(domain.Contest{Reason: fmt.Sprintf("unfit: it cannot read some of the log, for %s", unfitAfter)})
	case s.cfg.StallAfter > 0 && h.Oldest > s.cfg.StallAfter:
		s.contest(domain.Contest{Reason: fmt.Sprintf("stalled: its oldest pending action waits for %s, %s is allowed", h.Oldest, s.cfg.StallAfter)})
	case s.cfg.UnreachedAfter > 0 && d.outreached >= s.cfg.UnreachedAfter:
		s.contestUnreached(h)
	}
}

// contest contests the holder for a reason of this server's own.
func (s *Server) contest(c domain.Contest) {
	s.watch.conduct.contestedAt = s.now
	c.Epoch, c.By = s.state.epoch, s.cfg.Member
	s.emit(Append{Type: domain.TypeContest, Payload: c})
}

// contestFor contests the present holder, for an operator.
func (s *Server) contestFor(in Contest) {
	if s.state.held || s.state.paused.On && in.To != "" {
		s.emit(Append{Type: domain.TypeContest, Payload: domain.Contest{
			Epoch: s.state.epoch, By: in.By, Reason: in.Reason, To: in.To,
		}})
	}
}
