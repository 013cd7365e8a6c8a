package timeline

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// MaxCommands are the commands that are remembered for their outcomes.
const MaxCommands = 8192

// Timeline is the projection. Use New.
type Timeline struct {
	zone *time.Location

	epoch   uint64            // the highest that was opened
	primary string            // who opened it
	opened  map[int32]uint64  // the highest of each partition of the log
	causes  map[uint64]string // of the claims for the next epoch, by epoch
	lost    loss

	commands map[command]*asked
	order    []command // a ring of MaxCommands, oldest at next
	next     int
}

// loss is why the last primary stopped, and when that was written.
type loss struct {
	text string
	at   domain.Instant
}

type command struct{ device, uid string }

type asked struct {
	text string
	done bool
}

// New begins a timeline whose times are shown in a zone.
func New(zone *time.Location) *Timeline {
	return &Timeline{
		zone:     zone,
		opened:   make(map[int32]uint64),
		causes:   make(map[uint64]string),
		commands: make(map[command]*asked),
		order:    make([]command, 0, MaxCommands),
	}
}

// Line folds a record, and returns the line that it is worth, if any.
func (t *Timeline) Line(rec domain.Record) (string, bool) {
	if rec.Defect != domain.DefectNone {
		return t.at(rec, "not understood: a record %s of %q (%s)", rec.Type, rec.Source, rec.Defect)
	}
	switch domain.ClassOf(rec.Type) {
	case domain.ClassControl:
		return t.control(rec)
	case domain.ClassPrimary:
		return t.primaryRecord(rec)
	case domain.ClassCommand:
		t.remember(rec)
	case domain.ClassOperator:
		if r, ok := rec.Payload.(domain.Resolve); ok {
			return t.at(rec, "%s: %s resolves %s as %s: %s", rec.Subject, rec.User, r.UID, r.As, r.Reason)
		}
	}
	return "", false
}

// at makes a line of a record's time and a text.
func (t *Timeline) at(rec domain.Record, format string, args ...any) (string, bool) {
	return rec.Appended.Time().In(t.zone).Format("15:04:05.000") + "  " + fmt.Sprintf(format, args...), true
}

// remember keeps what was asked, in the place of the oldest.
func (t *Timeline) remember(rec domain.Record) {
	key := command{rec.Subject, rec.UID}
	if _, known := t.commands[key]; known {
		return // a repeat: what counts is the first
	}
	if len(t.order) < MaxCommands {
		t.order = append(t.order, key)
	} else {
		delete(t.commands, t.order[t.next])
		t.order[t.next] = key
		t.next = (t.next + 1) % MaxCommands
	}
	t.commands[key] = &asked{text: wish(rec.Payload)}
}
