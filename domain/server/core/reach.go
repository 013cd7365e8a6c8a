package core

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

const (
	// reachEvery is how often a server counts the devices that it is not connected to.
	reachEvery = time.Second
	// awayAfter is how long a device must have been out of reach, or within it, to count
	// as that: a connection that is made anew, or a device that restarts, is no sign.
	awayAfter = 2 * time.Second
)

// reach is which devices this server is connected to, of those that any server may be.
type reach struct {
	links   map[string]*link
	at      domain.Mono // when they were counted
	counted bool        // once it was known of each of them; before, missing says nothing
	missing int64
	reaches []string // some that the log says the primary is not connected to
}

// link is this server's connection to a device.
type link struct {
	up      bool
	since   domain.Mono
	steady  domain.Mono // when it was last up for awayAfter without a break; at first, when it was opened
	missed  bool
	decided bool // whether it is missed was ever known
}

// settle notes what has become of a link since its last change. One that comes and goes
// is missed until it has been up for awayAfter without a break.
func (l *link) settle(now domain.Mono) {
	switch {
	case l.up && now >= l.since+awayAfter:
		l.steady, l.missed, l.decided = now, false, true
	case !l.up && now >= l.steady+awayAfter:
		l.missed, l.decided = true, true
	}
}

func (r *reach) open(device string, now domain.Mono) {
	r.links[device] = &link{since: now, steady: now}
}

func (r *reach) linked(now domain.Mono, in Linked) {
	if l, known := r.links[in.Device]; known && l.up != in.Up {
		l.settle(now)
		l.up, l.since = in.Up, now
	}
}

// another primary begins: what the one before had lost is not held against it. By the
// next count it has said what it reaches itself.
func (r *reach) another(now domain.Mono) { r.reaches, r.at = nil, now }

// countReach looks at all devices, in the order of their names.
func (m *Machine) countReach() {
	r, now := &m.reach, m.now.Mono
	if now < r.at+reachEvery {
		return
	}
	r.at, r.missing, r.reaches = now, 0, nil
	all := m.caughtUp
	for _, name := range m.names {
		l, hot := r.links[name]
		if !hot {
			continue
		}
		l.settle(now)
		all = all && l.decided
		switch {
		case l.missed:
			r.missing++
		case m.term == nil && l.up && l.steady == now && len(r.reaches) < domain.MaxContestDevices && m.isLost(name):
			r.reaches = append(r.reaches, name)
		}
	}
	r.counted = r.counted || all
}

// isLost says whether the primary is not connected to a device, as it has written.
func (m *Machine) isLost(name string) bool {
	dev, ok := m.states[m.owner(name)].Device(name)
	return ok && !dev.Removed && !dev.Connected
}
