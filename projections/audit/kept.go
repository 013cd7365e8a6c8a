package audit

import (
	"fmt"
	"io"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// RulesVersion is that of the plain rules. What one version has kept of a
// verification, another one must not go on with.
const RulesVersion = 2

// State is the fold of a partition of the log as it is now; it is live. Where retention has
// taken the beginning nothing is folded, and it is nil.
func (a *Auditor) State(partition int32) *partition.State {
	if l := a.logs[partition]; !l.blind {
		return l.state
	}
	return nil
}

// Next is the first offset of a partition of the log that was not judged.
func (a *Auditor) Next(partition int32) int64 { return a.logs[partition].topic.Next }

// Keep writes what was found of the log, and all that the rules remember of it, but the
// states of the fold. What elections and control tell is not in it: they are read anew.
// It comes between two calls of Log, as Meet does.
func (a *Auditor) Keep(to io.Writer) error {
	k := newKeeper(to, nil)
	a.keep(k)
	if k.err != nil {
		return fmt.Errorf("keep what was judged: %w", k.err)
	}
	return nil
}

// Resume goes on with what Keep has written, of an auditor with the same options and the
// same beginnings. It comes behind Begins and before all records; states are those of the
// partitions, nil where the beginning is gone.
func (a *Auditor) Resume(from io.Reader, states []*partition.State) error {
	k := newKeeper(nil, from)
	a.keep(k)
	if k.err != nil {
		return fmt.Errorf("what was kept of a verification does not decode: %w: %w", domain.ErrCorrupt, k.err)
	}
	for p, l := range a.logs {
		if s := states[p]; (s == nil) != l.blind || s != nil && s.Next() != l.topic.Next {
			return fmt.Errorf("what was kept of partition %d is not of one time: %w", p, domain.ErrCorrupt)
		} else if s != nil {
			l.state = s
		}
		l.wanted.behind, l.wanted.told = l.topic.Next, a.kept.checkpoints
		a.trees.log[p].Resume(a.kept.heads)
	}
	return nil
}

// kept is how much of control was told when the log was judged last: what comes of it
// again was compared already, where the log is.
type kept struct{ checkpoints, heads int64 }

func (a *Auditor) keep(k *keeper) {
	checkpoints, heads := a.checkpoints, a.trees.heads
	k.values(&checkpoints, &heads)
	a.kept = kept{checkpoints, heads}
	a.met.keep(k)
	for p, l := range a.logs {
		l.keep(k)
		k.values(a.trees.log[p])
	}
}

func (f *findings) keep(k *keeper) {
	keepMap(k, f.tally, func(k *keeper, v **Verdict) {
		if *v == nil {
			*v = &Verdict{}
		}
		k.values(*v)
	})
}

func (l *logAudit) keep(k *keeper) {
	l.findings.keep(k)
	k.values(&l.topic, &l.read, &l.fence.epoch, &l.fence.sequence, &l.fence.server, &l.fence.incarnation)
	l.fates.keep(k)
	l.forwards.keep(k)
	keepList(k, &l.gaps, func(k *keeper, g *gap) { k.values(&g.from, &g.to, &g.at) })
	keepList(k, &l.marks, func(k *keeper, m *mark) { k.values(&m.epoch, &m.server, &m.incarnation, &m.position, &m.appended) })
	keepMap(k, l.configured, func(k *keeper, c *change) { k.values(&c.at, &c.epoch, &c.appended) })
	k.values(&l.gapsMore, &l.commands, &l.latency, &l.doubts, &l.refused, &l.lastFact, &l.openedAt, &l.primary, &l.missed, &l.wanted.dropped)
	k.values(&l.unsigned, &l.signed)
	k.values(&l.seen, &l.facts, &l.outcomes, &l.shots, &l.starts, &l.reports)
}

func (f *fates) keep(k *keeper) {
	keepMap(k, f.open, func(k *keeper, w **wish) {
		if *w == nil {
			*w = &wish{}
		}
		x := *w
		k.values(&x.device, &x.uid, &x.at, &x.appended, &x.due, &x.oneShot, &x.refused, &x.started, &x.epoch)
	})
	keepMap(k, f.ended, func(k *keeper, e *ended) { k.values(&e.command, &e.at, &e.outcome, &e.reason) })
	keepList(k, &f.order, plain[name])
	keepMap(k, f.repeats, func(k *keeper, a *again) { k.values(&a.name, &a.original, &a.appended, &a.turnedAway) })
	keepMap(k, f.late, plain[int64])
	keepMap(k, f.lastShot, func(k *keeper, s *shot) { k.values(&s.command, &s.at) })
	k.values(&f.oldest, &f.dropped)
	if f.oldest < 0 || f.oldest > len(f.order) {
		k.err = fmt.Errorf("the oldest of %d outcomes is number %d: %w", len(f.order), f.oldest, domain.ErrCorrupt)
	}
}

func (h *halves) keep(k *keeper) {
	keepMap(k, h.away, func(k *keeper, s **sent) {
		if *s == nil {
			*s = &sent{}
		}
		x := *s
		k.values(&x.name, &x.digest, &x.appended, &x.handled, &x.device, &x.uid)
	})
	keepMap(k, h.came, func(k *keeper, c *arrival) { k.values(&c.name, &c.digest, &c.appended, &c.at) })
	k.values(&h.dropped)
}
