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
	links   map[string]link
	at      domain.Mono // when they were counted
	missing int64
	reaches []string // some that the log says the primary is not connected to
}

// link is this server's connection to a device.
type link struct {
	up    bool
	since domain.Mono
}

func (r *reach) linked(now domain.Mono, in Linked) {
	if l, known := r.links[in.Device]; known && l.up != in.Up {
		r.links[in.Device] = link{in.Up, now}
	}
}

// countReach looks at all devices, in the order of their names.
func (m *Machine) countReach() {
	r, now := &m.reach, m.now.Mono
	if now < r.at+reachEvery {
		return
	}
	r.at, r.missing, r.reaches = now, 0, nil
	for _, name := range m.names {
		l, hot := r.links[name]
		switch {
		case !hot || now < l.since+awayAfter:
		case !l.up:
			r.missing++
		case m.term == nil && len(r.reaches) < domain.MaxContestDevices && m.isLost(name):
			r.reaches = append(r.reaches, name)
		}
	}
}

// isLost says whether the primary is not connected to a device, as it has written.
func (m *Machine) isLost(name string) bool {
	dev, ok := m.states[m.owner(name)].Device(name)
	return ok && !dev.Removed && !dev.Connected
}
