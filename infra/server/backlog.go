package server

import (
	"context"
	"sync/atomic"

	"github.com/understudy-io/understudy/domain"
)

const (
	// maxBacklog bounds what was read and waits to be folded, in bytes of memory; one
	// batch more than that may wait. Some answers of full length are far below.
	maxBacklog = 64 << 20
	// maxSpareRecords is the longest list of records that is kept for its next use.
	maxSpareRecords = 100_000
	// recordBytes is what a decoded record takes, besides its bytes.
	recordBytes = 200
)

// backlog is what one reader has handed on and its owner has not folded yet.
type backlog struct {
	bytes atomic.Int64
	less  chan struct{} // holds a signal when some of it was folded
}

func newBacklog() *backlog { return &backlog{less: make(chan struct{}, 1)} }

// await returns when more may be handed on, or ctx ends.
func (b *backlog) await(ctx context.Context) error {
	for b.bytes.Load() > maxBacklog {
		select {
		case <-b.less:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// folded takes off what does not wait any more.
func (b *backlog) folded(bytes int64) {
	b.bytes.Add(-bytes)
	select {
	case b.less <- struct{}{}:
	default:
	}
}

// weigh says about how much memory messages take when they are decoded.
func weigh(messages []domain.Stored) int64 {
	n := recordBytes * len(messages)
	for i := range messages {
		n += len(messages[i].Key) + len(messages[i].Value)
		for _, h := range messages[i].Headers {
			n += len(h.Value)
		}
	}
	return int64(n)
}
