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
	firstSince   uint64      // n of the holder's first record since then; 0 for none yet

	provedAt domain.Mono // when this server's last record was sent that the log gave back
	takenAt  domain.Mono // one came back that had been under way for long
	delays   int         // how many did, since the holder was last heard
	given    int         // how many it gave back in time since then

	heardAt     domain.Mono // the holder's last record that counts
	contestedAt domain.Mono
	vacantAt    domain.Mono // the record that left nobody as holder
	voidAt      domain.Mono // the own last claim that was void
	received    map[string]domain.Mono
	since       map[string]domain.Mono // when a member became ready, without a break from then on
	conduct     conduct
}

// caughtUp begins the wait of a server that has just started, was paused or had
// lost the log.
func (s *Server) caughtUp() {
	w := &s.watch
	if w.away || w.caught {
		return
	}
	w.caught, w.caughtAt = true, s.now
	w.conduct = conduct{}
	if !w.lost || !s.cfg.broken.keeps(ruleLongWait) {
		return
	}
	w.lost = false
	// One loss after the other must not put a claim off for ever: a holder that was
	// not heard in all that time in which the log did take records is no healthy one.
	if w.given < maxGiven {
		w.recoverUntil, w.firstSince = s.now+s.longWait(), 0
	}
}

// longWait is that of a server that had lost the log.
func (s *Server) longWait() time.Duration {
	return s.cfg.wait(max(s.cfg.MaxTTL, s.cfg.TTL, s.state.ttl))
}

// proved notes that the log gave back a record of this server's that was sent at a
// time; the oldest one of its before that had been under way since another. A
// standby that hears nothing must know which of the two is silent, the holder or
// the log: one that hangs answers nobody, and Kafka with too few replicas in sync
// answers who reads, and takes nothing. The time in which a record was under way for
// long is no time waited; a very long one is a loss of the log. The more there are
// without a sign of the holder, the longer they must be: a log that is slow for good
// must not keep a dead holder in office.
func (s *Server) proved(sent, since domain.Mono) {
	w := &s.watch
	w.provedAt = sent
	switch late := s.now - since; {
	case s.holds() || !s.cfg.broken.keeps(ruleProof):
	case late >= max(s.state.ttl, lossStep)<<min(w.delays, maxDelays):
		w.lost, w.caught = true, false
		w.delays++
	case late > s.patience()<<min(w.delays, maxDelays):
		w.takenAt = s.now
		w.delays++
	case w.caught && !w.away:
		w.given = min(w.given+1, maxGiven)
	}
}

// patience is how long the log may take to give back what a standby wrote before it
// doubts the log.
func (s *Server) patience() time.Duration { return max(s.state.ttl/2, patienceStep) }

// received folds a record, notes when what it changed was received, and draws
// the conclusions for this server.
func (s *Server) received(r domain.Record) {
	before, heard := s.state.term(), s.state.heard
	ruling := s.state.Apply(r)
	after := s.state.term()
	if s.state.heard != heard && (s.cfg.broken.keeps(ruleFullWait) || after.epoch != before.epoch) {
		s.watch.heardAt = s.now
		// What showed before that the log takes records, or does not, decides nothing now.
		s.sentAt, s.watch.provedAt, s.watch.takenAt, s.watch.delays, s.watch.given = 0, 0, 0, 0, 0
	}
	if after.contested && !before.contested {
		s.watch.contestedAt = s.now
	}
	if before.held && !after.held {
		s.watch.vacantAt = s.now
	}
	if after.epoch != before.epoch || after.contested != before.contested {
		s.watch.conduct = conduct{}
	}
	if ruling.Void == "" {
		s.heardOf(&r, ruling)
	}
	s.readBack(&r, ruling)
	s.standing(&r)
	s.membership(&r)
	if r.Type == domain.TypeDied && s.listens {
		s.joinAt = s.now // it may be the one that this server listens for
	}
}

// recovered ends the longest wait when the holder has the log again as well: it
// has read back what it wrote after this server had. A heartbeat alone may have
// been on its way all the time.
func (w *watch) recovered(h domain.Heartbeat) {
	switch {
	case !w.caught || w.recoverUntil == 0:
	case w.firstSince == 0:
		w.firstSince = h.N
	case h.Acked >= w.firstSince:
		w.recoverUntil = 0
	}
}

// heardOf notes that a member was heard, and whether the holder hears.
func (s *Server) heardOf(r *domain.Record, ruling Ruling) {
	switch p := r.Payload.(type) {
	case domain.Joined:
		s.watch.received[r.Subject] = s.now
		delete(s.watch.since, r.Subject)
	case domain.Heartbeat:
		s.readied(r, p)
		s.watch.received[r.Subject] = s.now
		if ruling.Counts && !s.holds() {
			s.watch.recovered(p)
			s.observe(p, r.Appended)
		}
	}
	if len(s.watch.received) > 2*MaxMembers {
		for name := range s.watch.received {
			if _, ok := s.state.Member(name); !ok {
				delete(s.watch.received, name)
				delete(s.watch.since, name)
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
	case domain.Joined:
		if p.Incarnation == s.cfg.Incarnation && !ruling.Counts && !s.wasMember {
			s.refused(ruling.Void)
		}
	case domain.Claim:
		if p.Incarnation == s.cfg.Incarnation {
			s.acknowledge(p.N)
			s.claimRuled(p, ruling)
		}
	case domain.Heartbeat:
		if p.Incarnation == s.cfg.Incarnation {
			fair := s.acknowledge(p.N)
			if ruling.Counts && s.renew(p.N, p.TTL) && fair {
				s.pace.lapsed(s.now)
			}
		}
	}
}

// acknowledge notes that send n was read back, and reports whether the time that
// it took was the log's, and not a pause of this server.
func (s *Server) acknowledge(n uint64) (fair bool) {
	if landed, since, ok := s.flight.land(n); ok {
		s.proved(landed.at, since)
		if fair = landed.fair; fair {
			s.pace.sample(s.now-landed.at, s.now)
		}
	}
	if n > s.acked && n <= s.n {
		s.acked, s.ackedAt = n, s.now
	}
	if s.leads() {
		// The log answers: a beat that was put off while it did not is due soon.
		s.beatAt = min(s.beatAt, s.now+s.interval(s.pace.ttl(s.now)))
	}
	return fair
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
	case domain.Dissolved:
		return "dissolved by " + p.By
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
	_, dissolved := s.state.Dissolved()
	switch {
	case dissolved && !s.over && !s.holds():
		s.over = true
		s.emit(Gone{Cause: s.goneCause(r), Barred: true})
	case s.isMember():
		if !s.wasMember {
			s.wasMember, s.joinAt, s.beatAt = true, 0, s.now
		}
	case s.over || s.holds():
	case s.wasMember || s.state.isRetired(s.me):
		s.over = true
		s.emit(Gone{Cause: s.goneCause(r), Barred: s.state.Banned(s.cfg.Member) != ""})
	}
}

func (s *Server) goneCause(r *domain.Record) string {
	if why := s.state.Banned(s.cfg.Member); why != "" {
		return why
	}
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
