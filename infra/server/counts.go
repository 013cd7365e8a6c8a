package server

import (
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// counts are what the metrics show.
type counts struct {
	records, accepted, refused, duplicates, dead, fenced, foreign, misplaced, gaveUp atomic.Int64
}

// watch sees each record right after it was folded.
func (c *coreLoop) watch(s *partition.State, r *domain.Record, change partition.Change) {
	c.counts.add(change)
	c.waiters.notify(s, r, change)
}

func (c *counts) add(change partition.Change) {
	switch change.Verdict {
	case partition.Accepted:
		c.accepted.Add(1)
	case partition.Refused:
		c.refused.Add(1)
	case partition.Duplicate, partition.Conflict:
		c.duplicates.Add(1)
	case partition.Misplaced:
		c.misplaced.Add(1)
	case partition.Fenced:
		c.fenced.Add(1)
	case partition.Dead:
		c.dead.Add(1)
	case partition.Ignored, partition.Applied, partition.Repeated:
	}
	c.foreign.Add(int64(len(change.Foreign)))
}
