package memlog

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/understudy-io/understudy/domain"
)

// MaxBatchBytes is the largest batch that is taken, as on a real broker.
const MaxBatchBytes = 2 << 20

// Cluster holds the records that all its Logs share.
type Cluster struct {
	now func() domain.Instant

	mu     sync.Mutex
	topics map[string][]partition
	grown  chan struct{} // closed and replaced at each append
}

type partition struct {
	start   int64
	records []domain.Stored
}

func (p *partition) end() int64 { return p.start + int64(len(p.records)) }

// New makes a cluster with topics and their numbers of partitions. now gives
// the time of an append.
func New(now func() domain.Instant, topics map[string]int32) *Cluster {
	c := &Cluster{now: now, topics: make(map[string][]partition), grown: make(chan struct{})}
	for name, n := range topics {
		c.topics[name] = make([]partition, n)
	}
	return c
}

// AddTopic creates a topic while others are in use.
func (c *Cluster) AddTopic(name string, partitions int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.topics[name]; !ok {
		c.topics[name] = make([]partition, partitions)
	}
}

// Open gives a log of its own on the cluster, without any fault.
func (c *Cluster) Open() *Log { return &Log{cluster: c} }

// Expire drops the records below offset, as retention does.
func (c *Cluster) Expire(topic string, id int32, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, err := c.at(topic, id); err == nil && offset > p.start {
		n := min(offset, p.end()) - p.start
		p.records, p.start = p.records[n:], p.start+n
	}
}

// Cut drops the records at offset and behind it, as no log may: a broker that
// lost what it had acknowledged.
func (c *Cluster) Cut(topic string, id int32, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, err := c.at(topic, id); err == nil && offset >= p.start && offset < p.end() {
		p.records = slices.Clone(p.records[:offset-p.start])
	}
}

// at finds a partition; the caller holds mu.
func (c *Cluster) at(topic string, id int32) (*partition, error) {
	ps, ok := c.topics[topic]
	if !ok || id < 0 || int(id) >= len(ps) {
		return nil, fmt.Errorf("%w: there is no partition %d of a topic %q; create the landscape's topics first", domain.ErrNotFound, id, topic)
	}
	return &ps[id], nil
}

// add appends a batch; the caller holds mu.
func (c *Cluster) add(b *domain.Batch) (domain.Appended, error) {
	p, err := c.at(b.Topic, b.Partition)
	if err != nil {
		return domain.Appended{}, err
	}
	done := domain.Appended{Offset: p.end(), Time: c.now()}
	for i := range b.Messages {
		p.records = append(p.records, domain.Stored{Message: copied(&b.Messages[i]), Offset: p.end(), Appended: done.Time})
	}
	close(c.grown)
	c.grown = make(chan struct{})
	return done, nil
}

// copied keeps the record as it is now; the caller may use its memory again.
func copied(m *domain.Message) domain.Message {
	out := domain.Message{Key: bytes.Clone(m.Key), Value: bytes.Clone(m.Value)}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, domain.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return out
}

func sizeOf(messages []domain.Message) int {
	n := 0
	for i := range messages {
		n += messageSize(&messages[i])
	}
	return n
}

func messageSize(m *domain.Message) int {
	n := 16 + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += 4 + len(h.Key) + len(h.Value)
	}
	return n
}
