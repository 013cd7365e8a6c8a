package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
)

// Producer is a Kafka client that knows nothing of this module but its
// documentation. It writes whatever it is told to.
type Producer struct {
	client *kafkago.Client
}

// produceWithin bounds one append.
const produceWithin = 10 * time.Second

// NewProducer connects to the landscape's brokers directly, past the relays.
func (l *Landscape) NewProducer() *Producer {
	return &Producer{client: &kafkago.Client{Addr: kafkago.TCP(l.Run.Kafka...), Timeout: produceWithin, Transport: &kafkago.Transport{MetadataTTL: time.Second}}}
}

// Headers are Kafka headers, in any order.
type Headers map[string]string

// CommandHeaders are those of a command in JSON, as docs/log-format.md has them.
func CommandHeaders(device, uid, kind string) Headers {
	return Headers{
		"ce_specversion": "1.0", "ce_id": uid, "ce_source": "/test/producer", "ce_type": kind,
		"ce_time": time.Now().UTC().Format(time.RFC3339Nano), "ce_subject": device, "content-type": "application/json",
	}
}

// With gives the headers with some of them set anew; an empty value leaves one out.
func (h Headers) With(pairs ...string) Headers {
	out := maps.Clone(h)
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "" {
			delete(out, pairs[i])
		}
	}
	return out
}

// Send appends one record and says where it stands, once the broker has
// acknowledged it.
func (p *Producer) Send(ctx context.Context, topic string, partition int32, key string, h Headers, value []byte) (domain.Position, error) {
	var headers []kafkago.Header
	for _, k := range slices.Sorted(maps.Keys(h)) {
		headers = append(headers, kafkago.Header{Key: k, Value: []byte(h[k])})
	}
	return p.SendRaw(ctx, topic, partition, key, headers, value)
}

// SendRaw is Send with headers in their order, which may repeat.
func (p *Producer) SendRaw(ctx context.Context, topic string, partition int32, key string, headers []kafkago.Header, value []byte) (domain.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, produceWithin)
	defer cancel()
	r := kafkago.Record{Value: kafkago.NewBytes(value), Headers: headers}
	if key != "" {
		r.Key = kafkago.NewBytes([]byte(key))
	}
	out, err := p.client.Produce(ctx, &kafkago.ProduceRequest{
		Topic: topic, Partition: int(partition), RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(r),
	})
	if err == nil {
		err = out.Error
		for _, e := range out.RecordErrors {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return domain.Position{}, fmt.Errorf("produce to %s/%d: %w", topic, partition, err)
	}
	return domain.Position{Partition: partition, Offset: out.BaseOffset}, nil
}

// LogTopic is the name of the landscape's log.
func (l *Landscape) LogTopic() string { return domain.Topic(l.Run.Landscape, domain.TopicLog) }

// PartitionOf is the partition of a device, by the murmur2 of the client library.
func (l *Landscape) PartitionOf(device string) int32 {
	all := make([]int, l.Run.Partitions())
	for i := range all {
		all[i] = i
	}
	return int32(kafkago.Murmur2Balancer{}.Balance(kafkago.Message{Key: []byte(device)}, all...))
}

// Command sends a command in JSON to where it belongs.
func (l *Landscape) Command(ctx context.Context, p *Producer, h Headers, value string) (domain.Position, error) {
	return p.Send(ctx, l.LogTopic(), l.PartitionOf(h["ce_subject"]), h["ce_subject"], h, []byte(value))
}
