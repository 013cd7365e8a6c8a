package partition

import (
	"slices"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// configured sets the definition of a device, or removes it.
func (s *State) configured(r *domain.Record, ch *Change, v domain.Configured) {
	d := s.devices[r.Subject]
	if v.Removed {
		if d == nil || d.Removed {
			s.impossible(r, ch)
			return
		}
		s.remove(d)
		ch.Verdict, ch.DefinitionChanged = Applied, true
		return
	}
	if !s.possible(r.Subject, &v.Definition) {
		s.drop(r, ch, Dead, domain.DefectPayload)
		return
	}
	if d == nil {
		if len(s.devices) >= maxDevices {
			s.impossible(r, ch)
			return
		}
		d = &Device{cells: make(map[domain.Target]*cell)}
		s.define(d, v.Definition)
		s.addDevice(d)
	}
	if d.Definition.Driver != v.Definition.Driver {
		s.clearCells(d) // another kind of device has none of them
		s.leaveBehind(d)
	}
	if d.Removed {
		s.leaveBehind(d)
	}
	s.define(d, v.Definition)
	d.Removed = false
	d.nameTargets()
	s.recount(d)
	ch.Verdict, ch.DefinitionChanged = Applied, true
}

// possible says that a definition can be that of a device of this partition.
func (s *State) possible(device string, def *domain.Definition) bool {
	if def.Device != device || len(device) == 0 || len(device) > domain.MaxSubject || !utf8.ValidString(device) {
		return false
	}
	if domain.Partition(device, s.partitions) != s.partition || len(def.Verbs) > maxVerbs {
		return false
	}
	inRange := func(n, least int) bool { return n >= least && n <= maxPorts }
	if def.Driver == domain.DriverVideohub {
		return inRange(def.Inputs, 1) && inRange(def.Outputs, 1)
	}
	return inRange(def.Inputs, 0) && inRange(def.Outputs, 0)
}

// remove takes a device away. While commands of it have no outcome, or doubts
// are not resolved, it stays as removed.
func (s *State) remove(d *Device) {
	s.clearCells(d)
	d.Removed, d.Connected, d.ConnectionDetail = true, false, ""
	s.recount(d)
	s.dropIfEmpty(d)
}

// leaveBehind marks what was asked of the device that was there before.
func (s *State) leaveBehind(d *Device) {
	for _, p := range d.pending {
		if !p.Gone {
			p.Gone = true
			s.recount(p)
		}
	}
}

func (s *State) dropIfEmpty(d *Device) {
	if d.Removed && len(d.pending) == 0 && len(d.doubts) == 0 {
		s.uncount(&d.item)
		s.dropDevice(d)
	}
}

// clearCells forgets all values. What pending commands wish no longer counts as
// the newest wish, nor is it to be sent before a one-shot, but the cells go on counting
// those commands.
func (s *State) clearCells(d *Device) {
	for _, c := range slices.Clone(d.sorted) {
		c.Cell, c.kept, c.hasKept, c.recent = Cell{Target: c.Target}, wish{}, false, nil
		s.keep(d, c)
	}
	for _, p := range d.pending {
		if len(p.kept) > 0 {
			p.kept = nil
			s.recount(p)
		}
	}
}

// keep counts a cell as it is now, or drops it if there is nothing in it.
func (s *State) keep(d *Device, c *cell) {
	if c.HasDesired || c.HasReported || c.wishing > 0 {
		s.recount(c)
		return
	}
	s.uncount(&c.item)
	delete(d.cells, c.Target)
	if i, ok := slices.BinarySearchFunc(d.sorted, c.Target, byTarget); ok {
		d.sorted = slices.Delete(d.sorted, i, i+1)
	}
}
