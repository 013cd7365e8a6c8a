package server

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// trailLength is how many recent state hashes of a partition are remembered.
const trailLength = 8192

// The verdicts on a state hash, as heartbeats carry them.
const (
	hashOK      = "ok"
	hashDiffers = "differs"
)

// trail remembers the state hash at the recent positions of one partition, so
// that a checkpoint of the primary can be compared wherever this server is.
type trail struct {
	next   []int64
	hash   []domain.Hash
	cursor int
}

func newTrail() *trail {
	return &trail{next: make([]int64, trailLength), hash: make([]domain.Hash, trailLength)}
}

// add remembers the state as it is now. Far behind the end of the log nothing
// is remembered: no checkpoint that is still to come speaks of it.
func (t *trail) add(s *partition.State, high int64) {
	if high-s.Next() > trailLength {
		return
	}
	t.next[t.cursor], t.hash[t.cursor] = s.Next(), s.Hash()
	t.cursor = (t.cursor + 1) % trailLength
}

func (t *trail) at(next int64) (domain.Hash, bool) {
	for i := range trailLength {
		k := (t.cursor - 1 - i + 2*trailLength) % trailLength
		if t.next[k] == next && next > 0 {
			return t.hash[k], true
		}
		if t.next[k] < next {
			break
		}
	}
	return domain.Hash{}, false
}

// checkpoint publishes the primary's state hashes.
func (c *core) checkpoint() {
	if !c.acting.Load() || c.sinceCheckpoint == 0 {
		return
	}
	c.sinceCheckpoint = 0
	cp := domain.Checkpoint{Epoch: c.term.epoch, Hashes: make([]domain.StateHash, len(c.states))}
	for p, s := range c.states {
		cp.Hashes[p] = domain.StateHash{
			Position: domain.Position{Partition: int32(p), Offset: s.Next()},
			Hash:     s.Hash(),
		}
	}
	c.publish(cp)
}

// expect takes the primary's checkpoint, to be compared where this server has
// been, or will be.
func (c *core) expect(cp domain.Checkpoint) {
	for _, h := range cp.Hashes {
		if p := h.Position.Partition; p >= 0 && int(p) < len(c.states) {
			c.expected[p] = h
			c.compare(p)
		}
	}
}

// compare holds this server's state against the last checkpoint of a partition.
func (c *core) compare(p int32) {
	want, ok := c.expected[p]
	if !ok || c.states[p].Next() < want.Position.Offset {
		return
	}
	delete(c.expected, p)
	have, ok := c.trail[p].at(want.Position.Offset)
	if !ok {
		return
	}
	if have == want.Hash {
		if c.verdict == "" {
			c.verdict = hashOK
		}
		return
	}
	c.logger.Error("the state differs from the primary's at the same position",
		"partition", p, "offset", want.Position.Offset, "have", have.String(), "want", want.Hash.String())
	c.verdict = hashDiffers
	c.diverged(p, want)
}
