package partition

import (
	"slices"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// entry is what is remembered of a UID, as the fold works with it.
type entry struct {
	slot    uint32
	device  string
	uid     []byte         // lies in the index: copy it for what outlasts the record
	command int64          // offset of the command
	indexed domain.Instant // the time by which it is forgotten
	digest  domain.Digest
	ending
	// outcomeAt is the offset of the outcome's record; of a resolution, and of
	// a refusal that was not owed an outcome for lack of room, its own.
	outcomeAt int64
	extra
}

// ending is what became of a command. Few different ones are in the log.
type ending struct {
	done    bool // has its final outcome
	outcome domain.Outcome
	reason  domain.Reason
	detail  string
}

func (e ending) clone() ending {
	e.outcome = domain.Outcome(strings.Clone(string(e.outcome)))
	e.reason = domain.Reason(strings.Clone(string(e.reason)))
	e.detail = strings.Clone(e.detail)
	return e
}

// open says that the command was accepted and has no outcome yet.
func (e *ending) open() bool { return !e.done && e.outcome == "" }

// extra is what few entries have.
type extra struct {
	long      string // a UID that does not fit a slot
	conflicts uint32
	waiting   []waiting // repeats that are owed the answer when it is there
	resolved  *Resolved
}

func (x *extra) plain() bool {
	return x.long == "" && x.conflicts == 0 && len(x.waiting) == 0 && x.resolved == nil
}

// waiting is a repeat that came before the outcome.
type waiting struct {
	offset   int64
	conflict bool
}

// key is the name of a command: its device and its UID.
type key struct{ device, uid string }

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
	e, ok := s.index.find(device, uid)
	if !ok {
		return Entry{}, false
	}
	out := Entry{
		Device: e.device, UID: string(e.uid), Command: s.at(e.command), Digest: e.digest,
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

// LookupUID finds what is remembered of a UID on any device. It asks for each
// device; Lookup is the quick way where the device is known.
func (s *State) LookupUID(uid string) []Entry {
	var out []Entry
	for device := range s.index.devices.numbers {
		if e, ok := s.Lookup(device, uid); ok {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Device, b.Device) })
	return out
}
