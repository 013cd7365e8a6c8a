package election

import "github.com/understudy-io/understudy/domain"

// flight is what a server has sent, claims and heartbeats, and not read back yet; the
// oldest first. It shows how fast the log is, and whether it takes records at all.
type flight []sent

// sent is one record that is under way.
type sent struct {
	n    uint64
	at   domain.Mono
	fair bool // this server was not away meanwhile: the time that it takes is the log's
}

// add notes a send, before it is sent. Of too many the oldest are forgotten.
func (f *flight) add(n uint64, at domain.Mono) {
	if len(*f) >= maxFlight {
		*f = (*f)[1:]
	}
	*f = append(*f, sent{n, at, true})
}

// paused marks what is under way as no measure of the log.
func (f flight) paused() {
	for i := range f {
		f[i].fair = false
	}
}

// land takes send n out, which was read back, and all before it, which can only land late. It gives
// the send itself, if it was under way, and since when the first of them was that
// this server did not hold up.
func (f *flight) land(n uint64) (landed sent, since domain.Mono, ok bool) {
	since = Never
	for len(*f) > 0 && (*f)[0].n <= n {
		s := (*f)[0]
		*f = (*f)[1:]
		if s.fair {
			since = min(since, s.at)
		}
		if s.n == n {
			landed, ok = s, true
		}
	}
	return landed, since, ok
}
