package drill

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// raw measures the broker's round trip beside the drill: append one record of
// 200 bytes, with all acknowledgements, and have it back from a waiting fetch.
// The records go to the landscape's probe topic, which nobody folds.
type raw struct {
	log   Log
	topic string
	next  int64
	took  []time.Duration
}

const (
	rawSamples = 5   // before each run
	rawBytes   = 200 // of the value
)

func newRaw(log Log, landscape string) *raw {
	return &raw{log: log, topic: domain.Topic(landscape, domain.TopicProbe), next: -1}
}

func (r *raw) measure(ctx context.Context) error {
	if r.next < 0 {
		bounds, err := r.log.Bounds(ctx, r.topic)
		if err != nil {
			return fmt.Errorf("measure the broker's round trip: %w", err)
		}
		r.next = bounds[0].End
	}
	for range rawSamples {
		if err := r.once(ctx); err != nil {
			return fmt.Errorf("measure the broker's round trip: %w", err)
		}
	}
	return nil
}

func (r *raw) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	id := uuid.NewString()
	read := make(chan error, 1)
	go func() { read <- r.await(ctx, id) }()
	began := clock.Boot()
	_, err := r.log.Append(ctx, []domain.Batch{{Topic: r.topic, Messages: []domain.Message{{
		Key: []byte(id), Value: make([]byte, rawBytes),
	}}}})
	if err != nil {
		return err
	}
	if err := <-read; err != nil {
		return err
	}
	r.took = append(r.took, clock.Boot()-began)
	return nil
}

func (r *raw) await(ctx context.Context, id string) error {
	for {
		answers, err := r.log.Fetch(ctx, []domain.FetchFrom{{Topic: r.topic, Offset: r.next}}, 500*time.Millisecond, 1<<20)
		if err != nil {
			return err
		}
		for _, a := range answers {
			if a.Err != nil {
				return a.Err
			}
			r.next = max(r.next, a.Next)
			for _, m := range a.Messages {
				if string(m.Key) == id {
					return nil
				}
			}
		}
	}
}
