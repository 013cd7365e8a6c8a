package election

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// pace chooses the TTL from how long the log takes from an append to its
// read-back, as this server sees it.
type pace struct {
	fixed, min, max time.Duration
	high            time.Duration // follows high samples fast, low ones slowly
	samples         int
	probes          []probe // sends not read back yet
}

// probe is a send that is timed.
type probe struct {
	n      uint64
	at     domain.Mono
	usable bool
}

const (
	// slowness is how many times the recent high append-and-read-back time the
	// lease is long.
	slowness = 20
	// riseBy and fallBy are the shares of a difference that one sample moves the
	// estimate.
	riseBy = 4
	fallBy = 16
)

// ttl is the length of the lease for the next record, in whole milliseconds.
// Without any sample it is the longest.
func (p *pace) ttl() time.Duration {
	if p.fixed > 0 {
		return p.fixed
	}
	if p.samples == 0 {
		return p.max
	}
	want := (p.high*slowness + time.Millisecond - 1).Truncate(time.Millisecond)
	return min(max(want, p.min), p.max)
}

func (p *pace) sent(n uint64, at domain.Mono) {
	if len(p.probes) >= maxProbes {
		p.probes = p.probes[1:]
	}
	p.probes = append(p.probes, probe{n, at, true})
}

// paused marks what is under way as no measure of the log.
func (p *pace) paused() {
	for i := range p.probes {
		p.probes[i].usable = false
	}
}

// readBack takes the sample of send n.
func (p *pace) readBack(n uint64, now domain.Mono) {
	for len(p.probes) > 0 && p.probes[0].n <= n {
		if probe := p.probes[0]; probe.n == n && probe.usable {
			p.sample(now - probe.at)
		}
		p.probes = p.probes[1:]
	}
}

// sample moves the estimate. A few first samples count more, so that a standby
// has a fair estimate soon.
func (p *pace) sample(d time.Duration) {
	d = min(max(d, 0), p.max/slowness) // more says no more
	p.samples++
	if d >= p.high {
		p.high += (d - p.high) / time.Duration(min(riseBy, p.samples))
		return
	}
	p.high -= (p.high - d) / time.Duration(min(fallBy, p.samples+1))
}
