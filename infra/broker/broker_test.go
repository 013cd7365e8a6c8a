package broker

import (
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

func startBroker(t *testing.T, folder string) *Broker {
	t.Helper()
	b, err := Start(t.Context(), Config{Folder: folder, Landscape: "studio", Listen: "127.0.0.1:0"}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func openLog(t *testing.T, b *Broker) *kafka.Log {
	t.Helper()
	l, err := kafka.Open(kafka.Config{Brokers: []string{b.Address()}}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestARecordGoesRound(t *testing.T) {
	b := startBroker(t, t.TempDir())
	l := openLog(t, b)
	topic := domain.Topic("studio", domain.TopicLog)
	t0 := time.Now()
	if err := l.Warm(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	t.Log("warm", time.Since(t0))
	for range 3 {
		t0 = time.Now()
		out, err := l.Append(t.Context(), []domain.Batch{
			{Topic: topic, Partition: 3, Messages: []domain.Message{{Key: []byte("k"), Value: []byte("v"), Headers: []domain.Header{{Key: "ce_id", Value: []byte("1")}}}}},
			{Topic: topic, Partition: 5, Messages: []domain.Message{{}, {Value: []byte{}}}}})
		t.Log("append", time.Since(t0), out, err)
		t0 = time.Now()
		got, err := l.Fetch(t.Context(), []domain.FetchFrom{{Topic: topic, Partition: 3}, {Topic: topic, Partition: 5}}, time.Second, 1<<20)
		t.Log("fetch", time.Since(t0), err)
		t.Logf("%+v", got)
	}
	t.Log(l.Bounds(t.Context(), topic))
	t.Log(l.CheckTopics(t.Context(), "studio", kafka.TopicSpec{}))
	t.Log(l.CheckTopics(t.Context(), "other", kafka.TopicSpec{}))
	t.Log(l.CheckTopics(t.Context(), "studio", kafka.TopicSpec{Partitions: 4, MaxMessageBytes: 4 << 20}))
}
