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

	cells       map[domain.Target]*cell
	sorted      []*cell // by target
	pending     []*Pending
	doubts      []*doubt
	crosspoints []domain.Target // names by destination, made once
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

	only   [1]domain.Value // where Wishes lies if it is one
	digest domain.Digest
	item
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

// Newest gives the wishes of p that no later command has replaced, though that one
// may have come to nothing: what of it is still to be done. It is empty for a device
// that is gone.
func (s *State) Newest(device string, p *Pending) []domain.Value {
	d := s.devices[device]
	if d == nil {
		return nil
	}
	var out []domain.Value
	for _, w := range p.Wishes {
		if c := d.cells[w.Target]; c != nil && c.owner(p) && !c.passed {
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

// Superseded gives the wishes of p that Newest leaves out.
func (s *State) Superseded(device string, p *Pending) []Superseded {
	d := s.devices[device]
	if d == nil {
		return nil
	}
	var out []Superseded
	for _, w := range p.Wishes {
		switch c := d.cells[w.Target]; {
		case c == nil || c.owner(p) && c.passed:
			out = append(out, Superseded{Target: w.Target})
		case !c.owner(p):
			out = append(out, Superseded{Target: w.Target, By: c.DesiredUID, At: c.DesiredAt})
		}
	}
	return out
}
