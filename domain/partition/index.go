package partition

import (
	"hash/maphash"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// index remembers the UIDs of the window: what each asked for, and what became
// of it. It forgets in the order of time, so that whatever is not newer than
// the newest forgotten one can be refused: it may have been here before.
//
// There may be a million of them, so an entry is packed into a slot while
// nobody works with it. The seed of the hash is random, as that of Go's maps
// is, and shows as little: it decides where to look and nothing else.
type index struct {
	slots   slab[slot]
	extras  slab[extra]
	devices pool[string]
	endings pool[ending]

	seed      maphash.Seed
	chains    map[uint32]uint32 // hash of device and UID, to the first slot; the others follow by next
	queue     queue             // of slots, in the order in which they are forgotten
	forgotten domain.Instant    // highest time of a forgotten entry
	forgot    bool              // forgotten is set
}

// slot is an entry at rest. It has no pointers: there is nothing in it for the
// garbage collector to follow.
type slot struct {
	command, outcomeAt int64
	indexed            domain.Instant
	digest             domain.Digest
	device, ending     uint32 // in their pools
	extra              uint32 // nearly always none
	next               uint32 // with the same hash
	length             uint8  // of the UID; or isLong, then it is in extra
	stale              bool   // the hash of the state does not count it
	short              [38]byte
}

const isLong = 255

// packed reads the index; that of a frozen one as it was then.
type packed struct {
	slots   view[slot]
	extras  view[extra]
	devices view[pooled[string]]
	endings view[pooled[ending]]
}

func newIndex() index {
	x := index{
		devices: newPool(strings.Clone), endings: newPool(ending.clone),
		seed: maphash.MakeSeed(), chains: make(map[uint32]uint32),
	}
	x.endings.use(ending{}) // stays, as number 1: every command begins with it
	return x
}

func (x *index) len() int { return x.queue.count }

func (x *index) packed() packed {
	return packed{x.slots.view, x.extras.view, x.devices.view, x.endings.view}
}

// freeze is packed, for good.
func (x *index) freeze() packed {
	return packed{x.slots.freeze(), x.extras.freeze(), x.devices.freeze(), x.endings.freeze()}
}

func (p *packed) uid(t *slot) []byte {
	if t.length == isLong {
		return []byte(p.extras.at(t.extra).long)
	}
	return t.short[:t.length]
}

func (p *packed) entry(n uint32) entry {
	t := p.slots.at(n)
	e := entry{
		slot: n, device: p.devices.at(t.device).value, uid: p.uid(t), command: t.command, indexed: t.indexed,
		digest: t.digest, ending: p.endings.at(t.ending).value, outcomeAt: t.outcomeAt,
	}
	if t.extra != 0 {
		e.extra = *p.extras.at(t.extra)
	}
	return e
}

func (x *index) find(device, uid string) (entry, bool) {
	d, ok := x.devices.numbers[device]
	if !ok {
		return entry{}, false
	}
	p := x.packed()
	for n := x.chains[x.hash(d, maphash.String(x.seed, uid))]; n != 0; n = p.slots.at(n).next {
		if t := p.slots.at(n); t.device == d && string(p.uid(t)) == uid {
			return p.entry(n), true
		}
	}
	return entry{}, false
}

func (x *index) hash(device uint32, uid uint64) uint32 {
	return uint32(uid) ^ device*0x9e3779b1 // an odd number: no two devices have the same
}

// add takes in what is to be remembered of a UID that is not there yet, and
// gives its slot.
func (x *index) add(uid string, e *entry) uint32 {
	t := slot{
		command: e.command, outcomeAt: e.outcomeAt, indexed: e.indexed, digest: e.digest,
		device: x.devices.use(e.device), ending: x.endings.use(e.ending),
	}
	if len(uid) <= len(t.short) {
		t.length = uint8(copy(t.short[:], uid))
	} else {
		t.length, e.long = isLong, strings.Clone(uid)
	}
	if !e.plain() {
		t.extra = x.extras.add(e.extra)
	}
	h := x.hash(t.device, maphash.String(x.seed, uid))
	t.next = x.chains[h]
	n := x.slots.add(t)
	x.chains[h] = n
	x.queue.push(n, x.before)
	return n
}

func (x *index) entry(n uint32) entry {
	p := x.packed()
	return p.entry(n)
}

// before is the order of time, and of the log where that is equal.
func (x *index) before(a, b uint32) bool {
	s, t := x.slots.at(a), x.slots.at(b)
	return s.indexed < t.indexed || s.indexed == t.indexed && s.command < t.command
}

// put replaces what has become of a command.
func (x *index) put(e *entry) {
	t := x.slots.edit(e.slot)
	t.outcomeAt = e.outcomeAt
	if x.endings.at(t.ending).value != e.ending {
		now := x.endings.use(e.ending)
		x.endings.release(t.ending)
		t.ending = now
	}
	switch {
	case t.extra != 0 && e.plain():
		x.extras.drop(t.extra)
		t.extra = 0
	case t.extra != 0:
		*x.extras.edit(t.extra) = e.extra
	case !e.plain():
		t.extra = x.extras.add(e.extra)
	}
}

// pop drops the first of the queue.
func (x *index) pop() {
	n := x.queue.first()
	x.queue.pop()
	p := x.packed()
	t := p.slots.at(n)
	h := x.hash(t.device, maphash.Bytes(x.seed, p.uid(t)))
	switch before := x.chains[h]; {
	case before != n:
		for p.slots.at(before).next != n {
			before = p.slots.at(before).next
		}
		x.slots.edit(before).next = t.next
	case t.next != 0:
		x.chains[h] = t.next
	default:
		delete(x.chains, h)
	}
	x.devices.release(t.device)
	x.endings.release(t.ending)
	if t.extra != 0 {
		x.extras.drop(t.extra)
	}
	x.slots.drop(n)
}

func (s *State) remember(uid string, e entry) {
	s.markStale(s.index.add(uid, &e))
}

// change replaces what is remembered of a UID.
func (s *State) change(e *entry) {
	s.uncountEntry(e.slot)
	s.markStale(e.slot)
	s.index.put(e)
}

// uncountEntry takes an entry out of the hash of the state. What it counts for is
// computed anew: to remember it would cost more than a third of a slot.
func (s *State) uncountEntry(n uint32) {
	if !s.index.slots.at(n).stale {
		e := s.index.entry(n)
		i := item{sum: s.sum(e.form(s.buf[:0]))}
		s.uncount(&i)
	}
}

// markStale is recount for an entry that does not count.
func (s *State) markStale(n uint32) {
	t := s.index.slots.edit(n)
	if t.stale {
		return
	}
	t.stale = true
	if len(s.staleEntries) < maxListed {
		s.staleEntries = append(s.staleEntries, n)
	} else {
		s.manyStale = true
	}
}

// maxListed bounds the list of entries that do not count yet. Beyond it all are
// looked at, so that the list does not grow with the length of a log that is
// folded before anybody asks for the hash.
const maxListed = 4096

// settleEntries counts the entries that do not count yet. A slot may stand in the
// list twice, or for a UID that is forgotten.
func (s *State) settleEntries() {
	if s.manyStale {
		for _, r := range s.index.queue.runs {
			s.settleSlots(r.list)
		}
		s.manyStale = false
	} else {
		s.settleSlots(s.staleEntries)
	}
	s.staleEntries = s.staleEntries[:0]
}

func (s *State) settleSlots(list []uint32) {
	for _, n := range list {
		if !s.index.slots.at(n).stale {
			continue
		}
		s.index.slots.edit(n).stale = false
		e := s.index.entry(n)
		s.hash = s.hash.Plus(s.sum(e.form(s.buf[:0])))
	}
}

// forget drops what is older than the window, or more than the limit. It stops
// at a command that has no outcome yet: that one must not be run again.
func (s *State) forget() {
	x := &s.index
	for x.len() > 0 {
		first := x.slots.at(x.queue.first())
		old := after(s.logTime, first.indexed, s.limits.Window)
		if !old && x.len() <= s.limits.UIDs || !x.endings.at(first.ending).value.done {
			return
		}
		if !x.forgot || first.indexed > x.forgotten {
			x.forgot, x.forgotten = true, first.indexed
		}
		s.uncountEntry(x.queue.first())
		x.pop()
		s.counters.Evicted++
	}
}
