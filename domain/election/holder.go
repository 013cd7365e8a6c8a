package election

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// tenure is the time of this server as the holder of an epoch: from its claim
// read back as valid until another one holds it, or nobody.
type tenure struct {
	epoch      uint64 // 0 for none
	announced  bool   // Won was given
	acting     bool
	until      domain.Mono // the lease, while acting
	draining   bool        // contested: waits for outcomes
	drainUntil domain.Mono
	wonAt      domain.Mono
	yielding   bool // a planned end was asked for
	gaveUp     bool // has sent a release: never again in this epoch
	release    domain.Release
	retryAt    domain.Mono
}

// holds reports whether the fold has this server as the holder of its epoch.
func (s *Server) holds() bool {
	return s.tenure.epoch != 0 && s.tenure.epoch == s.state.epoch && s.state.isHolder(s.me)
}

// leads reports whether its heartbeats would count.
func (s *Server) leads() bool {
	return !s.over && s.holds() && !s.state.contested && !s.tenure.gaveUp
}

// won begins a tenure: the own claim was read back as valid. The first heartbeat
// leaves at once.
func (s *Server) won(c domain.Claim) {
	s.tenure = tenure{epoch: c.Epoch, wonAt: s.now}
	s.beatAt = s.now
	s.renew(c.N, c.TTL)
}

// reckon notes a record that the lease will depend on, before it is sent.
func (s *Server) reckon(n uint64, ttl time.Duration) {
	end := s.now + s.cfg.lease(ttl)
	s.sends.add(n, end)
	if !s.tenure.acting {
		return
	}
	switch {
	case !s.cfg.broken.keeps(ruleReadBack):
		s.extend(end)
	case s.sends.end() < s.tenure.until:
		s.extend(s.sends.end())
	}
}

// renew extends the lease: a record of the holder was read back as counting. It
// reports whether the lease had run out before.
func (s *Server) renew(n uint64, ttl time.Duration) (resumed bool) {
	s.sends.readBack(n)
	if !s.leads() {
		return false
	}
	end := s.sends.end()
	if !s.cfg.broken.keeps(ruleSendTime) {
		end = s.now + s.cfg.lease(ttl)
	}
	if end <= s.now {
		return false // too late to act on; a later one may do
	}
	was := s.tenure.acting
	s.tenure.acting = true
	s.extend(end)
	switch {
	case !s.tenure.announced:
		s.tenure.announced = true
		s.emit(Won{Epoch: s.tenure.epoch})
	case !was:
		s.emit(Resumed{Epoch: s.tenure.epoch})
		return true
	}
	return false
}

func (s *Server) extend(end domain.Mono) {
	if end != s.tenure.until {
		s.tenure.until = end
		s.emit(Lease{Until: end})
	}
}

// expire stops a holder whose lease has run out.
func (s *Server) expire() {
	if s.tenure.acting && s.now >= s.tenure.until {
		s.lose("the lease has run out")
	}
}

// lose stops acting.
func (s *Server) lose(cause string) {
	if !s.tenure.acting {
		return
	}
	s.tenure.acting, s.tenure.until = false, 0
	s.emit(Lost{Epoch: s.tenure.epoch, Cause: cause})
	s.emit(Lease{})
}

// release is a planned end of the epoch.
func (s *Server) release(in Release) {
	if s.holds() && !s.tenure.gaveUp && s.means(in.Epoch) {
		s.giveUp(in.To, in.Reason)
	}
}

// means reports whether an input for an epoch is for this tenure: it may have been on
// its way while one ended and another began.
func (s *Server) means(epoch uint64) bool { return epoch == 0 || epoch == s.tenure.epoch }

// giveUp stops, and then sends the release. Whatever becomes of it, the server
// does not go on in this epoch.
func (s *Server) giveUp(to, reason string) {
	if s.cfg.broken.keeps(ruleStop) {
		s.lose("released: " + reason)
	}
	s.tenure.draining = false
	s.tenure.gaveUp = s.cfg.broken.keeps(ruleSilence)
	s.tenure.release = domain.Release{Incarnation: s.cfg.Incarnation, Epoch: s.tenure.epoch, To: to, Reason: reason}
	s.sendRelease()
}

func (s *Server) sendRelease() {
	s.tenure.retryAt = s.now + releaseRetry
	s.emit(Append{Type: domain.TypeRelease, Payload: s.tenure.release})
}

// drain ends the wait for outcomes, and repeats a release that was not read back.
func (s *Server) drain() {
	switch {
	case !s.holds():
	case s.tenure.draining && s.now >= s.tenure.drainUntil:
		s.giveUp("", "contested")
	case s.tenure.gaveUp && s.now >= s.tenure.retryAt:
		s.sendRelease()
	}
}
