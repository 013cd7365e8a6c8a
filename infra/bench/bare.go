package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

// Bounds of what kafka-go does on its own: as large as it is fast with.
const (
	bareTimeout    = 30 * time.Second
	bareBatch      = 1_000
	bareBatchBytes = 1 << 20
	bareFetchBytes = 4 << 20
)

func mechanism(s kafka.SASL) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case kafka.Plain:
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case kafka.ScramSHA512:
		return scram.Mechanism(scram.SHA512, s.User, s.Password)
	}
	return nil, nil
}

func bareTransport(c kafka.Config) (*kafkago.Transport, error) {
	m, err := mechanism(c.SASL)
	return &kafkago.Transport{ClientID: c.ClientID, TLS: c.TLS, SASL: m, MetadataTTL: time.Minute}, err
}

// removeTopics takes a landscape's topics away again.
func removeTopics(c kafka.Config, landscape string) error {
	t, err := bareTransport(c)
	if err != nil {
		return err
	}
	defer t.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(c.Brokers...), Timeout: bareTimeout, Transport: t}
	var names []string
	for _, k := range []domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter, domain.TopicProbe} {
		names = append(names, domain.Topic(landscape, k))
	}
	answer, err := client.DeleteTopics(context.Background(), &kafkago.DeleteTopicsRequest{Topics: names})
	if err != nil {
		return fmt.Errorf("remove the topics of landscape %s; remove them by hand: %w", landscape, err)
	}
	var faults []error
	for name, err := range answer.Errors {
		if err != nil && !errors.Is(err, kafkago.UnknownTopicOrPartition) {
			faults = append(faults, fmt.Errorf("remove topic %s by hand: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

// bareProduce writes messages in bulk, as any producer with kafka-go would.
type bareProduce struct{ writer *kafkago.Writer }

func newBareProduce(c kafka.Config, topic string) (*bareProduce, error) {
	t, err := bareTransport(c)
	if err != nil {
		return nil, err
	}
	return &bareProduce{&kafkago.Writer{
		Addr: kafkago.TCP(c.Brokers...), Topic: topic, Transport: t, Balancer: kafkago.Murmur2Balancer{},
		RequiredAcks: kafkago.RequireAll, BatchSize: bareBatch, BatchBytes: bareBatchBytes, BatchTimeout: time.Millisecond,
		ReadTimeout: bareTimeout, WriteTimeout: bareTimeout,
	}}, nil
}

func (p *bareProduce) produce(ctx context.Context, messages []kafkago.Message) error {
	if err := p.writer.WriteMessages(ctx, messages...); err != nil {
		return fmt.Errorf("produce in bulk: %w", err)
	}
	return nil
}

func (p *bareProduce) close() error { return p.writer.Close() }

func bareMessage(m domain.Message) kafkago.Message {
	out := kafkago.Message{Key: m.Key, Value: m.Value, Headers: make([]kafkago.Header, len(m.Headers))}
	for i, h := range m.Headers {
		out.Headers[i] = kafkago.Header{Key: h.Key, Value: h.Value}
	}
	return out
}

// bareRead reads a topic from its beginning to where it ends now, all
// partitions at once, with kafka-go's own reader, which decodes the headers.
func bareRead(ctx context.Context, c kafka.Config, topic string, bounds []domain.Bounds) (records int, took time.Duration, err error) {
	m, err := mechanism(c.SASL)
	if err != nil {
		return 0, 0, err
	}
	dialer := &kafkago.Dialer{ClientID: c.ClientID, Timeout: bareTimeout, TLS: c.TLS, SASLMechanism: m}
	var all sync.WaitGroup
	counts, faults := make([]int, len(bounds)), make([]error, len(bounds))
	began := time.Now()
	for p, b := range bounds {
		if b.Start < b.End {
			all.Go(func() { counts[p], faults[p] = bareReadOne(ctx, dialer, c.Brokers, topic, p, b) })
		}
	}
	all.Wait()
	took = time.Since(began)
	for _, n := range counts {
		records += n
	}
	return records, took, errors.Join(faults...)
}

func bareReadOne(ctx context.Context, dialer *kafkago.Dialer, brokers []string, topic string, p int, b domain.Bounds) (n int, err error) {
	r := kafkago.NewReader(kafkago.ReaderConfig{
		Brokers: brokers, Topic: topic, Partition: p, Dialer: dialer, MinBytes: 1, MaxBytes: bareFetchBytes,
		QueueCapacity: bareBatch, MaxWait: 100 * time.Millisecond,
	})
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.SetOffset(b.Start); err != nil {
		return 0, err
	}
	for {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return n, fmt.Errorf("read partition %d with kafka-go: %w", p, err)
		}
		n++
		if m.Offset >= b.End-1 {
			return n, nil
		}
	}
}
