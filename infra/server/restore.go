package server

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// restore sends the last wish of each target again, as a new command, when a
// device that is configured so comes back with other values. The UID is derived
// from the wish and the reconnection, so it is done once.
func (r *reign) restore(s *partition.State, rec *domain.Record) {
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
		r.clerk.inbox.put(r.clerk.errand(partition.Chore{
			Kind: partition.Again, Position: rec.Position, Device: rec.Subject, Payload: wish,
			UID: domain.DerivedUID(cell.DesiredUID+"@"+rec.Position.String(), "restore"),
		}))
	}
}

// relock takes the locks again that the log says are ours and the device shows
// as another client's. A device knows its clients by address, so that is how the
// locks of the primary before look to the next one.
func (r *reign) relock(s *partition.State, rec *domain.Record) {
	reported, ok := rec.Payload.(domain.Reported)
	if !ok {
		return
	}
	dev, ok := s.Device(rec.Subject)
	if !ok {
		return
	}
	for _, v := range reported.Values {
		level, dest, isLock := lockOf(v.Target)
		if !isLock || v.Value != domain.LockForeign {
			continue
		}
		cell, ok := dev.Cell(v.Target)
		if !ok || !cell.HasDesired || !cell.Settled || cell.Desired != domain.LockOwned || cell.DesiredUID == "" {
			continue
		}
		uid := domain.DerivedUID(cell.DesiredUID+"@"+strconv.FormatUint(r.epoch, 10), "relock")
		take := domain.SetLock{Level: level, Destination: dest, State: domain.LockTake}
		r.clerk.inbox.put(errand{what: "relock", at: rec.Position, do: func(ctx context.Context) error {
			return r.clerk.relock(ctx, rec.Position.Partition, rec.Subject, cell.DesiredAt, uid, take)
		}})
	}
}

// relock appends the command for whoever has asked for the lock.
func (k *clerk) relock(ctx context.Context, p int32, device string, asked domain.Position, uid string, take domain.SetLock) error {
	stored, err := k.read(ctx, asked)
	if err != nil {
		return err
	}
	r := domain.Record{
		Type: take.Type(), UID: uid, Source: source(k.term.server), Subject: device,
		Created: domain.InstantOf(time.Now()), Payload: take,
	}
	if before := k.codec.Decode(domain.TopicLog, p, stored); before.Signed {
		r.User = before.User
	}
	return k.append(ctx, domain.TopicLog, p, r)
}

// lockOf reads the target of a lock.
func lockOf(t domain.Target) (level string, destination int, ok bool) {
	rest, isLock := strings.CutPrefix(string(t), "lock/")
	level, port, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(port)
	return level, n, isLock && err == nil
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
