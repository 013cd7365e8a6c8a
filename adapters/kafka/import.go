package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/understudy-io/understudy/domain"
)

// KeepTimes makes topics keep the times that their records come with, for an
// import, or stamp them with the broker's own again, as every server needs it.
func (l *Log) KeepTimes(ctx context.Context, topics []string, keep bool) error {
	value := "LogAppendTime"
	if keep {
		value = "CreateTime"
	}
	request := &kafkago.IncrementalAlterConfigsRequest{}
	for _, t := range topics {
		request.Resources = append(request.Resources, kafkago.IncrementalAlterConfigsRequestResource{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: t,
			Configs: []kafkago.IncrementalAlterConfigsRequestConfig{{Name: "message.timestamp.type", Value: value, ConfigOperation: kafkago.ConfigOperationSet}},
		})
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.QueryTimeout)
	defer cancel()
	answer, err := l.client().IncrementalAlterConfigs(ctx, request)
	if err != nil {
		return fmt.Errorf("set message.timestamp.type=%s: %w", value, callError(err))
	}
	var faults []error
	for _, r := range answer.Resources {
		if r.Error != nil {
			faults = append(faults, fmt.Errorf("set message.timestamp.type=%s of %s: %w", value, r.ResourceName, topicError(r.Error)))
		}
	}
	return errors.Join(faults...)
}

// Import appends stored records to a partition as one batch, each with its own
// time; one above Config.MaxBatchBytes is compressed: a log may hold a record that came
// so, and is larger than its topic takes. The topic must keep times: see KeepTimes. It gives the offset of the first
// one, and is not tried again: who does not know whether it landed looks.
func (l *Log) Import(ctx context.Context, topic string, p int32, messages []domain.Stored) (offset int64, err error) {
	if !l.open() {
		return 0, errClosed
	}
	at := partition{topic, p}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.AppendTimeout)
	defer cancel()
	brokers, faults, err := l.writing.leaders(ctx, []partition{at})
	if err == nil {
		err = faults[0]
	}
	if err != nil {
		return 0, fmt.Errorf("import into %s/%d: %w", topic, p, callError(err))
	}
	batch := appendStored(nil, messages)
	if len(batch) > l.cfg.MaxBatchBytes {
		if batch, err = compressed(batch); err != nil {
			return 0, fmt.Errorf("import into %s/%d: %w", topic, p, err)
		}
	}
	answer, err := l.writing.send(ctx, newImport(brokers[0], l.cfg.ClientID, topic, p, batch, l.cfg.AppendTimeout))
	if err != nil {
		return 0, fmt.Errorf("import into %s/%d: %w", topic, p, landed(callError(err)))
	}
	for _, done := range answer.(*produceAnswer).partitions {
		if done.partition == at {
			if done.code != 0 {
				return 0, fmt.Errorf("import into %s/%d: %w", topic, p, landed(codeError(done.code)))
			}
			return done.offset, nil
		}
	}
	return 0, fmt.Errorf("import into %s/%d: %w", topic, p, errUnanswered)
}

func newImport(broker int32, clientID, topic string, p int32, batch []byte, patience time.Duration) *produceRequest {
	m := &produceRequest{exchanged: exchanged{broker: broker, clientID: clientID}, correlation: correlations.Add(1)}
	buf := request(nil, protocol.Produce, produceVersion, m.correlation, clientID)
	buf = binary.BigEndian.AppendUint16(buf, 0xffff) // no transaction
	buf = binary.BigEndian.AppendUint16(buf, uint16(acksAll&0xffff))
	buf = binary.BigEndian.AppendUint32(buf, uint32(max(1, patience.Milliseconds())))
	one := []domain.Batch{{Topic: topic, Partition: p}}
	m.frame = appendTopics(buf, one, func(b *domain.Batch) string { return b.Topic }, func(buf []byte, b *domain.Batch) []byte {
		buf = binary.BigEndian.AppendUint32(buf, uint32(b.Partition))
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(batch)))
		return append(buf, batch...)
	})
	return m
}

// compressed is the batch with its records compressed.
func compressed(batch []byte) ([]byte, error) {
	out := bytes.NewBuffer(bytes.Clone(batch[:headerSize]))
	w := compress.Zstd.Codec().NewWriter(out)
	_, err := w.Write(batch[headerSize:])
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress a batch of %d bytes: %w", len(batch), err)
	}
	b := out.Bytes()
	b[atAttributes+1] |= byte(compress.Zstd)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atLength-4))
	binary.BigEndian.PutUint32(b[atChecksum:], crc32.Checksum(b[atAttributes:], castagnoli))
	return b, nil
}

// appendStored is appendBatch with a time for each record.
func appendStored(buf []byte, messages []domain.Stored) []byte {
	first := int64(messages[0].Appended) / int64(time.Millisecond)
	latest := first
	var records []byte
	for i := range messages {
		at := int64(messages[i].Appended) / int64(time.Millisecond)
		latest = max(latest, at)
		size := recordSize(&messages[i].Message, int64(i)) - 1 + int64(varintSize(at-first))
		records = binary.AppendVarint(records, size)
		records = append(records, 0)
		records = binary.AppendVarint(records, at-first)
		plain := appendRecord(nil, &messages[i].Message, int64(i))
		// Behind its size, its attributes and its time the record is the same.
		_, n := binary.Varint(plain)
		records = append(records, plain[n+2:]...)
	}
	start := len(buf)
	buf = appendBatch(buf, nil, first)
	batch := append(buf[start:], records...)
	binary.BigEndian.PutUint32(batch[atLastDelta:], uint32(len(messages)-1))
	binary.BigEndian.PutUint32(batch[atCount:], uint32(len(messages)))
	binary.BigEndian.PutUint64(batch[atMaxTime:], uint64(latest))
	binary.BigEndian.PutUint32(batch[atLength:], uint32(len(batch)-atLength-4))
	binary.BigEndian.PutUint32(batch[atChecksum:], crc32.Checksum(batch[atAttributes:], castagnoli))
	return append(buf[:start], batch...)
}
