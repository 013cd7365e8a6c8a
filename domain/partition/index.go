package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// index remembers the UIDs of the window: what each asked for, and what became
// of it. It forgets in the order of time, so that whatever is not newer than
// the newest forgotten one can be refused: it may have been here before.
type index struct {
	entries   map[key]*entry
	queue     queue
	forgotten domain.Instant // highest time of a forgotten entry
	forgot    bool           // forgotten is set
}

type key struct{ device, uid string }

type entry struct {
	key
	command int64          // offset of the command
	indexed domain.Instant // the time by which it is forgotten
	digest  domain.Digest
	done    bool // has its final outcome
	outcome domain.Outcome
	reason  domain.Reason
	detail  string
	// outcomeAt is the offset of the outcome's record; of a resolution, and of
	// a refusal that was not owed an outcome for lack of room, its own.
	outcomeAt int64
	conflicts uint32
	pending   *Pending  // while it waits for its outcome
	waiting   []waiting // repeats that are owed the answer then
	resolved  *Resolved
	item
}

// waiting is a repeat that came before the outcome.
type waiting struct {
	offset   int64
	conflict bool
}

// Resolved is what an operator decided about an action in doubt.
type Resolved struct {
	As     domain.Resolution `msgpack:"as" json:"as"`
	By     string            `msgpack:"by" json:"by"`
	Reason string            `msgpack:"reason" json:"reason"`
	At     domain.Position   `msgpack:"at" json:"at"`
}

// Entry is what is remembered of a UID.
type Entry struct {
	Device, UID string
	Command     domain.Position // of the first record with the UID: the one that counts
	Digest      domain.Digest
	Done        bool // the final outcome is in the log
	Outcome     domain.Outcome
	Reason      domain.Reason
	Detail      string
	OutcomeAt   domain.Position // where the outcome stands
	Conflicts   int             // repeats that asked for something else
	Waiting     int             // repeats that wait for the outcome
	Resolved    *Resolved       // how a doubt ended; nil if it was none or is still one
}

// Lookup finds what is remembered of a UID. An accepted command that has no
// outcome yet has an entry with an empty Outcome; a refused one is Done when
// its outcome record has been read.
func (s *State) Lookup(device, uid string) (Entry, bool) {
	e := s.index.entries[key{device, uid}]
	if e == nil {
		return Entry{}, false
	}
	out := Entry{
		Device: e.device, UID: e.uid, Command: s.at(e.command), Digest: e.digest,
		Done: e.done, Outcome: e.outcome, Reason: e.reason, Detail: e.detail,
		Conflicts: int(e.conflicts), Waiting: len(e.waiting),
	}
	if e.done {
		out.OutcomeAt = s.at(e.outcomeAt)
	}
	if e.resolved != nil {
		r := *e.resolved
		out.Resolved = &r
	}
	return out, true
}

func (x *index) add(e *entry) {
	x.entries[e.key] = e
	x.queue.push(e)
}

// LookupUID finds what is remembered of a UID on any device. It looks at every
// UID; Lookup is the quick way where the device is known.
func (s *State) LookupUID(uid string) []Entry {
	var out []Entry
	for k := range s.index.entries {
		if k.uid != uid {
			continue
		}
		if e, ok := s.Lookup(k.device, uid); ok {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Device, b.Device) })
	return out
}

// forget drops what is older than the window, or more than the limit. It stops
// at a command that has no outcome yet: that one must not be run again.
func (s *State) forget() {
	x := &s.index
	for len(x.queue) > 0 {
		first := x.queue[0]
		old := after(s.logTime, first.indexed, s.limits.Window)
		if !first.entry.done || !old && len(x.entries) <= s.limits.UIDs {
			return
		}
		x.queue.pop()
		delete(x.entries, first.entry.key)
		s.uncount(&first.entry.item)
		s.counters.Evicted++
		if !x.forgot || first.indexed > x.forgotten {
			x.forgot, x.forgotten = true, first.indexed
		}
	}
}
