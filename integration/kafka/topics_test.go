//go:build integration

package kafka_test

import (
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

// brokersTime: a producer's own time counts in no topic,
// and an append is told the time that every reader is told.
func brokersTime(t *testing.T, c *brokers) {
	l, landscape := c.open(t, nobody), c.topics(t, kafka.TopicSpec{})
	client := c.client()
	for _, kind := range kinds {
		for _, claimed := range []time.Time{time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC), time.Now().Add(30 * 24 * time.Hour)} {
			topic := domain.Topic(landscape, kind)
			before := time.Now()
			first := kafkago.Record{Time: claimed, Value: kafkago.NewBytes([]byte("first"))}
			second := kafkago.Record{Time: claimed.Add(time.Hour), Value: kafkago.NewBytes([]byte("second"))}
			var out *kafkago.ProduceResponse
			await(t, func() (err error) { // not all brokers hear of a new topic at once
				out, err = client.Produce(t.Context(), &kafkago.ProduceRequest{
					Topic: topic, RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(first, second)})
				if err == nil {
					err = out.Error
				}
				return err
			})
			after := time.Now()
			got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Offset: out.BaseOffset}}, 5*time.Second, 1<<20)
			if err != nil || len(got[0].Messages) != 2 {
				t.Fatal(err, got)
			}
			for _, m := range got[0].Messages {
				// To the millisecond: that is all that Kafka keeps.
				if at := m.Appended.Time(); at.Before(before.Add(-time.Millisecond)) || at.After(after) {
					t.Errorf("%s: a record that claims %v was appended between %v and %v, and is read with %v", topic, claimed, before, after, at)
				}
			}
		}
	}
}

func sameTime(t *testing.T, c *brokers) {
	l, landscape := c.open(t, nobody), c.topics(t, kafka.TopicSpec{})
	topic := domain.Topic(landscape, domain.TopicControl)
	for range 20 {
		batch := domain.Batch{Topic: topic, Messages: []domain.Message{{Value: []byte("a")}, {Value: []byte("b")}}}
		out, err := l.Append(t.Context(), []domain.Batch{batch})
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Offset: out[0].Offset}}, 5*time.Second, 1<<20)
		if err != nil || len(got[0].Messages) != 2 {
			t.Fatal(err, got)
		}
		for _, m := range got[0].Messages {
			if out[0].Time == 0 || m.Appended != out[0].Time {
				t.Fatalf("offset %d: the append was told %v, a reader %v", m.Offset, out[0].Time, m.Appended)
			}
		}
	}
}
