package audit

import (
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// contestRace is how far what a contest because of devices says may be from the heartbeats
// before it: they go on while it is decided and appended.
const contestRace = 10 * time.Second

// maxMisses bounds the counts that are kept of a server.
const maxMisses = 64

// miss is how many devices a server said that it misses, in its heartbeats from one
// moment to another.
type miss struct {
	missing     int64
	since, last domain.Instant
}

// misses are the latest of each process.
type misses map[process][]miss

// note takes a heartbeat.
func (m misses) note(r *domain.Record, h *domain.Heartbeat) {
	p := process{r.Subject, h.Incarnation}
	list := m[p]
	if n := len(list); n > 0 && list[n-1].missing == h.Missing {
		list[n-1].last = max(list[n-1].last, r.Appended)
		return
	}
	if len(list) == maxMisses {
		list = slices.Delete(list, 0, 1)
	}
	m[p] = append(list, miss{h.Missing, r.Appended, r.Appended})
}

// said reports whether a process said a count not long before a moment.
func (m misses) said(p process, missing int64, at domain.Instant) bool {
	return slices.ContainsFunc(m[p], func(x miss) bool {
		return x.missing == missing && at.Sub(x.last) <= contestRace
	})
}

// known reports whether all that a process said not long before a moment was read.
func (m misses) known(p process, at domain.Instant) bool {
	return len(m[p]) > 0 && at.Sub(m[p][0].since) > contestRace
}

// borneOut judges a contest because of devices: by its own counts, and by the heartbeats
// before it where they are retained. It has counted in any case.
func (d *derivation) borneOut(r *domain.Record, v *domain.Contest, holder process) {
	if len(v.Devices) == 0 {
		return
	}
	here := []Place{controlAt(r.Position.Offset)}
	by := process{name: v.By}
	if s := d.ballot.seats[v.By]; s != nil {
		by.incarnation = s.incarnation
	}
	switch {
	case v.Missing == 0 && v.HolderMissing == 0:
		d.undecided(RuleElections, r.Appended, here, "the contest by %s because of devices does not say how many each server missed", v.By)
	case v.HolderMissing <= v.Missing:
		d.violated(RuleElections, r.Appended, here, "%s contested %s because of devices, and missed no fewer: %d, %s %d",
			v.By, holder.name, v.Missing, holder.name, v.HolderMissing)
	case d.topic != domain.TopicControl || !d.misses.known(by, r.Appended) || !d.misses.known(holder, r.Appended):
		// elections holds no heartbeat of a standby: the counts in the record are all there is.
	case !d.misses.said(by, v.Missing, r.Appended) || !d.misses.said(holder, v.HolderMissing, r.Appended):
		d.violated(RuleElections, r.Appended, here, "%s contested %s because it missed %d devices and %s %d; their heartbeats of the %s before do not say so",
			v.By, holder.name, v.Missing, holder.name, v.HolderMissing, contestRace)
	}
}
