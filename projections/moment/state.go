package moment

import (
	"cmp"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// State is what the devices were.
type State struct {
	Partitions []Partition `json:"partitions"`
	Devices    []Device    `json:"devices"` // by id
}

// Partition is how far a partition was folded.
type Partition struct {
	Next    domain.Position `json:"next"` // the next record
	Epoch   uint64          `json:"epoch"`
	LogTime time.Time       `json:"log_time"`
	Hash    domain.Hash     `json:"hash"` // of the state, as checkpoints name it
}

// Device is one device.
type Device struct {
	ID               string    `json:"id"`
	Driver           string    `json:"driver"`
	Address          string    `json:"address"`
	Revision         uint64    `json:"revision"`
	Removed          bool      `json:"removed"`
	Connected        bool      `json:"connected"` // to the primary of then
	ConnectionDetail string    `json:"connection_detail,omitempty"`
	ConnectionSince  time.Time `json:"connection_since,omitzero"`
	Cells            []Cell    `json:"cells"`
	Pending          []Pending `json:"pending"`
	Doubts           []Doubt   `json:"in_doubt"`
}

// Cell is one target of a device.
type Cell struct {
	Target     domain.Target    `json:"target"`
	Desired    *string          `json:"desired,omitempty"`
	DesiredUID string           `json:"desired_uid,omitempty"` // the command that wished it
	DesiredAt  *domain.Position `json:"desired_at,omitempty"`
	Reported   *string          `json:"reported,omitempty"`
	ReportedAt *domain.Position `json:"reported_at,omitempty"`
	Foreign    bool             `json:"foreign"` // reported, and nobody asked for it through the log
}

// Pending is a command that had no outcome yet.
type Pending struct {
	UID     string          `json:"uid"`
	Command domain.Position `json:"command"`
	Type    domain.Type     `json:"type"`
	Wish    domain.Payload  `json:"wish"`
	By      string          `json:"by"`      // the user, or the source
	Started bool            `json:"started"` // a one-shot that may have been sent
}

// Doubt is an action whose fate nobody knew.
type Doubt struct {
	UID     string          `json:"uid"`
	Command domain.Position `json:"command"`
	Type    domain.Type     `json:"type"`
	Wish    domain.Payload  `json:"wish"`
	Since   time.Time       `json:"since"`
	Detail  string          `json:"detail,omitempty"`
}

// Of reads folded states; nil ones are left out. With a device named only that
// one is read.
func Of(states []*partition.State, device string) State {
	var out State
	for _, s := range states {
		if s == nil {
			continue
		}
		out.Partitions = append(out.Partitions, Partition{
			Next: domain.Position{Partition: s.Partition(), Offset: s.Next()}, Epoch: s.Epoch(), LogTime: s.LogTime().Time(), Hash: s.Hash(),
		})
		for _, d := range s.Devices() {
			if device == "" || d.ID() == device {
				out.Devices = append(out.Devices, deviceOf(d))
			}
		}
	}
	slices.SortFunc(out.Devices, func(a, b Device) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func deviceOf(d *partition.Device) Device {
	out := Device{
		ID: d.ID(), Driver: string(d.Definition.Driver), Address: d.Definition.Address, Revision: d.Definition.Revision,
		Removed: d.Removed, Connected: d.Connected, ConnectionDetail: d.ConnectionDetail, ConnectionSince: d.ConnectionSince.Time(),
	}
	for _, c := range d.Cells() {
		out.Cells = append(out.Cells, cellOf(c))
	}
	for _, p := range d.Pending() {
		out.Pending = append(out.Pending, Pending{p.UID, p.Command, p.Payload.Type(), p.Payload, cmp.Or(p.User, p.Source), p.Started})
	}
	for _, q := range d.Doubts() {
		out.Doubts = append(out.Doubts, Doubt{q.UID, q.Command, q.Payload.Type(), q.Payload, q.Since.Time(), q.Detail})
	}
	return out
}

func cellOf(c partition.Cell) Cell {
	out := Cell{Target: c.Target, DesiredUID: c.DesiredUID, Foreign: c.Foreign}
	if c.HasDesired {
		out.Desired, out.DesiredAt = &c.Desired, &c.DesiredAt
	}
	if c.HasReported {
		out.Reported, out.ReportedAt = &c.Reported, &c.ReportedAt
	}
	return out
}

// Device finds a device by its id.
func (s *State) Device(id string) (*Device, bool) {
	i, ok := slices.BinarySearchFunc(s.Devices, id, func(d Device, id string) int { return cmp.Compare(d.ID, id) })
	if !ok {
		return nil, false
	}
	return &s.Devices[i], true
}
