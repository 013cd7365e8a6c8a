package audit

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/understudy-io/understudy/domain"
)

// name is the hash of a device and a UID: what is remembered of a command is
// found by it.
type name uint64

func nameOf(device, uid string) name {
	var room [2 * domain.MaxUID]byte
	b := append(append(append(room[:0], device...), 0), uid...)
	sum := sha256.Sum256(b)
	return name(binary.BigEndian.Uint64(sum[:]))
}

// wish is a command that waits for its outcome.
type wish struct {
	device, uid string
	at          int64
	appended    domain.Instant // log time
	due         domain.Instant // when it is too old to be sent, or owed its refusal
	oneShot     bool
	refused     domain.Reason
	started     int64 // -1 if it was not
	epoch       uint64
}

// ended is a command that has its outcome.
type ended struct {
	command, at int64
	outcome     domain.Outcome
	reason      domain.Reason
}

// fates are the commands of a partition.
type fates struct {
	open     map[name]*wish
	ended    map[name]ended
	order    []name          // of ended, a ring
	oldest   int             // in the ring
	repeats  map[int64]again // by offset; unanswered
	late     map[name]int64  // outcomes and starts that a fenced primary wrote
	lastShot map[string]shot // by device: the newest that was started
	dropped  int64           // what could not be remembered
}

// again is a command that was written again, or that was turned away.
type again struct {
	name       name
	original   int64
	appended   domain.Instant
	turnedAway domain.Reason
}

type shot struct{ command, at int64 }

func newFates() fates {
	return fates{
		open: make(map[name]*wish), ended: make(map[name]ended), repeats: make(map[int64]again),
		late: make(map[name]int64), lastShot: make(map[string]shot),
	}
}

func (f *fates) await(n name, w *wish) {
	if len(f.open) >= maxOpen {
		f.dropped++
		return
	}
	delete(f.ended, n) // forgotten by the rules of the log: the UID is new again
	f.open[n] = w
}

// end takes note of an outcome, in the place of the oldest one.
func (f *fates) end(n name, e ended) {
	delete(f.open, n)
	f.ended[n] = e
	if len(f.order) < maxEnded {
		f.order = append(f.order, n)
		return
	}
	old := f.order[f.oldest]
	f.order[f.oldest], f.oldest = n, (f.oldest+1)%maxEnded
	if old != n {
		delete(f.ended, old)
	}
}

func (f *fates) repeat(at int64, a again) {
	if len(f.repeats) >= maxOpen {
		f.dropped++
		return
	}
	f.repeats[at] = a
}

// fenced notes what a replaced primary has written about a command, for the case that
// somebody counts it all the same.
func (f *fates) fenced(n name, at int64) {
	if len(f.late) < maxEnded {
		f.late[n] = at
	}
}
