package logtest_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/logtest"
)

// brokersVariable names the Apache Kafka to test against, as host:port,...
const brokersVariable = "UNDERSTUDY_TEST_KAFKA"

func TestApacheKafka(t *testing.T) {
	brokers := os.Getenv(brokersVariable)
	if brokers == "" {
		t.Skip("set " + brokersVariable + " to the brokers of an Apache Kafka that may be filled with test topics")
	}
	var tests atomic.Int64
	run := time.Now().UnixNano()
	logtest.Run(t, func(t *testing.T) logtest.Log {
		l, err := kafka.Open(kafka.Config{Brokers: strings.Split(brokers, ",")}, slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		landscape := fmt.Sprintf("test-%d-%d", run, tests.Add(1))
		spec := kafka.TopicSpec{Partitions: logtest.Partitions}
		if err := l.EnsureTopics(t.Context(), landscape, spec); err != nil {
			t.Fatal(err)
		}
		findings, err := l.CheckTopics(t.Context(), landscape, spec)
		if err != nil || len(findings) > 0 {
			t.Fatal(err, findings)
		}
		return renamed{l, landscape}
	})
}

func TestApacheKafkaGivesItsOwnTime(t *testing.T) {
	brokers := os.Getenv(brokersVariable)
	if brokers == "" {
		t.Skip("set " + brokersVariable + " to the brokers of an Apache Kafka that may be filled with test topics")
	}
	l, err := kafka.Open(kafka.Config{Brokers: strings.Split(brokers, ",")}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	landscape := fmt.Sprint("time-", time.Now().UnixNano())
	if err := l.EnsureTopics(t.Context(), landscape, kafka.TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	topic := domain.Topic(landscape, domain.TopicControl)
	claim := kafkago.Record{Time: time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC), Value: kafkago.NewBytes([]byte("claims 2001"))}
	out, err := (&kafkago.Client{Addr: kafkago.TCP(strings.Split(brokers, ",")...)}).Produce(t.Context(), &kafkago.ProduceRequest{
		Topic: topic, RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(claim)})
	if err != nil || out.Error != nil {
		t.Fatal(err, out)
	}
	got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic}}, 5*time.Second, 1<<20)
	if err != nil || len(got[0].Messages) != 1 {
		t.Fatal(err, got)
	}
	if age := time.Since(got[0].Messages[0].Appended.Time()); age < -time.Minute || age > time.Minute {
		t.Fatalf("appended at %v", got[0].Messages[0].Appended)
	}
}

// renamed lets each test have topics of its own.
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
