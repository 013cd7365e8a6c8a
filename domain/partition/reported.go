package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// reported takes over what the device says of itself.
func (s *State) reported(r *domain.Record, ch *Change, v domain.Reported) {
	d := s.devices[r.Subject]
	if d == nil || d.Removed {
		s.impossible(r, ch)
		return
	}
	for _, x := range v.Values {
		c := d.cells[x.Target]
		if len(x.Value) > domain.MaxText || len(x.Target) > maxTarget || c == nil && len(d.cells) >= maxCells {
			s.counters.Unkept++
			continue
		}
		if c == nil {
			c = d.cell(x.Target)
		}
		changed, foreign := s.report(d, c, x.Value, r.Position, v.Full)
		if foreign {
			s.counters.Foreign++
			ch.Foreign = append(ch.Foreign, x)
		}
		ch.ValuesChanged = ch.ValuesChanged || changed
		s.recount(c)
	}
	if v.Full && s.silent(d, r.Position) {
		ch.ValuesChanged = true
	}
	ch.Verdict = Applied
}

// report takes over one value. It is foreign if it changed and nobody wished it
// through the log: at a front panel, or by another controller.
func (s *State) report(d *Device, c *cell, value string, at domain.Position, full bool) (changed, foreign bool) {
	before := c.HasReported
	changed = !before || c.Reported != value
	c.HasReported, c.ReportedAt, c.ReportedTime = true, at, s.logTime
	if c.HasDesired && c.Desired == value {
		c.Reported = c.Desired // the same text once
		if changed {
			c.Foreign = false
		}
		c.settle()
		return changed, false
	}
	if changed {
		c.Reported = strings.Clone(value)
	}
	lost := c.takenLock()
	foreign = before && changed && !slices.Contains(c.recent, value) && !d.wishes(c, value)
	if full && lost {
		foreign = false
	}
	if changed {
		c.Foreign = foreign
	}
	if d.adopts() && c.wishing == 0 && (full || changed) && !lost {
		c.adopt()
		changed = true
	}
	return changed, foreign
}

// silent clears the values that a full report did not mention.
func (s *State) silent(d *Device, at domain.Position) (changed bool) {
	for _, c := range slices.Clone(d.sorted) {
		if !c.HasReported || c.ReportedAt == at {
			continue
		}
		c.HasReported, c.Reported, c.ReportedAt, c.ReportedTime, c.Foreign = false, "", domain.Position{}, 0, false
		s.keep(d, c)
		changed = true
	}
	return changed
}
