package election

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// maxDamping bounds how often falls double the hold-down.
const maxDamping = 6

// Favourite is the ready member that the policy prefers to the holder.
type Favourite struct {
	Member string
	// Due is when primacy goes back to it by itself, as this server sees it; Never
	// if that is an operator's to decide, with the reason in Why.
	Due domain.Mono
	Why string
}

// Favourite tells to whom primacy would go back, if to anybody. Every server can
// tell; only the holder acts on it.
func (s *Server) Favourite() (Favourite, bool) {
	m, lacks := s.favourite()
	if m == nil {
		return Favourite{}, false
	}
	f := Favourite{Member: m.Name, Due: Never}
	switch {
	case s.state.policy.FailBack != domain.FailBackAuto:
		f.Why = "fail-back is " + string(s.state.policy.FailBack)
	case s.state.paused.On:
		f.Why = "automatic failover is paused by " + s.state.paused.By
	case lacks != "":
		f.Why = lacks
	case m.Joined < s.state.moved:
		f.Why = "an operator has moved primacy away; it comes back by itself once " + m.Name + " has been started again"
	default:
		f.Due = s.watch.since[m.Name] + HoldDown(s.state.policy, m.Falls)
		if s.tenure.announced {
			f.Due = max(f.Due, s.tenure.wonAt+s.state.policy.HoldDown)
		}
	}
	return f, true
}

// HoldDown is how long a server must have been ready without a break until primacy
// goes back to it: twice as long for each fall after the first, if they followed soon
// on one another.
func HoldDown(p domain.Policy, falls int) time.Duration {
	return min(p.HoldDown<<min(max(falls-1, 0), maxDamping), MaxHoldDown)
}

// favourite is the best of those whom the policy on record prefers to the holder, and
// that reach the devices that the holder does; where there is none, the best of those
// that do not, with what it lacks.
func (s *Server) favourite() (best *entry, lack string) {
	if s.state.policy.Order == "" || !s.state.held || s.state.contested {
		return nil, ""
	}
	holder := s.state.members[s.state.holder.Name]
	if holder == nil || holder.Incarnation != s.state.holder.Incarnation {
		return nil, ""
	}
	order := OrderOf(s.state.policy)
	for _, e := range s.state.members {
		if !s.fit(e) || order(e.Member, holder.Member) >= 0 {
			continue
		}
		why := lacks(e, holder)
		better := best == nil || (why == "") && lack != ""
		if better || (why == "") == (lack == "") && order(e.Member, best.Member) < 0 {
			best, lack = e, why
		}
	}
	return best, lack
}

// yield gives the epoch up in a planned move, where the holder itself is to go for
// maintenance, or a favourite has waited for long enough. It is asked for once: what
// was begun is brought to its end first, and then Release comes.
func (s *Server) yield() {
	if !s.leads() || !s.tenure.acting || s.tenure.yielding {
		return
	}
	if m := s.state.current(s.me); m != nil && m.Drained {
		if to, ok := s.Next(); ok {
			s.tenure.yielding = true
			s.emit(Yield{Epoch: s.tenure.epoch, To: to, Reason: ReasonDrained})
		}
		return
	}
	if f, ok := s.Favourite(); ok && s.now >= f.Due {
		s.tenure.yielding = true
		s.emit(Yield{Epoch: s.tenure.epoch, To: f.Member, Reason: ReasonFailBack})
	}
}

// readied notes since when a member has been ready without a break: another
// incarnation, or a silence in which it did not count as live, begins it anew.
func (s *Server) readied(r *domain.Record, h domain.Heartbeat) {
	name := r.Subject
	e, ok := s.state.members[name]
	if !ok || e.Incarnation != h.Incarnation {
		return
	}
	last, heard := s.watch.received[name]
	_, was := s.watch.since[name]
	switch {
	case !h.Ready:
		delete(s.watch.since, name)
	case !was || !heard || s.now-last > s.cfg.LiveWithin:
		s.watch.since[name] = s.now
	}
}
