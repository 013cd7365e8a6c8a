package server

import (
	"strconv"
	"strings"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// restore sends the last wish of each target again, as a new command, when a
// device that is configured so comes back with other values. The UID is derived
// from the wish and the reconnection, so it is done once.
func (r *reign) restore(c *core, s *partition.State, rec *domain.Record) {
	up, ok := rec.Payload.(domain.Connection)
	if !ok || !up.Up {
		return
	}
	dev, ok := s.Device(rec.Subject)
	if !ok || dev.Definition.OnReconnect != domain.Restore {
		return
	}
	for _, cell := range dev.Cells() {
		if !cell.HasDesired || cell.Desired == cell.Reported || cell.DesiredUID == "" {
			continue
		}
		wish, ok := wishFor(cell.Target, cell.Desired)
		if !ok {
			continue
		}
		r.clerk.inbox.put(partition.Chore{
			Kind: partition.Again, Position: rec.Position, Device: rec.Subject, Payload: wish,
			UID: domain.DerivedUID(cell.DesiredUID+"@"+rec.Position.String(), "restore"),
		})
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
