package sim

import (
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Record is what the log holds at the end of a history.
type Record struct {
	Topics   map[domain.TopicKind][][]domain.Record // those that are retained
	Start    int64                                  // the first of control
	Original func(domain.Copied) domain.Record
	Misread  bool // a server has read a command otherwise than it is
}

// Keep plays a plan like Run, and keeps the log.
func Keep(plan *Plan, stats *Stats) (*Record, error) {
	plan.Codec = true // copies are bytes
	w, wrong := play(plan, stats, nil)
	r := &Record{
		Topics: make(map[domain.TopicKind][][]domain.Record), Start: w.broker.parts[domain.TopicControl][0].start,
		Original: w.codec.Original, Misread: stats.misread > 0,
	}
	for kind, parts := range w.broker.parts {
		for _, p := range parts {
			records := make([]domain.Record, 0, len(p.records))
			for i := range p.records[p.start:] {
				records = append(records, w.broker.decode(domain.TopicKind(kind), p.number, &p.records[p.start+int64(i)]))
			}
			r.Topics[domain.TopicKind(kind)] = append(r.Topics[domain.TopicKind(kind)], records)
		}
	}
	return r, wrong
}

// Run plays a plan and judges it. Say, unless it is nil, hears the play.
func Run(plan *Plan, stats *Stats, say func(at time.Duration, line string)) error {
	_, wrong := play(plan, stats, say)
	return wrong
}
