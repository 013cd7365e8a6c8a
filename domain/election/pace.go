package election

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// pace chooses the TTL from how long the log takes from an append to its
// read-back, as this server sees it, and from the leases that were too short.
type pace struct {
	fixed, min, max time.Duration
	high            time.Duration // follows high samples fast, low ones slowly
	samples         int
	sampledAt       domain.Mono
	taught          time.Duration // see lesson
	taughtAt        domain.Mono
}

const (
	// slowness is how many times the recent high append-and-read-back time the
	// lease is long.
	slowness = 20
	// riseBy is the share of the difference to a higher sample by which it moves
	// the estimate.
	riseBy = 4
	// A lower sample moves it by the share that the time since the last one is of
	// fallWithin, within fallBy: a slow append is forgotten in the same time by
	// who has a long lease, and seldom renews it, as by who has a short one.
	fallWithin    = 160 * time.Millisecond
	fallBy        = 4
	fallByAtLeast = 16
	// rememberFor is how long it takes to forget half of what a lease that ran out
	// has taught.
	rememberFor = 30 * time.Second
)

// ttl is the length of the lease for the next record, in whole milliseconds.
// Without any sample it is the longest.
func (p *pace) ttl(now domain.Mono) time.Duration {
	if p.fixed > 0 {
		return p.fixed
	}
	if p.samples == 0 {
		return p.max
	}
	want := (p.high*slowness + time.Millisecond - 1).Truncate(time.Millisecond)
	return min(max(want, p.min, p.lesson(now)), p.max)
}

// lapsed notes a lease that ran out while its holder was well: the log had taken
// longer than the estimate allows for, and may again.
func (p *pace) lapsed(now domain.Mono) {
	p.taught, p.taughtAt = min(2*max(p.lesson(now), p.min), p.max), now
}

// lesson is the least TTL that the leases which ran out teach: each one doubles
// it, and it halves with time.
func (p *pace) lesson(now domain.Mono) time.Duration {
	return p.taught >> min((now-p.taughtAt)/rememberFor, 62)
}

// sample moves the estimate. A few first samples count more, so that a standby
// has a fair estimate soon.
func (p *pace) sample(d time.Duration, now domain.Mono) {
	d = min(max(d, 0), p.max/slowness) // more says no more
	since := now - p.sampledAt
	p.samples, p.sampledAt = p.samples+1, now
	if d >= p.high {
		p.high += (d - p.high) / time.Duration(min(riseBy, p.samples))
		return
	}
	by := min(max(fallWithin/max(since, 1), fallBy), fallByAtLeast)
	p.high -= (p.high - d) / min(by, time.Duration(p.samples+1))
}
