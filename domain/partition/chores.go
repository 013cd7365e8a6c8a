package partition

import (
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// ChoreKind is what the primary owes to the log.
type ChoreKind uint8

// The kinds of chores, and the record that ends each.
const (
	Refuse     ChoreKind = iota + 1 // append the outcome of a refused command; ended by it
	GiveAnswer                      // append the answer to a repeat; ended by it
	DeadLetter                      // copy the record to the dead letters, then record.handled
	Forward                         // append the command to the partition Owner under the same UID, with its origin, then record.handled
	Again                           // append Payload as a command under the derived UID; ended by it
)

var choreKinds = [...]string{"", "refuse", "answer", "deadletter", "forward", "again"}

func (k ChoreKind) String() string {
	if int(k) < len(choreKinds) {
		return choreKinds[k]
	}
	return ""
}

// Chore is something that the primary still owes because of one record.
type Chore struct {
	Kind     ChoreKind
	Position domain.Position // of that record
	Due      int64           // offset of the record that made it due: the same one, or the outcome that a repeat waited for
	Device   string
	UID      string // of the command; of Again, the one to append
	Reason   domain.Reason
	Defect   domain.Defect
	Detail   string         // for people; no part of the hash
	Answer   domain.Answer  // of GiveAnswer, ready to be appended
	Owner    int32          // of Forward: the partition that owns the device
	Payload  domain.Payload // of Again
	By       string         // of Again: the operator
	Cause    string         // of Again: the UID that was in doubt
}

type chore struct {
	Chore
	before, behind *chore
	item
}

// chores are a list in the order in which they became due, and a map to end them.
type chores struct {
	first, last *chore
	at          map[int64]*chore // by offset of the record; one has at most one
	again       map[key]int64    // of Again: device and derived UID, to offset
}

func newChores() chores {
	return chores{at: make(map[int64]*chore), again: make(map[key]int64)}
}

// Chores are what the primary still owes, in the order in which it became due.
func (s *State) Chores() []Chore {
	out := make([]Chore, 0, len(s.chores.at))
	for c := s.chores.first; c != nil; c = c.behind {
		out = append(out, c.Chore)
	}
	return out
}

// Owed is the number of chores.
func (s *State) Owed() int { return len(s.chores.at) }

// roomFor keeps half of the room for what must not be left undone: an answer
// can be asked for again, and a dead letter stands in the log anyhow.
func (s *State) roomFor(k ChoreKind) bool {
	limit := s.limits.Chores
	if k == GiveAnswer || k == DeadLetter {
		limit = (limit + 1) / 2
	}
	return len(s.chores.at)+s.waiting < limit
}

// owe notes a chore down, if there is room.
func (s *State) owe(c Chore) bool {
	if !s.roomFor(c.Kind) {
		return false
	}
	s.note(c, s.next-1)
	return true
}

func (s *State) note(c Chore, due int64) {
	c.Due, c.UID, c.Detail = due, strings.Clone(c.UID), strings.Clone(clip(c.Detail))
	if c.Kind == GiveAnswer {
		c.Answer.UID, c.Answer.Detail = c.UID, c.Detail
	}
	n := &chore{Chore: c, before: s.chores.last}
	if n.before != nil {
		n.before.behind = n
	} else {
		s.chores.first = n
	}
	s.chores.last = n
	s.chores.at[c.Position.Offset] = n
	if c.Kind == Again {
		s.chores.again[key{c.Device, c.UID}] = c.Position.Offset
	}
	s.recount(n)
}

// owed finds a chore by its record.
func (s *State) owed(p domain.Position, kinds ...ChoreKind) *chore {
	if p.Partition != s.partition {
		return nil
	}
	c := s.chores.at[p.Offset]
	if c != nil {
		for _, k := range kinds {
			if c.Kind == k {
				return c
			}
		}
	}
	return nil
}

// done ends a chore.
func (s *State) done(c *chore) {
	if c.before != nil {
		c.before.behind = c.behind
	} else {
		s.chores.first = c.behind
	}
	if c.behind != nil {
		c.behind.before = c.before
	} else {
		s.chores.last = c.before
	}
	delete(s.chores.at, c.Position.Offset)
	if c.Kind == Again {
		delete(s.chores.again, key{c.Device, c.UID})
	}
	s.uncount(&c.item)
}

// arrived ends the chore to send an action again when its command is there.
func (s *State) arrived(r *domain.Record, ch *Change) {
	if len(s.chores.again) == 0 {
		return
	}
	if off, ok := s.chores.again[key{r.Subject, r.UID}]; ok {
		s.done(s.chores.at[off])
		ch.ChoresChanged = true
	}
}
