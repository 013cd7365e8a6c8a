package election

import (
	"math"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Never is what NextWake says when a Server waits for nothing any more.
const Never = domain.Mono(math.MaxInt64)

// Role is what a server is to the landscape.
type Role string

// The roles.
const (
	Joining   Role = "joining"   // not a member yet
	Secondary Role = "secondary" // a member that may claim
	Primary   Role = "primary"   // holds the epoch and its lease lives
	Suspended Role = "suspended" // holds the epoch, but its lease ran out or it gives it up
	Departed  Role = "gone"      // out for good, or leaving
)

// Server is the machine of one incarnation of one server. It is not safe for
// concurrent use.
type Server struct {
	cfg   Config
	me    identity
	state *State
	out   []Effect

	now, began, wake domain.Mono
	started, over    bool
	wasMember        bool
	joinAt           domain.Mono // when to send the next join
	listens          bool        // it does not join yet: the process whose place it would take may live
	clearedAt        domain.Mono // when the last cleared was sent
	acknowledgeAt    domain.Mono // when to say again what is not read back
	refusal          string      // why the last join was void
	floor            uint64
	floorAt          domain.Mono
	health           Health

	n, acked uint64      // of claims and heartbeats: sent, read back
	sentAt   domain.Mono // the last one of these
	beatAt   domain.Mono
	ackedAt  domain.Mono
	pace     pace
	flight   flight
	sends    reckoning

	tenure tenure
	watch  watch
	bid    bid
}

// NewServer is a server that begins with an empty control topic.
func NewServer(cfg Config) *Server { return NewServerFrom(cfg, NewState()) }

// NewServerFrom is a server that begins with a state from a view. The state is
// the server's own from then on; the first record wanted is that at its Next.
func NewServerFrom(cfg Config, state *State) *Server {
	cfg = cfg.withDefaults()
	state.broken = cfg.broken
	return &Server{
		cfg: cfg, me: identity{cfg.Member, cfg.Incarnation}, state: state, wake: Never,
		health: Health{Sync: domain.Replaying},
		pace:   pace{fixed: cfg.TTL, min: cfg.MinTTL, max: cfg.MaxTTL},
		sends:  reckoning{loose: !cfg.broken.keeps(ruleShrink)},
		watch:  watch{received: make(map[string]domain.Mono), since: make(map[string]domain.Mono)},
	}
}

// Step takes one input at a time and gives what has to be done. The time is that
// of the same clock each time, read before the call.
func (s *Server) Step(now domain.Mono, in Input) []Effect {
	s.out = nil
	s.now = max(s.now, now)
	s.lateness()
	s.expire()
	s.take(in)
	if s.started && !s.over {
		s.proceed()
	}
	s.wake = s.nextWake()
	return s.out
}

func (s *Server) emit(e Effect) { s.out = append(s.out, e) }

// lateness finds out whether this server itself was away.
func (s *Server) lateness() {
	late := s.now - s.wake // negative while wake is Never
	if late > lateStep {
		s.flight.paused()
	}
	if late > max(pauseStep, s.state.ttl/2) {
		s.watch.caught = false
	}
}

// jumped finds that this machine was away, and its clock with it.
func (s *Server) jumped(cause string) {
	if !s.cfg.broken.keeps(ruleJump) {
		return
	}
	s.flight.paused()
	s.watch.caught = false
	s.sends.void()
	s.lose(cause)
}

func (s *Server) take(in Input) {
	if s.over {
		// It only follows what becomes of the landscape.
		if r, ok := in.(Received); ok {
			s.received(r.Record)
		}
		return
	}
	switch in := in.(type) {
	case Start:
		s.started, s.began = true, s.now
	case Received:
		s.received(in.Record)
	case CaughtUp:
		s.caughtUp()
	case LogLost:
		s.watch.away, s.watch.lost, s.watch.caught = true, true, false
	case LogBack:
		s.watch.away, s.watch.caught = false, false
		s.beatAt, s.ackedAt = s.now, s.now
	case AppendFailed:
		s.appendFailed(in.N)
	case Jumped:
		s.jumped(in.Cause)
	case Health:
		s.healthIs(in)
	case Guarded:
		s.cfg.Guarded, s.beatAt = in.Is, s.now
	case Floor:
		s.floor = max(s.floor, min(in.Epoch, limitEpoch))
	case Release:
		s.release(in)
	case Contest:
		s.contestFor(in)
	case Clear:
		s.clearFor(in)
	case Drained:
		if s.tenure.draining && s.means(in.Epoch) {
			s.giveUp("", "contested")
		}
	case Leave:
		s.leave()
	}
}

// proceed does what is due.
func (s *Server) proceed() {
	s.join()
	s.clear()
	s.acknowledgeRevision()
	s.drain()
	s.yield()
	s.beat()
	s.claim()
}

// appendFailed tries again soon what nothing else repeats.
func (s *Server) appendFailed(n uint64) {
	if s.joinAt > 0 {
		s.joinAt = min(s.joinAt, s.now+s.cfg.HeartbeatStandby)
	}
	if s.bid.n > 0 && (n == 0 || n == s.bid.n) {
		s.bid.until = min(s.bid.until, s.now+s.cfg.Stagger)
	}
}

func (s *Server) healthIs(h Health) {
	if h.Ready != s.health.Ready || h.Hash != s.health.Hash {
		s.beatAt = s.now
	}
	if !h.Acknowledged.Same(s.health.Acknowledged) {
		s.acknowledgeAt = s.now
	}
	s.health = h
}

// leave says farewell. A holder stops first.
func (s *Server) leave() {
	s.lose("leaves")
	if s.isMember() || s.holds() {
		s.emit(Append{Type: domain.TypeLeft, Payload: domain.Left{Incarnation: s.cfg.Incarnation}})
	}
	s.over = true
}

// nextWake is the earliest thing that is due.
func (s *Server) nextWake() domain.Mono {
	if !s.started {
		return Never
	}
	wake := Never
	at := func(t domain.Mono) { wake = min(wake, t) }
	if s.tenure.acting {
		at(s.tenure.until)
	}
	if s.over {
		return wake
	}
	if s.beats() {
		at(s.beatAt)
		if doubt, ok := s.doubtAt(); ok {
			at(doubt)
		}
	}
	if s.mayJoin() {
		at(s.joinAt)
	}
	if s.holds() && s.tenure.draining {
		at(s.tenure.drainUntil)
	}
	if s.holds() && s.tenure.gaveUp {
		at(s.tenure.retryAt)
	}
	if s.bid.n > 0 {
		at(s.bid.until)
	} else if due, _, ok := s.claimDue(); ok {
		at(due)
	}
	return wake
}

// State is the fold. It is the server's own: read it, and do not Apply to it.
func (s *Server) State() *State { return s.state }

// NextWake is when the server wants a Timer; Never if it wants none.
func (s *Server) NextWake() domain.Mono { return s.wake }

// LeaseEnd is until when the server may act; zero when it may not.
func (s *Server) LeaseEnd() domain.Mono {
	if !s.tenure.acting {
		return 0
	}
	return s.tenure.until
}

// TTL is what the server's next record would carry.
func (s *Server) TTL() time.Duration { return s.pace.ttl(s.now) }

// PollEvery is how often the log should be asked at least: often enough that a server
// which was paused knows soon that it has read all there is, and more seldom than the
// holder beats, so that it costs nothing while there is one.
func (s *Server) PollEvery() time.Duration {
	if s.state.ttl == 0 {
		return pollSlow
	}
	return min(max(s.state.ttl/pollsPerTTL, pollFast), pollSlow)
}

// CaughtUp says whether the server has read all there is since it started, was
// paused or had lost the log.
func (s *Server) CaughtUp() bool { return s.watch.caught }

// LastHeard is when the last join or heartbeat of a member was received.
func (s *Server) LastHeard(member string) (domain.Mono, bool) {
	at, ok := s.watch.received[member]
	return at, ok
}

// Role is what the server is, as of its last step.
func (s *Server) Role() Role {
	switch {
	case s.over:
		return Departed
	case s.tenure.acting:
		return Primary
	case s.holds():
		return Suspended
	case s.isMember():
		return Secondary
	}
	return Joining
}

// SyncMode is how far this server is from all others, as it was told last.
func (s *Server) SyncMode() domain.SyncMode { return s.health.Sync }

// isMember reports whether the fold knows this very incarnation as a member.
func (s *Server) isMember() bool { return s.state.current(s.me) != nil }
