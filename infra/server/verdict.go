package server

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// verdict is what became of a decision's record: it may have lost against one that the
// log has before it. It is the control loop's, like the list of those that are awaited.
type verdict struct {
	holds func(*election.State) bool
	back  bool // it was read
	void  bool // and then did not hold
}

// await appends a decision's record and has its verdict looked for, until the function
// that it gives is called. In the loop. The error is that of a record which cannot be
// written: who asked for it is told.
func (c *controlLoop) await(subject string, p domain.Payload, v *verdict) (forget func(), err error) {
	uid, err := c.appendAbout(subject, p, 0)
	if err != nil {
		return nil, err
	}
	if c.verdicts == nil {
		c.verdicts = make(map[string]*verdict)
	}
	c.verdicts[uid] = v
	return func() { c.asks.put(func(*election.Server) { delete(c.verdicts, uid) }) }, nil
}

// judge notes what became of a decision at once: the next record may undo it.
func (c *controlLoop) judge(r *domain.Record) {
	if v := c.verdicts[r.UID]; v != nil && r.Defect == domain.DefectNone {
		v.back, v.void = true, !v.holds(c.machine.Election().State())
		delete(c.verdicts, r.UID)
	}
}
