package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/server/core"
)

// ErrReplaced ends a server whose name a newer process has taken. To start it
// again would only turn that one out in its turn.
var ErrReplaced = errors.New("a newer process runs under this server's name")

// twinWithin is how long after a join under the own name a sign of life must
// follow. Without one it was the late record of a process that ended while it
// joined, and this server may be started again.
const twinWithin = 2 * time.Second

// twin is what becomes of a second process that runs under the name of this
// server: the newer one counts.
type twin struct {
	replaced *time.Timer // runs once this incarnation is out because of another's join
	yielded  uint64      // the epoch that is being given up because of it
}

// gone ends this server: its incarnation is out of the landscape.
func (c *control) gone(cause string) {
	out := fmt.Errorf("this server is out of the landscape: %s: %w", cause, domain.ErrFenced)
	if m, ok := c.machine.State().Member(c.name); ok && m.Incarnation != c.incarnation && !m.Died && !m.Removed {
		c.twin.replaced = time.AfterFunc(twinWithin, func() { c.fail(out) })
		return
	}
	c.fail(out)
}

// heardTwin draws the conclusions from a heartbeat under the own name: a primary
// gives its epoch up, in order, and is then out as any other server is at once.
func (c *control) heardTwin(h domain.Heartbeat) {
	m, ok := c.machine.State().Member(c.name)
	if !ok || h.Incarnation == c.incarnation || h.Incarnation != m.Incarnation {
		return
	}
	switch {
	case c.twin.replaced != nil:
		c.twin.replaced.Stop()
		c.fail(fmt.Errorf("%w: %s runs as incarnation %s at %s; this one ends, and is not to be started again: give each server of landscape %s a server.name of its own",
			ErrReplaced, c.name, m.Incarnation, m.Address, c.landscape))
	case c.term != 0 && c.twin.yielded != c.term:
		c.twin.yielded = c.term
		c.logger.Error("another process runs under the name of this server; giving primacy up to end", "cause", ErrReplaced, "incarnation", m.Incarnation)
		c.core.tell(core.Finish{Then: []core.Effect{
			core.Control{Input: election.Release{Reason: "another process has joined as " + c.name}},
		}})
	}
}
