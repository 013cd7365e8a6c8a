package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
)

// raw measures the broker's round trip beside the drill: append one record of
// 200 bytes, with all acknowledgements, and have it back from a waiting fetch.
// The records go to the landscape's probe topic, which nobody folds.
type raw struct {
	topic string
	next  int64
	paths []*path
}

// path is one way to the broker.
type path struct {
	log  Log
	took []time.Duration
}

const (
	rawSamples = 5   // on each path, before each run
	rawBytes   = 200 // of the value
	// rawPause comes before each sample, about: a processor that has just been
	// busy with one answers the next one faster than it does a command, which
	// comes alone.
	rawPause = 20 * time.Millisecond
)

func newRaw(landscape string, logs ...Log) *raw {
	r := &raw{topic: domain.Topic(landscape, domain.TopicProbe), next: -1}
	for _, log := range logs {
		r.paths = append(r.paths, &path{log: log})
	}
	return r
}

func (r *raw) measure(ctx context.Context) error {
	if r.next < 0 {
		bounds, err := r.paths[0].log.Bounds(ctx, r.topic)
		if err != nil {
			return fmt.Errorf("measure the broker's round trip: %w", err)
		}
		r.next = bounds[0].End
	}
	for range rawSamples {
		for _, p := range r.paths {
			err := sleep(ctx, time.Duration((0.5+rand.Float64())*float64(rawPause)))
			if err == nil {
				err = r.once(ctx, p)
			}
			if err != nil {
				return fmt.Errorf("measure the broker's round trip: %w", err)
			}
		}
	}
	return nil
}

func (r *raw) once(ctx context.Context, p *path) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	id := uuid.NewString()
	read := make(chan error, 1)
	go func() { read <- r.await(ctx, p.log, id) }()
	began := clock.Boot()
	_, err := p.log.Append(ctx, []domain.Batch{{Topic: r.topic, Messages: []domain.Message{{
		Key: []byte(id), Value: make([]byte, rawBytes),
	}}}})
	if err != nil {
		return err
	}
	if err := <-read; err != nil {
		return err
	}
	p.took = append(p.took, clock.Boot()-began)
	return nil
}

func (r *raw) await(ctx context.Context, log Log, id string) error {
	for {
		answers, err := log.Fetch(ctx, []domain.FetchFrom{{Topic: r.topic, Offset: r.next}}, 500*time.Millisecond, 1<<20)
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
