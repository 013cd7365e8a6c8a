package server

import (
	"github.com/understudy-io/understudy/domain"
)

// issuedLength is how many of the primary's own checkpoints wait for another
// server to agree.
const issuedLength = 64

// round is one checkpoint, compared partition by partition as this server gets
// there.
type round struct {
	at          int64  // of the checkpoint, in control
	incarnation string // of the primary that wrote it
	left        map[int32]domain.StateHash
	whole       bool // every partition that was compared so far is equal
}

// issued is a checkpoint of this server's own, read back from control.
type issued struct {
	at     int64
	hashes []domain.StateHash
}

// dispute is a difference with a primary at the same position.
type dispute struct {
	with     string // the primary's incarnation
	right    bool   // folded again: the log gives this server's state
	conceded bool   // the other one has found itself to be wrong, or an operator says so
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

// greet publishes a checkpoint for a server that has joined: on a log where
// nothing happens it would be compared with nothing.
func (c *core) greet() {
	c.sinceCheckpoint++
	c.checkpoint()
}

// issue notes a checkpoint of this server's own, which others may agree with.
func (c *core) issue(cp domain.Checkpoint, at int64) {
	if len(c.issued) == issuedLength {
		c.issued = c.issued[1:]
	}
	c.issued = append(c.issued, issued{at: at, hashes: cp.Hashes})
}

// confirmed notes that another server's state was equal to one of this server's
// checkpoints.
func (c *core) confirmed(at int64) {
	for i, cp := range c.issued {
		if cp.at != at {
			continue
		}
		for _, h := range cp.hashes {
			c.prove(h)
		}
		c.issued = c.issued[i+1:]
		return
	}
}

// prove notes that a state hash is right: another server has the same, or the
// log has given it once more. Folding again may begin there.
func (c *core) prove(h domain.StateHash) {
	p := h.Position.Partition
	if p >= 0 && int(p) < len(c.proven) && h.Position.Offset > c.proven[p].Position.Offset {
		c.proven[p] = h
	}
}

// reach is how far the state of each partition is proven.
func (c *core) reach() []int64 {
	out := make([]int64, len(c.proven))
	for p, h := range c.proven {
		out[p] = h.Position.Offset
	}
	return out
}

// expect takes the primary's checkpoint, to be compared where this server has
// been, or will be. While one is being compared, the newest of the others waits.
func (c *core) expect(cp domain.Checkpoint, at int64, incarnation string) {
	if incarnation == c.wrong {
		return
	}
	r := &round{at: at, incarnation: incarnation, left: make(map[int32]domain.StateHash, len(c.states))}
	for _, h := range cp.Hashes {
		if p := h.Position.Partition; p >= 0 && int(p) < len(c.states) {
			r.left[p] = h
		}
	}
	r.whole = len(r.left) == len(c.states)
	if c.round == nil {
		c.round = r
	} else {
		c.following = r
	}
	c.compare()
}

// compare holds this server's state against the checkpoints that wait for it.
func (c *core) compare() {
	for c.round != nil {
		r := c.round
		for p, want := range r.left {
			if c.states[p].Next() < want.Position.Offset {
				continue
			}
			delete(r.left, p)
			have, ok := c.hashAt(p, want.Position.Offset)
			switch {
			case !ok: // too long ago
				r.whole = false
			case have == want.Hash:
				c.prove(want)
			default:
				r.whole = false
				c.differ(want, have, r.incarnation)
			}
		}
		if len(r.left) > 0 {
			return
		}
		if r.whole {
			c.agree(r)
		}
		c.round, c.following = c.following, nil
	}
	if c.told && !c.informed {
		c.informed = true
		c.tellHealth()
	}
}

// inform says that control has been read to its end. A server that has just
// started is not ready before it was compared with what the primary has said
// last, be that one there or not.
func (c *core) inform() {
	c.told = true
	c.compare()
}

// hashAt is the hash that this server's state had at a position.
func (c *core) hashAt(p int32, next int64) (domain.Hash, bool) {
	if s := c.states[p]; s.Next() == next {
		return s.Hash(), true
	}
	return c.trail[p].at(next)
}

// agree notes that the whole state was equal to the primary's. That ends a
// dispute with a primary that is none any more.
func (c *core) agree(r *round) {
	c.agreedAt = r.at
	if c.quarantined || c.dispute != nil && c.dispute.with == r.incarnation {
		return
	}
	c.dispute, c.verdict = nil, domain.HashOK
}

// differ begins or goes on with a dispute: this server folds again, beside the
// running state, and so does the primary when it hears of it. Whoever differs
// from its own refold is wrong.
func (c *core) differ(want domain.StateHash, have domain.Hash, incarnation string) {
	c.verdict = domain.HashDiffers
	if c.dispute == nil || c.dispute.with != incarnation {
		c.dispute = &dispute{with: incarnation}
	}
	d := c.dispute
	if c.refolding || c.quarantined || d.right {
		return
	}
	p := want.Position.Partition
	c.logger.Error("the state differs from the primary's at the same position",
		"partition", p, "offset", want.Position.Offset, "have", have.String(), "want", want.Hash.String())
	c.tellHealth()
	c.refold([]int32{p}, func() {
		c.logger.Error("the log gives this server's state, not the primary's: the builds differ, or the primary is wrong",
			"partition", p, "offset", want.Position.Offset)
		d.right = true
		c.reconcile()
	})
}

// concede is called when another server has found itself to be wrong: whoever
// differed from it alone takes part again.
func (c *core) concede(incarnation string) {
	c.wrong = incarnation
	if c.following != nil && c.following.incarnation == incarnation {
		c.following = nil
	}
	if c.round != nil && c.round.incarnation == incarnation {
		c.round, c.following = c.following, nil
	}
	if c.dispute != nil && c.dispute.with == incarnation {
		c.dispute.conceded = true
		c.reconcile()
	}
	c.compare()
}

// reconcile ends a dispute in which this server was right and the other one wrong.
func (c *core) reconcile() {
	if d := c.dispute; d != nil && d.right && d.conceded && !c.quarantined {
		c.logger.Warn("the primary that this server differed from does not count any more; this server takes part again", "incarnation", d.with)
		c.dispute, c.verdict = nil, ""
		c.tellHealth()
	}
}

// vouch is an operator's word, on record, for a server whose state differs from
// a primary's although the log gives it: its build is the one to go on with.
func (c *core) vouch(user, reason string) {
	if c.dispute == nil || !c.dispute.right || c.quarantined {
		return
	}
	c.publish(domain.Cleared{Incarnation: c.incarnation, Reason: user + ": " + reason})
	c.concede(c.dispute.with)
}
