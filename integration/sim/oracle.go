package sim

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// maxCompared is how many records of a partition are held against the oracle, which
// takes longer with each.
const maxCompared = 400

// compare holds the fold against the slow one.
func (c *checks) compare(p int32, r *domain.Record, change partition.Change) {
	if r.Position.Offset >= maxCompared {
		return
	}
	c.w.stats.compared++
	verdict, reason, defect := c.oracles[p].Apply(*r)
	if change.Verdict != verdict || change.Defect != defect || change.Reason != reason && verdict == partition.Refused {
		c.w.failf("%s %s: the fold says %s %s %s, the oracle %s %s %s", r.Position, r.Type, change.Verdict, change.Reason, change.Defect, verdict, reason, defect)
		return
	}
	devices := make([]string, 0, len(c.w.defs))
	for _, def := range c.w.defs {
		devices = append(devices, def.Device)
	}
	if difference := c.oracles[p].Compare(c.states[p], devices); difference != "" {
		c.w.failf("the fold differs from the oracle at %s: %s", r.Position, difference)
	}
}
