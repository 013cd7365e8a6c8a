package kafka

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"github.com/understudy-io/understudy/domain"
)

// fetchVersion is spoken by Kafka 2.4 up to 4.x; it is the last one without
// the compact encoding.
const fetchVersion = 11

// fetchRequest asks one broker for what stands behind offsets.
type fetchRequest struct {
	exchanged
	correlation int32
}

type fetchAnswer struct {
	fetchRequest
	body []byte
}

// newFetch encodes a request; it orders from by topic.
func newFetch(broker int32, clientID string, from []domain.FetchFrom, wait time.Duration, maxBytes int) *fetchRequest {
	m := &fetchRequest{exchanged: exchanged{broker: broker, clientID: clientID}, correlation: correlations.Add(1)}
	buf := request(make([]byte, 0, 96+64*len(from)), protocol.Fetch, fetchVersion, m.correlation, clientID)
	buf = binary.BigEndian.AppendUint32(buf, ^uint32(0)) // we are no replica
	buf = binary.BigEndian.AppendUint32(buf, uint32(wait.Milliseconds()))
	buf = binary.BigEndian.AppendUint32(buf, 1) // answer with the first byte
	buf = binary.BigEndian.AppendUint32(buf, uint32(maxBytes))
	buf = append(buf, 0)                                 // read_uncommitted: no transaction can hold readers up
	buf = binary.BigEndian.AppendUint32(buf, 0)          // no session
	buf = binary.BigEndian.AppendUint32(buf, ^uint32(0)) // nor one wanted
	buf = appendTopics(buf, from, func(f *domain.FetchFrom) string { return f.Topic }, func(buf []byte, f *domain.FetchFrom) []byte {
		buf = binary.BigEndian.AppendUint32(buf, uint32(f.Partition))
		buf = binary.BigEndian.AppendUint32(buf, ^uint32(0)) // any leader epoch
		buf = binary.BigEndian.AppendUint64(buf, uint64(f.Offset))
		buf = binary.BigEndian.AppendUint64(buf, ^uint64(0)) // only replicas tell where their log starts
		return binary.BigEndian.AppendUint32(buf, uint32(maxBytes))
	})
	buf = binary.BigEndian.AppendUint32(buf, 0) // nothing to forget
	buf = appendString(buf, "")                 // no rack: always read from the leader
	m.frame = buf
	return m
}

// ApiKey names the request for the transport.
func (m *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// RawExchange sends the request and reads the answer; decoding it is left to
// whoever waits for it, so that the connection is free again.
func (m *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if err := m.begin(protocol.Fetch, fetchVersion); err != nil {
		return nil, err
	}
	body, err := exchange(rw, m.frame, m.correlation)
	if err != nil {
		return nil, err
	}
	return &fetchAnswer{body: body}, nil
}

// decodeFetched reads the answer to a request for some offsets, in any order. What
// would take more memory than maxHeld is left for the next request.
func decodeFetched(body []byte, wanted map[partition]int64) ([]domain.Fetched, error) {
	r := reader{buf: body}
	r.i32() // throttled for so long: the broker has waited by itself
	if code := r.i16(); code != 0 {
		return nil, codeError(code)
	}
	r.i32() // session
	room := maxHeld
	out := make([]domain.Fetched, 0, len(wanted))
	for range r.count(6) {
		topic := r.string()
		for range r.count(42) {
			f := domain.Fetched{Topic: topic, Partition: r.i32()}
			code := r.i16()
			f.HighWatermark = r.i64()
			r.i64() // last stable offset: see read_uncommitted
			f.LogStart = r.i64()
			r.take(16 * r.count(16)) // aborted transactions
			r.i32()                  // preferred replica
			records := r.bytes()
			from, ok := wanted[partition{topic, f.Partition}]
			if !ok || r.failed {
				continue
			}
			f.Next = from
			if code != 0 {
				f.Err = codeError(code)
			} else {
				f.Messages, f.Next, f.Err = decodeBatches(records, from, &room)
			}
			out = append(out, f)
		}
	}
	if r.failed {
		return nil, fmt.Errorf("%w: a fetch response of %d bytes cannot be read", domain.ErrCorrupt, len(body))
	}
	return out, nil
}
