package codec

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Servers' records carry a MAC and are read tolerantly: a field of a later
// build is passed over, one that is left out is zero.

func (r *reader) duration() time.Duration { return time.Duration(r.int()) }

func (r *reader) instant() domain.Instant { return domain.Instant(r.int()) }

func readPosition(r *reader) (p domain.Position) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "p":
			p.Partition = r.int32()
		case "o":
			p.Offset = r.int()
		default:
			r.skip()
		}
	}
	return p
}

func readEpochOpened(r *reader) (e domain.EpochOpened) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "server":
			e.Server = r.text()
		case "incarnation":
			e.Incarnation = r.text()
		case "time":
			e.Time = r.instant()
		default:
			r.skip()
		}
	}
	return e
}

func readTick(r *reader) (t domain.Tick) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "time":
			t.Time = r.instant()
		default:
			r.skip()
		}
	}
	return t
}

func readConnection(r *reader) (c domain.Connection) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "up":
			c.Up = r.bool()
		case "detail":
			c.Detail = r.text()
		default:
			r.skip()
		}
	}
	return c
}

func readReported(r *reader) (v domain.Reported) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "values":
			v.Values = listIn(r, r.arena.list, readValue)
		case "full":
			v.Full = r.bool()
		default:
			r.skip()
		}
	}
	return v
}

func readValue(r *reader) (v domain.Value) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "t":
			v.Target = domain.Target(r.name())
		case "v":
			v.Value = r.text()
		default:
			r.skip()
		}
	}
	return v
}

func readStarted(r *reader) (s domain.Started) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "uid":
			s.UID = r.text()
		case "command":
			s.Command = readPosition(r)
		default:
			r.skip()
		}
	}
	return s
}

func readAnswer(r *reader) (a domain.Answer) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "uid":
			a.UID = r.text()
		case "repeat":
			a.Repeat = readPosition(r)
		case "original":
			a.Original = readPosition(r)
		case "outcome":
			a.Outcome = readOutcome(r)
		case "reason":
			a.Reason = domain.Reason(r.name())
		case "detail":
			a.Detail = r.text()
		case "conflict":
			a.Conflict = r.bool()
		default:
			r.skip()
		}
	}
	return a
}

func readHandled(r *reader) (h domain.Handled) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "record":
			h.Record = readPosition(r)
		default:
			r.skip()
		}
	}
	return h
}
