// Command outcomes is a Watermill handler that reads what became of commands:
//
//	go run ./docs/examples/outcomes -brokers 127.0.0.1:9092 -landscape main -keys keys
//
// Replace the handler by what your site needs: a ticket, a lamp, a line in a
// database. A handler that returns an error gets the same message again. Where it
// stands is not kept here: see kafka.SubscriberConfig.From.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

// handler prints outcomes. Without a valid MAC nothing is believed.
func handler(c *codec.Codec, out io.Writer) message.NoPublishHandlerFunc {
	return func(m *message.Message) error {
		_, at, appended, ok := kafka.PlaceOf(m)
		if !ok {
			return nil
		}
		record := domain.Stored{Offset: at.Offset, Appended: appended}
		record.Value = m.Payload
		record.Headers = []domain.Header{{Key: "ce_id", Value: []byte(m.UUID)}}
		for name, value := range m.Metadata {
			record.Headers = append(record.Headers, domain.Header{Key: name, Value: []byte(value)})
		}
		r := c.Decode(domain.TopicLog, at.Partition, record)
		ended, ok := r.Payload.(domain.Ended)
		if !ok || !r.Signed {
			return nil
		}
		_, err := fmt.Fprintf(out, "%s %s %s %s\n", r.Position, r.Subject, ended.UID, ended.Outcome)
		return err
	}
}

// run handles messages until the context ends.
func run(ctx context.Context, brokers []string, landscape string, keys codec.Keyring, out io.Writer) error {
	log, err := kafka.Open(kafka.Config{Brokers: brokers, ClientID: "outcomes"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	router.AddConsumerHandler("outcomes", domain.Topic(landscape, domain.TopicLog),
		kafka.NewSubscriber(log, kafka.SubscriberConfig{}), handler(codec.New(landscape, keys), out))
	return router.Run(ctx)
}

func main() {
	brokers := flag.String("brokers", "127.0.0.1:9092", "brokers, host:port, with commas between them")
	landscape := flag.String("landscape", "main", "landscape")
	file := flag.String("keys", "keys", "file with the landscape's keys")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	text, err := os.ReadFile(*file)
	if err == nil {
		var keys codec.Keyring
		if keys, err = codec.ParseKeyFile(text); err == nil {
			err = run(ctx, strings.Split(*brokers, ","), *landscape, keys, os.Stdout)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}
