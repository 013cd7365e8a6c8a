package core

import (
	"strconv"
	"strings"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/clerk"
)

// restore sends the last wish of each target again, as a new command, when a
// device that is configured so comes back with other values. The UID is derived
// from the wish and the reconnection, so it is done once.
func (m *Machine) restore(s *partition.State, r *domain.Record) {
	up, ok := r.Payload.(domain.Connection)
	if !ok || !up.Up {
		return
	}
	dev, ok := s.Device(r.Subject)
	if !ok || dev.Definition.OnReconnect != domain.Restore {
		return
	}
	for _, cell := range dev.Cells() {
		if !cell.HasDesired || cell.Desired == cell.Reported || cell.DesiredUID == "" {
			continue
		}
		uid := domain.DerivedUID(cell.DesiredUID+"@"+r.Position.String(), "restore")
		if isParameter(cell.Target) {
			// Its value alone does not say which verb set it, and with what else.
			m.do(Clerk{clerk.Repeat{Because: r.Position, Asked: cell.DesiredAt, Device: r.Subject, UID: uid}})
			continue
		}
		wish, ok := wishFor(cell.Target, cell.Desired)
		if !ok {
			continue
		}
		m.do(Clerk{clerk.Chore{Chore: partition.Chore{
			Kind: partition.Again, Position: r.Position, Device: r.Subject, Payload: wish,
			UID: uid,
		}}})
	}
}

func isParameter(t domain.Target) bool { return strings.HasPrefix(string(t), "parameter/") }

// relock takes the locks again that the log says are ours and the device shows
// as another client's. A device knows its clients by address, so that is how the
// locks of the primary before look to the next one.
func (m *Machine) relock(s *partition.State, r *domain.Record) {
	reported, ok := r.Payload.(domain.Reported)
	if !ok {
		return
	}
	dev, ok := s.Device(r.Subject)
	if !ok {
		return
	}
	for _, v := range reported.Values {
		level, dest, isLock := domain.LockOf(v.Target)
		if !isLock || v.Value != domain.LockForeign {
			continue
		}
		cell, ok := dev.Cell(v.Target)
		if !ok || !cell.HasDesired || !cell.Settled || cell.Desired != domain.LockOwned || cell.DesiredUID == "" {
			continue
		}
		m.do(Clerk{clerk.Relock{
			Because: r.Position, Asked: cell.DesiredAt, Device: r.Subject,
			UID:  domain.DerivedUID(cell.DesiredUID+"@"+strconv.FormatUint(m.term.epoch, 10), "relock"),
			Take: domain.SetLock{Level: level, Destination: dest, State: domain.LockTake},
		}})
	}
}

// wishFor is the command that sets a target to a value, if there is one.
func wishFor(t domain.Target, value string) (domain.Payload, bool) {
	kind, rest, _ := strings.Cut(string(t), "/")
	level, port, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, false
	}
	switch kind {
	case "crosspoint":
		src, err := strconv.Atoi(value)
		return domain.Take{Level: level, Destination: n, Source: src}, err == nil
	case "label":
		return domain.SetLabel{Port: domain.PortKind(level), Number: n, Text: value}, true
	}
	return nil, false
}
