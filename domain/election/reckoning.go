package election

import (
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// reckoning is what a lease depends on: the last send that was read back, and
// all that were sent after it. The lease ends at the earliest of their ends, so a
// shorter TTL binds from its send and a longer one helps only when it was read
// back.
//
// Its ends grow from front to back: a send whose end is not before that of a
// later one never decides, and is not kept.
type reckoning struct {
	sends []sending
	loose bool // breaks ruleShrink
}

type sending struct {
	n   uint64
	end domain.Mono
}

// add notes a send, before it is sent.
func (r *reckoning) add(n uint64, end domain.Mono) {
	for !r.loose && len(r.sends) > 0 && r.sends[len(r.sends)-1].end >= end {
		r.sends = r.sends[:len(r.sends)-1]
	}
	if len(r.sends) >= maxReckoned {
		// The two oldest become one that ends as the first and is read back as
		// the second: too early is safe.
		r.sends[1].end = min(r.sends[0].end, r.sends[1].end)
		r.sends = slices.Delete(r.sends, 0, 1)
	}
	r.sends = append(r.sends, sending{n, end})
}

// readBack drops all sends before n: they can only land late now, and then they
// do not count.
func (r *reckoning) readBack(n uint64) {
	keep := 0
	for keep < len(r.sends) && r.sends[keep].n < n {
		keep++
	}
	r.sends = r.sends[keep:]
}

// void ends all sends until now: when they were sent is not known any more. What is
// read back of them gives no lease.
func (r *reckoning) void() {
	if n := len(r.sends); n > 0 {
		r.sends = append(r.sends[:0], sending{n: r.sends[n-1].n})
	}
}

// end is the earliest end; 0 if nothing was sent.
func (r *reckoning) end() domain.Mono {
	if len(r.sends) == 0 {
		return 0
	}
	return r.sends[0].end
}
