package kafka

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"github.com/understudy-io/understudy/domain"
)

// produceVersion is spoken by Kafka 2.1 up to 4.x.
const produceVersion = 7

const acksAll = -1

// produceRequest appends batches to partitions that one broker leads.
type produceRequest struct {
	exchanged
	correlation int32
}

type produceAnswer struct {
	produceRequest
	partitions []producedPartition
}

type producedPartition struct {
	partition
	code   int16
	offset int64
	millis int64
}

// newProduce encodes a request for one batch of each of some partitions. With
// none it is a question that a broker answers without doing anything. It
// orders batches by topic.
func newProduce(broker int32, clientID string, batches []domain.Batch, created time.Time, patience time.Duration) *produceRequest {
	size := 64 + len(clientID)
	for i := range batches {
		size += batchSize(batches[i].Messages) + len(batches[i].Topic) + 18
	}
	m := &produceRequest{exchanged: exchanged{broker: broker, clientID: clientID}, correlation: correlations.Add(1)}
	buf := request(make([]byte, 0, size), protocol.Produce, produceVersion, m.correlation, clientID)
	buf = binary.BigEndian.AppendUint16(buf, 0xffff) // no transaction
	buf = binary.BigEndian.AppendUint16(buf, uint16(acksAll&0xffff))
	buf = binary.BigEndian.AppendUint32(buf, uint32(max(1, patience.Milliseconds())))
	buf = appendTopics(buf, batches, func(b *domain.Batch) string { return b.Topic }, func(buf []byte, b *domain.Batch) []byte {
		buf = binary.BigEndian.AppendUint32(buf, uint32(b.Partition))
		at := len(buf)
		buf = append(buf, 0, 0, 0, 0)
		buf = appendBatch(buf, b.Messages, created.UnixMilli())
		binary.BigEndian.PutUint32(buf[at:], uint32(len(buf)-at-4))
		return buf
	})
	m.frame = buf
	return m
}

// ApiKey names the request for the transport.
func (m *produceRequest) ApiKey() protocol.ApiKey { return protocol.Produce }

// RawExchange sends the request and reads the answer.
func (m *produceRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if err := m.begin(protocol.Produce, produceVersion); err != nil {
		return nil, err
	}
	body, err := exchange(rw, m.frame, m.correlation)
	if err != nil {
		return nil, err
	}
	answer, err := decodeProduced(body)
	if err != nil {
		return nil, err
	}
	return &produceAnswer{partitions: answer}, nil
}

func decodeProduced(body []byte) ([]producedPartition, error) {
	r := reader{buf: body}
	var out []producedPartition
	for range r.count(6) {
		topic := r.string()
		for range r.count(30) {
			p := producedPartition{partition: partition{topic: topic, id: r.i32()}}
			p.code, p.offset, p.millis = r.i16(), r.i64(), r.i64()
			r.i64() // where the log starts
			out = append(out, p)
		}
	}
	if r.failed {
		return nil, fmt.Errorf("%w: a produce response of %d bytes cannot be read", domain.ErrCorrupt, len(body))
	}
	return out, nil
}
