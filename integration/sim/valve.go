package sim

import "github.com/understudy-io/understudy/domain"

// valve is a kernel's: it goes by the end that it was told, at the moment of the
// write, whether the process that has told it was frozen since or not.
type valve struct {
	until domain.Mono
	term  int // how many terms are over
}

// Extend implements lease.Valve.
func (v *valve) Extend(until domain.Mono) { v.until = until }

// Shut implements lease.Valve.
func (v *valve) Shut() { v.until, v.term = 0, v.term+1 }

// lets says whether what a server writes to a connection leaves.
func (v *valve) lets(s *server, c *conn) bool {
	return c.term == v.term && s.mono() < v.until || s.w.plan.NoLease
}
