package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/understudy-io/understudy/domain"
)

// retryPause is between two tries of a publish that did not leave.
const retryPause = 20 * time.Millisecond

// Publisher publishes Watermill messages to a Log. Publish returns when all
// in-sync replicas have them.
//
// What is known not to have landed is tried again until Config.AppendTimeout, a
// fault of the set-up (ErrSetup) not. What may have landed is not tried again, unless
// its leader moved: the error says so (domain.ErrUnknownFate), and publishing it again
// under the same UUID is safe, because the fold knows it.
type Publisher struct {
	log    *Log
	closed atomic.Bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher publishes to a log. The log stays the caller's to close.
func NewPublisher(log *Log) *Publisher { return &Publisher{log: log} }

// Publish appends messages in their order; those of one device (ce_subject)
// to its partition, those without one to the partition of their UUID. The
// context is that of the first message.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if p.closed.Load() {
		return fmt.Errorf("publish to %s: %w: the publisher is closed", topic, domain.ErrConflict)
	}
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(messages[0].Context(), p.log.cfg.AppendTimeout)
	defer cancel()
	var unknown error
	for {
		left, again, err := p.publish(ctx, topic, messages)
		if err == nil {
			return nil
		}
		if unknown == nil && errors.Is(err, domain.ErrUnknownFate) {
			unknown = err
		}
		if !again || !pause(ctx, retryPause) {
			return fmt.Errorf("publish %d messages to %s: %w", len(messages), topic, keepUnknown(unknown, err))
		}
		messages = left
	}
}

// repeatable says that a batch did not leave, or met a leader that has moved, and may
// land the next time.
func repeatable(err error) bool {
	unsent := errors.Is(err, domain.ErrNotSent) && !errors.Is(err, domain.ErrUnknownFate)
	return errors.Is(err, domain.ErrTransient) && !errors.Is(err, ErrSetup) && (unsent || errors.Is(err, errMoved))
}

// publish tries once, and gives the messages that are not acknowledged, and whether to
// try them again.
func (p *Publisher) publish(ctx context.Context, topic string, messages []*message.Message) (left []*message.Message, again bool, err error) {
	partitions, err := p.log.partitions(ctx, p.log.writing, topic)
	if err != nil {
		p.log.writing.renew()
		err = fmt.Errorf("%w: %w", domain.ErrNotSent, err)
		return messages, repeatable(err), err
	}
	batches, members := p.batches(topic, int32(len(partitions)), messages)
	out, err := p.log.Append(ctx, batches)
	if err == nil {
		return nil, false, nil
	}
	failed := make(map[*message.Message]bool)
	again = true
	for i := range out {
		again = again && (out[i].Err == nil || repeatable(out[i].Err))
		for _, m := range members[i] {
			failed[m] = out[i].Err != nil
		}
	}
	for _, m := range messages {
		if failed[m] {
			left = append(left, m)
		}
	}
	return left, again, err
}

// batches sorts messages into batches for their partitions, in order, none
// larger than a batch may be unless a single message is.
func (p *Publisher) batches(topic string, partitions int32, messages []*message.Message) (batches []domain.Batch, members [][]*message.Message) {
	current := make(map[int32]int) // the batch that takes more, by partition
	size := make(map[int32]int)
	for _, m := range messages {
		r := toRecord(m)
		key := r.Key
		if key == nil {
			key = []byte(m.UUID)
		}
		at := domain.Partition(string(key), partitions)
		bytes := batchSize([]domain.Message{r})
		i, ok := current[at]
		if !ok || size[at]+bytes > p.log.cfg.MaxBatchBytes {
			i = len(batches)
			batches = append(batches, domain.Batch{Topic: topic, Partition: at})
			members = append(members, nil)
			current[at], size[at] = i, 0
		}
		batches[i].Messages = append(batches[i].Messages, r)
		members[i] = append(members[i], m)
		size[at] += bytes
	}
	return batches, members
}

// Close refuses what comes later; nothing waits in a publisher.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}

// pause waits; false if the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
