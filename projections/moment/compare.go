package moment

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// Change is one difference between two moments, with its cause.
type Change struct {
	Device string        `json:"device"`
	Target domain.Target `json:"target,omitempty"` // a value of the device; empty for the device itself
	What   string        `json:"what"`             // desired, reported, connection, definition, pending or in_doubt
	From   *string       `json:"from,omitempty"`
	To     *string       `json:"to,omitempty"`
	Cause  *Cause        `json:"cause,omitempty"` // nil: no record between the moments tells
}

// Compare lists what is different, by device and target.
func Compare(from, to State, causes *Causes) []Change {
	var out []Change
	for _, id := range ids(from, to) {
		a, _ := from.Device(id)
		b, _ := to.Device(id)
		c := comparing{device: id, causes: causes}
		c.devices(a, b)
		out = append(out, c.out...)
	}
	return out
}

func ids(from, to State) []string {
	var out []string
	for _, s := range []State{from, to} {
		for i := range s.Devices {
			out = append(out, s.Devices[i].ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type comparing struct {
	device string
	causes *Causes
	out    []Change
}

func (c *comparing) devices(a, b *Device) {
	c.add("", "definition", definition(a), definition(b), c.causes.defined(c.device))
	if a == nil {
		a = &Device{}
	}
	if b == nil {
		b = &Device{}
	}
	c.add("", "connection", connection(a), connection(b), c.causes.connected(c.device))
	c.cells(a, b)
	c.commands(a, b)
}

func (c *comparing) add(t domain.Target, what string, from, to *string, cause *Cause) {
	if from == nil && to == nil || from != nil && to != nil && *from == *to {
		return
	}
	c.out = append(c.out, Change{Device: c.device, Target: t, What: what, From: from, To: to, Cause: cause})
}

func definition(d *Device) *string {
	if d == nil || d.Removed {
		return nil
	}
	text := fmt.Sprintf("%s at %s, revision %d", d.Driver, d.Address, d.Revision)
	return &text
}

func connection(d *Device) *string {
	if d.ID == "" {
		return nil
	}
	text := "not connected"
	if d.Connected {
		text = "connected"
	}
	return &text
}

func (c *comparing) cells(a, b *Device) {
	before := make(map[domain.Target]Cell)
	for _, cell := range a.Cells {
		before[cell.Target] = cell
	}
	both := slices.Clone(b.Cells)
	for _, cell := range a.Cells {
		if !slices.ContainsFunc(b.Cells, func(o Cell) bool { return o.Target == cell.Target }) {
			both = append(both, Cell{Target: cell.Target})
		}
	}
	slices.SortStableFunc(both, func(x, y Cell) int { return cmp.Compare(x.Target, y.Target) })
	for _, now := range both {
		was := before[now.Target]
		c.add(now.Target, "desired", was.Desired, now.Desired, c.causes.desired(c.device, &now))
		c.add(now.Target, "reported", was.Reported, now.Reported, c.causes.reported(c.device, &now))
	}
}

// commands tells of what began or ended to wait, or to be in doubt.
func (c *comparing) commands(a, b *Device) {
	count := func(d *Device) (pending, doubts map[string]string) {
		pending, doubts = make(map[string]string), make(map[string]string)
		for _, p := range d.Pending {
			pending[p.UID] = p.UID
		}
		for _, q := range d.Doubts {
			doubts[q.UID] = q.UID
		}
		return pending, doubts
	}
	wereP, wereD := count(a)
	areP, areD := count(b)
	for _, of := range []struct {
		what      string
		were, are map[string]string
	}{{"pending", wereP, areP}, {"in_doubt", wereD, areD}} {
		var all []string
		for uid := range of.were {
			all = append(all, uid)
		}
		for uid := range of.are {
			all = append(all, uid)
		}
		slices.Sort(all)
		for _, uid := range slices.Compact(all) {
			c.add("", of.what, at(of.were, uid), at(of.are, uid), c.causes.command(c.device, uid))
		}
	}
}

func at(m map[string]string, uid string) *string {
	if v, ok := m[uid]; ok {
		return &v
	}
	return nil
}
