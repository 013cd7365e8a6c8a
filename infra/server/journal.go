package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// Bounds of one append.
const (
	maxJournalBatch = 512       // records of one partition in one append
	maxJournalBytes = 512 << 10 // of their values: well below what a topic takes
	appendTimeout   = 2 * time.Second
	appendRetry     = 20 * time.Millisecond
)

// journal appends the primary's records of one epoch. Each carries (epoch,
// sequence); one append is under way at a time, and one whose fate is unknown is
// sent again with the same sequences until it is known to have landed, so that
// the fold can drop repeats and never sees a gap.
type journal struct {
	log    Log
	codec  Codec
	topic  string
	epoch  uint64
	logger *slog.Logger

	mu       sync.Mutex
	waiting  [][]domain.Record // by partition
	sequence []uint64
	idle     bool
	since    domain.Mono   // when the append under way began; zero for none
	idleness chan struct{} // closed and renewed whenever the journal runs empty
	kick     chan struct{}
}

func newJournal(log Log, codec Codec, topic string, epoch uint64, partitions int32, logger *slog.Logger) *journal {
	return &journal{
		log: log, codec: codec, topic: topic, epoch: epoch, logger: logger,
		waiting:  make([][]domain.Record, partitions),
		sequence: make([]uint64, partitions),
		idle:     true, idleness: make(chan struct{}),
		kick: make(chan struct{}, 1),
	}
}

// add queues records for a partition, in order.
func (j *journal) add(partition int32, records ...domain.Record) {
	j.mu.Lock()
	j.waiting[partition] = append(j.waiting[partition], records...)
	j.idle = false
	j.mu.Unlock()
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

// stuckFor is how long the append under way has taken.
func (j *journal) stuckFor(now domain.Mono) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.since == 0 {
		return 0
	}
	return now - j.since
}

// begin notes when an append begins; zero says that none is under way.
func (j *journal) begin(at domain.Mono) {
	j.mu.Lock()
	j.since = at
	j.mu.Unlock()
}

// resume counts the append under way from now on: the whole log had been away,
// and nobody could have done better.
func (j *journal) resume(now domain.Mono) {
	j.mu.Lock()
	if j.since != 0 {
		j.since = now
	}
	j.mu.Unlock()
}

// flush waits until all that was added has landed, or ctx ends.
func (j *journal) flush(ctx context.Context) {
	j.mu.Lock()
	idle, done := j.idle, j.idleness
	j.mu.Unlock()
	if idle {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// run appends until ctx ends. What waits then is dropped: the epoch is over,
// and nothing that it still says would count.
func (j *journal) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-j.kick:
		}
		for {
			batches, err := j.collect()
			if err != nil {
				return err
			}
			if len(batches) == 0 {
				break
			}
			if err := j.land(ctx, batches); err != nil {
				return err
			}
		}
	}
}

// collect takes what waits and gives each record its sequence.
func (j *journal) collect() ([]domain.Batch, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var batches []domain.Batch
	for p, records := range j.waiting {
		if len(records) == 0 {
			continue
		}
		n := min(len(records), maxJournalBatch)
		b := domain.Batch{Topic: j.topic, Partition: int32(p), Messages: make([]domain.Message, 0, n)}
		size := 0
		for i, r := range records[:n] {
			r.Epoch, r.Sequence = j.epoch, j.sequence[p]+1
			m, err := j.codec.Encode(domain.TopicLog, int32(p), r)
			if err != nil {
				return nil, fmt.Errorf("encode %s of %s for partition %d: %w", r.Type, r.Subject, p, err)
			}
			if size += len(m.Value); i > 0 && size > maxJournalBytes {
				n = i // the rest is for the next append
				break
			}
			j.sequence[p]++
			b.Messages = append(b.Messages, m)
		}
		rest := copy(records, records[n:])
		clear(records[rest:])
		j.waiting[p] = records[:rest]
		batches = append(batches, b)
	}
	if len(batches) == 0 {
		j.idle = true
		close(j.idleness)
		j.idleness = make(chan struct{})
	}
	return batches, nil
}

// land appends until the log has acknowledged.
func (j *journal) land(ctx context.Context, batches []domain.Batch) error {
	j.begin(clock.Boot())
	defer j.begin(0)
	for attempt := 1; ; attempt++ {
		try, cancel := context.WithTimeout(ctx, appendTimeout)
		_, err := j.log.Append(try, batches)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, domain.ErrInvalid) {
			return fmt.Errorf("append as epoch %d: %w", j.epoch, err)
		}
		if attempt == 1 || attempt%50 == 0 {
			j.logger.Warn("append failed, trying again with the same sequences", "epoch", j.epoch, "attempt", attempt, "cause", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(appendRetry):
		}
	}
}
