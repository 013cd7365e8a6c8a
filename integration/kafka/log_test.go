//go:build integration

package kafka_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/logtest"
)

// contract runs the tests of the log port.
func contract(t *testing.T, c *brokers, as login) {
	logtest.Run(t, func(t *testing.T) logtest.Subject {
		l := renamed{c.open(t, as), c.topics(t, kafka.TopicSpec{Partitions: logtest.Partitions})}
		return logtest.Subject{Log: l, Cut: func(ctx context.Context, topic string, partition int32, before int64) error {
			return logtest.CutRecords(ctx, c.plain, l.there(topic), partition, before)
		}}
	})
}

// renamed gives each test of the contract empty topics of its own.
type renamed struct {
	*kafka.Log
	landscape string
}

func (r renamed) there(topic string) string {
	return strings.Replace(topic, ".logtest.", "."+r.landscape+".", 1)
}

func (r renamed) back(topic string) string {
	return strings.Replace(topic, "."+r.landscape+".", ".logtest.", 1)
}

func (r renamed) Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error) {
	own := append([]domain.Batch(nil), batches...)
	for i := range own {
		own[i].Topic = r.there(own[i].Topic)
	}
	return r.Log.Append(ctx, own)
}

func (r renamed) Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error) {
	own := append([]domain.FetchFrom(nil), from...)
	for i := range own {
		own[i].Topic = r.there(own[i].Topic)
	}
	out, err := r.Log.Fetch(ctx, own, wait, maxBytes)
	for i := range out {
		out[i].Topic = r.back(out[i].Topic)
	}
	return out, err
}

func (r renamed) Bounds(ctx context.Context, topic string) ([]domain.Bounds, error) {
	return r.Log.Bounds(ctx, r.there(topic))
}

func (r renamed) Warm(ctx context.Context, topic string) error {
	return r.Log.Warm(ctx, r.there(topic))
}
