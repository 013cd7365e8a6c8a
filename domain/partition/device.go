package partition

import (
	"cmp"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Device is the folded state of one device. It is live: it changes with the
// next Apply, and nobody but the fold may write to it.
type Device struct {
	Definition       domain.Definition
	Removed          bool // no longer configured, but commands or doubts are left
	Connected        bool // as the primary said last
	ConnectionDetail string
	ConnectionSince  domain.Instant

	cells   map[domain.Target]*cell
	sorted  []*cell // by target
	pending []*Pending
	doubts  []*doubt
	targets []domain.Target // see nameTargets
	item
}

// ID is the device's name.
func (d *Device) ID() string { return d.Definition.Device }

// Pending are the commands that were accepted and have no outcome yet, in log
// order. The list is live: copy what must outlast the next Apply.
func (d *Device) Pending() []*Pending { return d.pending }

// Doubts are the actions whose fate nobody knows, oldest first.
func (d *Device) Doubts() []Doubt {
	out := make([]Doubt, len(d.doubts))
	for i, x := range d.doubts {
		out[i] = x.Doubt
	}
	return out
}

// Cells are the targets that have a desired or a reported value, by name.
func (d *Device) Cells() []Cell {
	out := make([]Cell, 0, len(d.sorted))
	for _, c := range d.sorted {
		if c.HasDesired || c.HasReported {
			out = append(out, c.Cell)
		}
	}
	return out
}

// Cell finds the values of one target.
func (d *Device) Cell(t domain.Target) (Cell, bool) {
	c := d.cells[t]
	if c == nil || !c.HasDesired && !c.HasReported {
		return Cell{}, false
	}
	return c.Cell, true
}

// Pending is a command that was accepted and has no outcome yet.
type Pending struct {
	UID          string
	Command      domain.Position
	Effect       domain.Effect
	Payload      domain.Payload
	Wishes       []domain.Value // all of them, as asked; see State.Newest
	Appended     domain.Instant // log time at the command
	ValidFor     time.Duration
	Source       string
	User         string // the authenticated user, or empty
	Started      bool   // a one-shot may have been sent
	StartedEpoch uint64
	StartedAt    domain.Position
	// Gone says that the device it was for was taken out of the configuration, or gave
	// way to one of another kind, before it had an outcome: the one of that name now is
	// not to do it.
	Gone bool

	// kept are the wishes that a newer command has replaced only behind a one-shot,
	// which may depend on them: they are to be sent before it.
	kept []keptWish

	of     *Device
	only   [1]domain.Value // where Wishes lies if it is one
	digest domain.Digest
	item
}

// pendingRun is how many pending actions are made together. One that waits for long
// keeps the others in memory, so it is not many.
const pendingRun = 32

func (s *State) newPending() *Pending {
	if len(s.fresh) == 0 {
		s.fresh = make([]Pending, pendingRun)
	}
	p := &s.fresh[0]
	s.fresh = s.fresh[1:]
	return p
}

// keptWish is a target, and the offset of the command with the newer wish for it.
type keptWish struct {
	target domain.Target
	until  int64
}

// keep notes that the newest wish for a target, if it is pending, is replaced at an
// offset, if there is a one-shot in front of that. It returns the command whose wish
// that is, or nil.
func (d *Device) keep(t domain.Target, at int64) *Pending {
	c := d.cells[t]
	if c == nil || c.wishing == 0 || c.passed {
		return nil
	}
	between := false
	for _, p := range slices.Backward(d.pending) {
		switch {
		case p.unsentOneShot():
			between = true
		case !p.wishesFor(t):
		case between && c.owner(p):
			p.kept = append(p.kept, keptWish{t, at})
			return p
		default:
			return nil
		}
	}
	return nil
}

// keeps says whether a wish of p is to be sent although there is a newer one,
// because a one-shot between the two is still to be sent.
func (d *Device) keeps(p *Pending, t domain.Target) bool {
	for _, k := range p.kept {
		if k.target != t {
			continue
		}
		i, _ := slices.BinarySearchFunc(d.pending, p.Command.Offset, byOffset)
		for _, other := range d.pending[i:] {
			if other.Command.Offset > k.until {
				break
			}
			if other.unsentOneShot() {
				return true
			}
		}
	}
	return false
}

func (p *Pending) wishesFor(t domain.Target) bool {
	return slices.ContainsFunc(p.Wishes, func(w domain.Value) bool { return w.Target == t })
}

func (p *Pending) unsentOneShot() bool { return p.Effect == domain.OneShot && !p.Started }

// newest says whether a wish of p is still to be done.
func (d *Device) newest(p *Pending, t domain.Target) bool {
	c := d.cells[t]
	return c != nil && (c.owner(p) && !c.passed || d.keeps(p, t))
}

// awaited finds the pending command at an offset where there is one.
func (d *Device) awaited(offset int64) *Pending {
	if p := d.pending[0]; p.Command.Offset == offset { // nearly always
		return p
	}
	i, _ := slices.BinarySearchFunc(d.pending, offset, byOffset)
	return d.pending[i]
}

func byOffset(p *Pending, offset int64) int { return cmp.Compare(p.Command.Offset, offset) }

func (d *Device) drop(p *Pending) {
	if len(d.pending) > 1 && d.pending[0] == p {
		d.pending[0] = nil
		d.pending = d.pending[1:] // the others may be thousands, and stay where they are
		return
	}
	if i, ok := slices.BinarySearchFunc(d.pending, p.Command.Offset, byOffset); ok {
		d.pending = slices.Delete(d.pending, i, i+1) // the room of the last one is used again
	}
}

// Newest gives the wishes of p that are still to be done: those that no later command
// has replaced, though that one may have come to nothing, and those that one has
// replaced only behind a one-shot that is still to be done too. It is empty for a
// device that is gone.
func (s *State) Newest(device string, p *Pending) []domain.Value {
	d := s.devices[device]
	if d == nil {
		return nil
	}
	var out []domain.Value
	for _, w := range p.Wishes {
		if d.newest(p, w.Target) {
			out = append(out, w)
		}
	}
	return out
}

// Superseded is a wish that a later one has replaced.
type Superseded struct {
	Target domain.Target
	By     string          // UID of the command whose wish is the newest; empty if it is none of ours, or came to nothing
	At     domain.Position // where that one stands
}

// Superseded gives the wishes of p that Newest leaves out, unless the device it was for
// is gone.
func (s *State) Superseded(device string, p *Pending) []Superseded {
	d := s.devices[device]
	if d == nil || p.Gone {
		return nil
	}
	var out []Superseded
	for _, w := range p.Wishes {
		switch c := d.cells[w.Target]; {
		case d.newest(p, w.Target):
		case c == nil || c.owner(p):
			out = append(out, Superseded{Target: w.Target})
		default:
			out = append(out, Superseded{Target: w.Target, By: c.DesiredUID, At: c.DesiredAt})
		}
	}
	return out
}
