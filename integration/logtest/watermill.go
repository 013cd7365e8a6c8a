package logtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/kafka"
)

// features are what publisher and subscriber promise, and why not the others.
var features = tests.Features{
	// Not declared: which server reads what is no matter of consumer groups
	// here, each reads everything and keeps its own position.
	ConsumerGroups: false,
	// Not declared: a refused or repeated message comes again; "one UID, one
	// effect" is the fold's promise, not the transport's.
	ExactlyOnceDelivery: false,
	// Not declared: a context does not travel through a log.
	ContextPreserved: false,
	// Not declared: no command line restarts the brokers under test so that
	// they keep their ports. The adapter's tests cut connections, those of
	// infra/broker kill the process.
	RestartServiceCommand: nil,

	GuaranteedOrder:                     true,
	GuaranteedOrderWithSingleSubscriber: false, // the stronger promise above is given
	Persistent:                          true,
	RequireSingleInstance:               false,
	NewSubscriberReceivesOldMessages:    true,
}

// RunWatermill runs Watermill's own conformance suite on brokers, on topics of
// its own, each with so many replicas.
func RunWatermill(t *testing.T, brokers []string, replicas int) {
	construct := func(t *testing.T) (message.Publisher, message.Subscriber) {
		l, err := kafka.Open(kafka.Config{Brokers: brokers}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return kafka.NewPublisher(l), creating{
			Subscriber: kafka.NewSubscriber(l, kafka.SubscriberConfig{RedeliverAfter: time.Millisecond}),
			log:        l, brokers: brokers, replicas: replicas,
		}
	}
	tests.TestPubSub(t, features, construct, func(t *testing.T, _ string) (message.Publisher, message.Subscriber) { return construct(t) })
}

// creating makes the suite's topics, as EnsureTopics makes a landscape's.
type creating struct {
	*kafka.Subscriber
	log      *kafka.Log
	brokers  []string
	replicas int
}

// SubscribeInitialize creates a topic, and waits until its leader answers.
func (c creating) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := &kafkago.Client{Addr: kafkago.TCP(c.brokers...)}
	out, err := client.CreateTopics(ctx, &kafkago.CreateTopicsRequest{
		Topics: []kafkago.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: c.replicas}}})
	if err != nil {
		return err
	}
	if err := out.Errors[topic]; err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	for {
		_, err := c.log.Bounds(ctx, topic)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
