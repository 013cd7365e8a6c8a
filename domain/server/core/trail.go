package core

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// trailLength is how many recent state hashes of a partition are remembered.
const trailLength = 8192

// Footprint is the state hash of a partition at one position: when all records
// below Next are folded.
type Footprint struct {
	Next int64
	Hash domain.Hash
}

// trail remembers the state hash at the recent positions of one partition, so
// that a checkpoint of the primary can be compared wherever this server is.
type trail struct {
	ring   []Footprint
	cursor int // where the oldest one stands once the ring is full
}

// add remembers the state as it is now. Far behind the end of the log nothing
// is remembered: no checkpoint that is still to come speaks of it.
func (t *trail) add(s *partition.State, high int64) {
	if high-s.Next() > trailLength {
		return
	}
	f := Footprint{Next: s.Next(), Hash: s.Hash()}
	if len(t.ring) < trailLength {
		t.ring = append(t.ring, f)
		return
	}
	t.ring[t.cursor] = f
	t.cursor = (t.cursor + 1) % trailLength
}

// oldest gives the i-th footprint, counted from the oldest one.
func (t *trail) oldest(i int) Footprint { return t.ring[(t.cursor+i)%len(t.ring)] }

func (t *trail) at(next int64) (domain.Hash, bool) {
	for i := len(t.ring) - 1; i >= 0; i-- {
		switch f := t.oldest(i); {
		case f.Next == next:
			return f.Hash, true
		case f.Next < next:
			return domain.Hash{}, false
		}
	}
	return domain.Hash{}, false
}

// since copies what is remembered of the time after a position, oldest first.
func (t *trail) since(next int64) []Footprint {
	var out []Footprint
	for i := range t.ring {
		if f := t.oldest(i); f.Next > next {
			out = append(out, f)
		}
	}
	return out
}
