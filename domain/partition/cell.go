package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// Cell is one target of a device: what it is wished to be, and what the device
// says that it is.
type Cell struct {
	Target     domain.Target
	HasDesired bool
	Desired    string
	DesiredUID string          // the command that wished it; empty if it was adopted from the device
	DesiredAt  domain.Position // that command's, or the report's
	Settled    bool            // the desired value was confirmed, reported or adopted

	HasReported  bool
	Reported     string
	ReportedAt   domain.Position // the last report of it, whether it changed or not
	ReportedTime domain.Instant
	Foreign      bool // the reported value came about without a command of ours
}

// cell adds what is needed to tell our changes from others', and to fall back
// when a wish comes to nothing.
type cell struct {
	Cell
	of      *Device
	kept    wish // the settled wish before those on their way
	hasKept bool
	recent  []string // what was wished since a desired value was last reported, or adopted
	wishing int      // pending commands that wish something of it
	// passed says that a newer wish than the desired one has come to nothing. It
	// may have been sent, so the desired one, which is pending, must not be.
	passed bool
	item
}

// wish is a desired value and where it comes from.
type wish struct {
	value, uid string
	at         domain.Position
}

func (c *cell) wish() wish { return wish{c.Desired, c.DesiredUID, c.DesiredAt} }

func (c *cell) desire(w wish, settled bool) {
	c.HasDesired, c.Settled, c.passed = true, settled, false
	c.Desired, c.DesiredUID, c.DesiredAt = w.value, w.uid, w.at
}

// owner says that the desired value is p's wish.
func (c *cell) owner(p *Pending) bool {
	return c.HasDesired && c.DesiredAt == p.Command && c.DesiredUID == p.UID
}

// ask makes w the newest wish.
func (c *cell) ask(w wish) {
	if c.HasDesired && c.Settled {
		c.kept, c.hasKept = c.wish(), true
	}
	c.remember(w.value)
	c.desire(w, false)
	c.Foreign = false
}

// remember keeps a value that the device may report although a newer wish, or
// none, is there by then: such a report is not a foreign change.
func (c *cell) remember(v string) {
	if slices.Contains(c.recent, v) {
		return
	}
	if len(c.recent) == maxRecent {
		c.recent = slices.Delete(c.recent, 0, 1)
	}
	c.recent = append(c.recent, v)
}

// settle ends the way of the desired value.
func (c *cell) settle() {
	c.Settled, c.recent, c.kept, c.hasKept = true, c.recent[:0], wish{}, false
}

// adopt takes over what the device says.
func (c *cell) adopt() {
	c.desire(wish{value: c.Reported, at: c.ReportedAt}, true)
	c.settle()
}

// giveUp is called when the newest wish came to nothing. It falls back to the
// latest one that is still pending, which may come true if it was sent before, or
// to what held before, so that a wish that failed or expired is not sent after all
// when the device comes back.
func (c *cell) giveUp(d *Device) {
	p, v, ok := d.latestWish(c)
	if ok && (!c.hasKept || p.Command.Offset > c.kept.at.Offset) {
		c.desire(wish{v, p.UID, p.Command}, false)
		c.passed = true
		return
	}
	c.HasDesired, c.Settled = c.hasKept, c.hasKept
	c.passed = c.hasKept && ok && p.Command == c.kept.at
	c.Desired, c.DesiredUID, c.DesiredAt = c.kept.value, c.kept.uid, c.kept.at
	c.kept, c.hasKept = wish{}, false
	if d.adopts() && c.HasReported && !c.takenLock() && (!c.HasDesired || c.Desired != c.Reported) {
		c.desire(wish{value: c.Reported, at: c.ReportedAt}, true)
	}
}

// takenLock is a lock of ours that the device shows as another client's. A
// device knows its clients by address, so that is also how the lock of the
// server that was primary before looks to the next one: it stays wished.
func (c *cell) takenLock() bool {
	return c.HasDesired && c.Desired == domain.LockOwned && c.Reported == domain.LockForeign &&
		strings.HasPrefix(string(c.Target), "lock/")
}

func (d *Device) adopts() bool { return d.Definition.OnReconnect != domain.Restore }

// latestWish finds the newest pending wish for a cell.
func (d *Device) latestWish(c *cell) (*Pending, string, bool) {
	if c.wishing == 0 {
		return nil, "", false
	}
	for _, p := range slices.Backward(d.pending) {
		if p.Gone {
			break // so are all before it
		}
		for _, w := range p.Wishes {
			if w.Target == c.Target {
				return p, w.Value, true
			}
		}
	}
	return nil, "", false
}

// wishes says that a pending command wishes this value of the cell.
func (d *Device) wishes(c *cell, value string) bool {
	if c.wishing == 0 {
		return false
	}
	for _, p := range slices.Backward(d.pending) {
		for _, w := range p.Wishes {
			if w.Target == c.Target && w.Value == value {
				return true
			}
		}
	}
	return false
}

// cell finds or makes the cell of a target.
func (d *Device) cell(t domain.Target) *cell {
	c := d.cells[t]
	if c == nil {
		c = &cell{of: d, Cell: Cell{Target: domain.Target(strings.Clone(string(t)))}}
		d.addCell(c)
	}
	return c
}

func (d *Device) addCell(c *cell) {
	d.cells[c.Target] = c
	i, _ := slices.BinarySearchFunc(d.sorted, c.Target, byTarget)
	d.sorted = slices.Insert(d.sorted, i, c)
}

func byTarget(c *cell, t domain.Target) int { return strings.Compare(string(c.Target), string(t)) }
