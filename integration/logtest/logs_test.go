package logtest_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/adapters/memlog"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/broker"
	"github.com/understudy-io/understudy/integration/logtest"
)

func TestTheLogInMemory(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Subject {
		now := func() domain.Instant { return domain.InstantOf(time.Now()) }
		c := memlog.New(now, map[string]int32{logtest.LogTopic: logtest.Partitions, logtest.ControlTopic: 1})
		l := c.Open()
		t.Cleanup(func() { _ = l.Close() })
		return logtest.Subject{Log: l, Cut: func(_ context.Context, topic string, partition int32, before int64) error {
			c.Expire(topic, partition, before)
			return nil
		}}
	})
}

func TestTheEmbeddedBroker(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Subject {
		b, err := broker.Start(t.Context(), broker.Config{Folder: t.TempDir(), Landscape: "logtest", Listen: "127.0.0.1:0", Partitions: logtest.Partitions}, slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		l, err := kafka.Open(kafka.Config{Brokers: []string{b.Address()}}, slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		return logtest.Subject{Log: l, Cut: func(ctx context.Context, topic string, partition int32, before int64) error {
			return logtest.CutRecords(ctx, []string{b.Address()}, topic, partition, before)
		}}
	})
}
