package audit

import (
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/corpus"
	"github.com/understudy-io/understudy/projections/audit"
)

// Log is a landscape's topics, decoded: of each topic its partitions, each in order.
type Log struct {
	Topics   map[domain.TopicKind][][]domain.Record
	Original func(domain.Copied) domain.Record
	Start    map[domain.TopicKind]int64 // where retention has cut; 0 where it has not
}

// Judge verifies a log.
func Judge(l *Log) *audit.Report {
	parts := l.Topics[domain.TopicLog]
	a := audit.New(audit.Options{Partitions: int32(len(parts)), Original: l.Original})
	for _, kind := range []domain.TopicKind{domain.TopicElections, domain.TopicControl, domain.TopicLog} {
		for p, records := range l.Topics[kind] {
			a.Begins(kind, int32(p), l.Start[kind])
			for i := range records {
				switch kind {
				case domain.TopicElections:
					a.Election(&records[i])
				case domain.TopicControl:
					a.Control(&records[i])
				default:
					a.Log(&records[i])
				}
			}
		}
	}
	return a.Finish()
}

// decoded reads a stored log.
func decoded(c *corpus.Corpus) *Log {
	code := c.Codec()
	l := &Log{Topics: make(map[domain.TopicKind][][]domain.Record), Original: code.Original}
	for kind, parts := range c.Topics {
		for p, messages := range parts {
			records := make([]domain.Record, 0, len(messages))
			for _, m := range messages {
				records = append(records, code.Decode(kind, int32(p), m))
			}
			l.Topics[kind] = append(l.Topics[kind], records)
		}
	}
	return l
}
