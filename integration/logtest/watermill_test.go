package logtest_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/infra/broker"
)

// TestWatermillsOwnContract runs Watermill's conformance suite.
func TestWatermillsOwnContract(t *testing.T) {
	b, err := broker.Start(t.Context(), broker.Config{Folder: t.TempDir(), Landscape: "logtest", Listen: "127.0.0.1:0"}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })

	features := tests.Features{
		// Not declared: which server reads what is no matter of consumer
		// groups here, each reads everything and keeps its own position.
		ConsumerGroups: false,
		// Not declared: a refused or repeated message comes again; "one UID,
		// one effect" is the fold's promise, not the transport's.
		ExactlyOnceDelivery: false,
		// Not declared: a context does not travel through a log.
		ContextPreserved: false,
		// Not declared: the broker lives in this process, so no command
		// restarts it. The adapter's tests cut connections, infra/broker's
		// kill the process.
		RestartServiceCommand: nil,

		GuaranteedOrder:                     true,
		GuaranteedOrderWithSingleSubscriber: false,
		Persistent:                          true,
		RequireSingleInstance:               false,
		NewSubscriberReceivesOldMessages:    true,
	}
	construct := func(t *testing.T) (message.Publisher, message.Subscriber) {
		l, err := kafka.Open(kafka.Config{Brokers: []string{b.Address()}}, slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return kafka.NewPublisher(l), creating{kafka.NewSubscriber(l, kafka.SubscriberConfig{RedeliverAfter: time.Millisecond}), b.Address()}
	}
	tests.TestPubSub(t, features, construct, func(t *testing.T, _ string) (message.Publisher, message.Subscriber) { return construct(t) })
}

// creating makes the suite's topics, as EnsureTopics makes a landscape's.
type creating struct {
	*kafka.Subscriber
	address string
}

func (c creating) SubscribeInitialize(topic string) error {
	conn, err := kafkago.Dial("tcp", c.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.CreateTopics(kafkago.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1})
}
