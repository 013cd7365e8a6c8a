package partition

import (
	"encoding/binary"

	"github.com/understudy-io/understudy/domain"
)

// The hash of a state is the sum of the hashes of its items (device, cell,
// pending action, doubt, UID, chore, revision) and of its head. Each item begins with
// its kind, and remembers what it counts for, so that a change costs one hash at
// most. An item is not hashed when it changes but when the hash of the state is
// asked for, or when many have changed: most of them change again before that,
// and a pending action is over.

// hashed is a thing in the state that is an item of the hash.
type hashed interface {
	form(b []byte) []byte // its canonical form
	part() *item
}

// item is the part of it that the hash needs.
type item struct {
	sum   domain.Hash // what it counts for
	stale bool        // it has changed since
}

func (i *item) part() *item { return i }

// maxStale bounds how many changed items wait to be hashed: those that are gone
// meanwhile stay in memory for so long, and whoever asks for the hash, or freezes
// the state, waits for the hashing. Entries wait in any number, as most of a
// long log are forgotten again before anybody asks for the hash.
const maxStale = 1024

const (
	kindHead byte = iota + 1
	kindDevice
	kindCell
	kindPending
	kindDoubt
	kindEntry
	kindChore
	kindRevision
)

// LogicVersion changes whenever a rule of the fold or a canonical form changes.
// It is part of the hash; a snapshot of another version is of no use.
const LogicVersion = 1

// recount sees to it that an item counts with its present form.
func (s *State) recount(x hashed) {
	if i := x.part(); !i.stale {
		i.stale = true
		s.stale = append(s.stale, x)
	}
}

// uncount takes an item out.
func (s *State) uncount(i *item) {
	for l := range s.hash {
		s.hash[l] -= i.sum[l]
	}
	*i = item{}
}

// settle hashes what has changed.
func (s *State) settle() {
	s.settleItems()
	s.settleEntries()
}

func (s *State) settleItems() {
	for _, x := range s.stale {
		i := x.part()
		if !i.stale {
			continue // it is gone
		}
		now := s.sum(x.form(s.buf[:0]))
		for l := range s.hash {
			s.hash[l] += now[l] - i.sum[l]
		}
		*i = item{sum: now}
	}
	clear(s.stale)
	s.stale = s.stale[:0]
}

// sum hashes a form that was written into the scratch.
func (s *State) sum(form []byte) (sum domain.Hash) {
	s.buf = form
	sum.Add(form)
	return sum
}

// Hash is the hash of the whole state. Servers that folded the same records
// have the same hash.
func (s *State) Hash() domain.Hash {
	s.settle()
	return s.hash.Plus(s.sum(s.headForm(s.buf[:0])))
}

func (s *State) headForm(b []byte) []byte {
	b = append(b, kindHead, LogicVersion)
	b = number(number(b, int64(s.partition)), int64(s.partitions))
	b = number(b, int64(s.limits.Window))
	for _, n := range [...]int{s.limits.UIDs, s.limits.Pending, s.limits.Chores, s.limits.Doubts} {
		b = number(b, int64(n))
	}
	b = number(number(b, s.next), int64(s.logTime))
	b = flag(flag(b, s.begun), s.suspect)
	b = text(count(count(b, s.epoch), s.sequence), s.opener)
	b = number(flag(b, s.index.forgot), int64(s.index.forgotten))
	b = number(number(b, int64(len(s.devices))), int64(s.index.len()))
	b = number(number(b, int64(len(s.chores.at))), int64(s.waiting))
	return s.revisions.appendTo(s.counters.appendTo(b))
}

func (d *Device) form(b []byte) []byte {
	b = definition(append(b, kindDevice), &d.Definition)
	b = text(flag(flag(b, d.Removed), d.Connected), d.ConnectionDetail)
	return number(b, int64(d.ConnectionSince))
}

func (c *cell) form(b []byte) []byte {
	b = text(text(append(b, kindCell), c.of.ID()), string(c.Target))
	b = c.wish().form(flag(b, c.HasDesired))
	b = flag(b, c.Settled)
	b = text(flag(b, c.HasReported), c.Reported)
	b = number(number(b, c.ReportedAt.Offset), int64(c.ReportedTime))
	b = flag(b, c.Foreign)
	b = c.kept.form(flag(b, c.hasKept))
	b = count(b, uint64(len(c.recent)))
	for _, v := range c.recent {
		b = text(b, v)
	}
	if c.passed { // it is rare: the others keep the form that they had before there was this
		b = flag(b, true)
	}
	return b
}

