package moment

import (
	"cmp"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Cause is the record that something came about by.
type Cause struct {
	Position domain.Position `json:"position"`
	Time     time.Time       `json:"time"` // its append time
	Type     domain.Type     `json:"type"`
	UID      string          `json:"uid,omitempty"`    // of the command
	By       string          `json:"by,omitempty"`     // the user, or the source
	Signed   bool            `json:"signed,omitempty"` // By is vouched for by a server
	Epoch    uint64          `json:"epoch,omitempty"`  // of a record of the primary
	Outcome  domain.Outcome  `json:"outcome,omitempty"`
	Foreign  bool            `json:"foreign,omitempty"` // reported by the device, and nobody asked for it through the log

	value string // of a report
}

// maxCauses bounds what is remembered of one partition.
const maxCauses = 200_000

// Causes watches one stretch of the log. Each partition has a watcher of its own.
type Causes struct {
	partitions []*causes
}

// NewCauses is for so many partitions.
func NewCauses(partitions int) *Causes {
	c := &Causes{partitions: make([]*causes, partitions)}
	for p := range c.partitions {
		c.partitions[p] = &causes{commands: make(map[place]*Cause), reports: make(map[place]*Cause), devices: make(map[place]*Cause)}
	}
	return c
}

type causes struct {
	commands map[place]*Cause // by device and UID
	reports  map[place]*Cause // by device and target: the last change
	devices  map[place]*Cause // by device, and what of it
}

type place struct{ device, what string }

// Watch sees a record of a partition, and what the fold made of it.
func (c *Causes) Watch(s *partition.State, r *domain.Record, ch *partition.Change) {
	of := c.partitions[s.Partition()]
	if len(of.commands)+len(of.reports) >= maxCauses {
		return
	}
	switch {
	case ch.Verdict == partition.Accepted:
		cause := causeOf(r)
		of.commands[place{strings.Clone(r.Subject), cause.UID}] = cause
	case ch.Verdict != partition.Applied:
	case ch.DefinitionChanged:
		of.devices[place{strings.Clone(r.Subject), "definition"}] = causeOf(r)
	case ch.ConnectionChanged:
		of.devices[place{strings.Clone(r.Subject), "connection"}] = causeOf(r)
	}
	switch p := r.Payload.(type) {
	case domain.Ended:
		if known := of.commands[place{r.Subject, p.UID}]; known != nil && ch.Verdict == partition.Applied {
			known.Outcome = p.Outcome
		}
	case domain.Reported:
		if ch.Verdict == partition.Applied && ch.ValuesChanged {
			of.reported(s, r, p)
		}
	}
}

// reported notes the report of values that a device has at present since this
// very record.
func (c *causes) reported(s *partition.State, r *domain.Record, p domain.Reported) {
	d, ok := s.Device(r.Subject)
	if !ok {
		return
	}
	for _, v := range p.Values {
		cell, ok := d.Cell(v.Target)
		if !ok {
			continue
		}
		cause := causeOf(r)
		cause.UID, cause.By, cause.Foreign, cause.value = cell.DesiredUID, "", cell.Foreign, cell.Reported
		if asked := c.commands[place{r.Subject, cell.DesiredUID}]; asked != nil && !cell.Foreign {
			cause.By, cause.Signed = asked.By, asked.Signed
		}
		at := place{strings.Clone(r.Subject), string(cell.Target)}
		if was := c.reports[at]; was == nil || was.value != cause.value {
			c.reports[at] = cause
		}
	}
}

func causeOf(r *domain.Record) *Cause {
	c := &Cause{
		Position: r.Position, Time: r.Appended.Time(), Type: r.Type, Signed: r.Signed && r.User != "", Epoch: r.Epoch,
		UID: strings.Clone(r.UID), By: strings.Clone(r.Source),
	}
	if c.Signed {
		c.By = strings.Clone(cmp.Or(r.User, r.Source))
	}
	if domain.ClassOf(r.Type) == domain.ClassPrimary {
		c.UID = "" // its own, which nobody looks for
	}
	return c
}

func (c *Causes) find(in func(*causes) map[place]*Cause, device, what string) *Cause {
	if c == nil {
		return nil
	}
	for _, of := range c.partitions {
		if found := in(of)[place{device, what}]; found != nil {
			return found
		}
	}
	return nil
}

func (c *Causes) command(device, uid string) *Cause {
	return c.find(func(of *causes) map[place]*Cause { return of.commands }, device, uid)
}

func (c *Causes) defined(device string) *Cause {
	return c.find(func(of *causes) map[place]*Cause { return of.devices }, device, "definition")
}

func (c *Causes) connected(device string) *Cause {
	return c.find(func(of *causes) map[place]*Cause { return of.devices }, device, "connection")
}

// desired is the command of a wish, or the report that it was adopted from.
func (c *Causes) desired(device string, cell *Cell) *Cause {
	if cell.DesiredUID != "" {
		return c.command(device, cell.DesiredUID)
	}
	return c.reported(device, cell)
}

func (c *Causes) reported(device string, cell *Cell) *Cause {
	return c.find(func(of *causes) map[place]*Cause { return of.reports }, device, string(cell.Target))
}
