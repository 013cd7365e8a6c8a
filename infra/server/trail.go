package server

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// trailLength is how many recent state hashes of a partition are remembered.
const trailLength = 8192

// footprint is the state hash of a partition at one position.
type footprint struct {
	next int64
	hash domain.Hash
}

// trail remembers the state hash at the recent positions of one partition, so
// that a checkpoint of the primary can be compared wherever this server is.
type trail struct {
	ring   []footprint
	cursor int
}

func newTrail() *trail { return &trail{ring: make([]footprint, trailLength)} }

// add remembers the state as it is now. Far behind the end of the log nothing
// is remembered: no checkpoint that is still to come speaks of it.
func (t *trail) add(s *partition.State, high int64) {
	if high-s.Next() > trailLength {
		return
	}
	t.ring[t.cursor] = footprint{s.Next(), s.Hash()}
	t.cursor = (t.cursor + 1) % trailLength
}

func (t *trail) at(next int64) (domain.Hash, bool) {
	for i := range trailLength {
		f := &t.ring[(t.cursor-1-i+2*trailLength)%trailLength]
		if f.next == next && next > 0 {
			return f.hash, true
		}
		if f.next < next {
			break
		}
	}
	return domain.Hash{}, false
}

// since copies what is remembered of the time after a position, oldest first.
func (t *trail) since(next int64) []footprint {
	var out []footprint
	for i := range trailLength {
		if f := t.ring[(t.cursor+i)%trailLength]; f.next > next {
			out = append(out, f)
		}
	}
	return out
}