func (w wish) form(b []byte) []byte {
	return number(text(text(b, w.value), w.uid), w.at.Offset)
}

func (p *Pending) form(b []byte) []byte {
	b = text(text(append(b, kindPending), p.of.ID()), p.UID)
	b = number(b, p.Command.Offset)
	b = text(b, string(p.Effect))
	b = append(text(b, string(typeOf(p.Payload))), p.digest[:]...)
	b = count(b, uint64(len(p.Wishes)))
	for _, w := range p.Wishes {
		b = text(text(b, string(w.Target)), w.Value)
	}
	b = number(number(b, int64(p.Appended)), int64(p.ValidFor))
	b = text(text(b, p.Source), p.User)
	b = number(count(flag(b, p.Started), p.StartedEpoch), p.StartedAt.Offset)
	for _, k := range p.kept { // it is rare: the others keep the form that they had before there was this
		b = number(text(b, string(k.target)), k.until)
	}
	if p.Gone { // as rare, and then there are no kept ones
		b = flag(b, true)
	}
	return b
}

func (d *doubt) form(b []byte) []byte {
	b = text(text(append(b, kindDoubt), d.of.ID()), d.UID)
	b = payload(number(b, d.Command.Offset), d.Payload)
	b = text(count(number(b, int64(d.Since)), d.Epoch), d.Detail)
	return number(b, d.At.Offset)
}

func (e *entry) form(b []byte) []byte {
	b = text(text(append(b, kindEntry), e.device), e.uid)
	b = number(number(b, e.command), int64(e.indexed))
	b = append(b, e.digest[:]...)
	b = text(text(flag(b, e.done), string(e.outcome)), string(e.reason))
	b = number(text(b, e.detail), e.outcomeAt)
	b = count(b, uint64(e.conflicts))
	b = count(b, uint64(len(e.waiting)))
	for _, w := range e.waiting {
		b = flag(number(b, w.offset), w.conflict)
	}
	if e.resolved == nil {
		return flag(b, false)
	}
	r := e.resolved
	return number(text(text(text(flag(b, true), string(r.As)), r.By), r.Reason), r.At.Offset)
}

// form leaves the detail out: it is for people, and another build may word it
// in another way.
func (c *chore) form(b []byte) []byte {
	b = number(number(append(b, kindChore, byte(c.Kind)), c.Position.Offset), c.Due)
	b = text(text(b, c.Device), c.UID)
	b = text(text(b, string(c.Reason)), string(c.Defect))
	a := &c.Answer
	b = number(text(b, string(a.Outcome)), a.Original.Offset)
	b = flag(text(b, string(a.Reason)), a.Conflict)
	b = payload(b, c.Payload)
	return number(text(b, c.By), int64(c.Owner))
}

func definition(b []byte, d *domain.Definition) []byte {
	b = text(text(text(b, d.Device), string(d.Driver)), d.Address)
	b = number(number(count(b, d.Revision), int64(d.Inputs)), int64(d.Outputs))
	b = verbs(b, d.Verbs)
	b = number(b, int64(d.ConfirmWithin))
	b = number(number(b, int64(d.ValidAbsolute)), int64(d.ValidOneShot))
	b = number(flag(b, d.StandbyPolling), int64(d.PollEvery))
	return text(b, string(d.OnReconnect))
}

func verbs(b []byte, list []domain.Verb) []byte {
	b = count(b, uint64(len(list)))
	for i := range list {
		v := &list[i]
		for _, f := range [...]string{v.Name, string(v.Effect), v.Method, v.URL, v.Body, v.Target, v.Value, v.ReadURL, v.ReadAt} {
			b = text(b, f)
		}
		b = count(b, uint64(len(v.Args)))
		for _, a := range v.Args {
			b = text(b, a)
		}
		b = number(b, int64(v.Timeout))
	}
	return b
}

func payload(b []byte, p domain.Payload) []byte {
	if p == nil {
		return flag(b, false)
	}
	d := domain.DigestOf(p)
	return append(text(flag(b, true), string(typeOf(p))), d[:]...)
}

func text[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func number(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

func count(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

func flag(b []byte, f bool) []byte {
	if f {
		return append(b, 1)
	}
	return append(b, 0)
}
