package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const (
	batchBytes = 256 << 10
	fetchWait  = 500 * time.Millisecond
	retries    = 10 // in a row
	retryPause = 200 * time.Millisecond
)

// reader reads one partition up to an end, a batch ahead of who takes it.
type reader struct {
	kind      domain.TopicKind
	topic     string
	partition int32
	begins    int64 // the first offset that is there
	bounds    domain.Bounds
	batches   chan []domain.Stored
	rest      []domain.Stored // of the batch at hand
	err       error           // valid once batches is closed
}

func newReader(landscape string, kind domain.TopicKind, partition int32, b domain.Bounds) *reader {
	return &reader{kind: kind, topic: domain.Topic(landscape, kind), partition: partition, begins: b.Start, bounds: b, batches: make(chan []domain.Stored, 1)}
}

// run fetches until the end, or until the context ends.
func (r *reader) run(ctx context.Context, from Source) {
	defer close(r.batches)
	failures := 0
	for next := r.bounds.Start; next < r.bounds.End; {
		got, err := fetch(ctx, from, domain.FetchFrom{Topic: r.topic, Partition: r.partition, Offset: next})
		if err == nil && got.Next <= next && failures >= retries {
			err = fmt.Errorf("no record at offset %d, where the log ended at %d: %w", next, r.bounds.End, domain.ErrCorrupt)
		}
		switch {
		case ctx.Err() != nil:
			r.err = context.Cause(ctx)
			return
		case err != nil && (failures >= retries || !errors.Is(err, domain.ErrTransient)):
			r.err = fmt.Errorf("read %s, partition %d, offset %d: %w", r.topic, r.partition, next, err)
			return
		case err != nil:
			failures++
			pause(ctx, retryPause)
			continue
		case got.Next <= next:
			failures++
			continue
		}
		failures, next = 0, got.Next
		select {
		case r.batches <- r.below(got.Messages):
		case <-ctx.Done():
			r.err = context.Cause(ctx)
			return
		}
	}
}

func fetch(ctx context.Context, from Source, f domain.FetchFrom) (domain.Fetched, error) {
	answers, err := from.Fetch(ctx, []domain.FetchFrom{f}, fetchWait, batchBytes)
	switch {
	case err != nil:
		return domain.Fetched{}, err
	case len(answers) == 0:
		return domain.Fetched{Next: f.Offset}, nil
	}
	return answers[0], answers[0].Err
}

// below leaves out what came after the end.
func (r *reader) below(messages []domain.Stored) []domain.Stored {
	n := len(messages)
	for n > 0 && messages[n-1].Offset >= r.bounds.End {
		n--
	}
	return messages[:n]
}

// take gives the next messages below an offset; none at it, or at the end.
func (r *reader) take(limit int64) ([]domain.Stored, error) {
	for len(r.rest) == 0 {
		batch, ok := <-r.batches
		if !ok {
			return nil, r.err
		}
		r.rest = batch
	}
	n := len(r.rest)
	for n > 0 && r.rest[n-1].Offset >= limit {
		n--
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out, nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
