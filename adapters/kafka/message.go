package kafka

import (
	"context"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/understudy-io/understudy/domain"
)

// The headers that have a place of their own in a Watermill message.
const (
	headerUID     = "ce_id"      // the message's UUID
	headerSubject = "ce_subject" // decides the partition
)

// toRecord makes a record of a Watermill message: its UUID becomes ce_id, its
// metadata the other headers in alphabetical order, and ce_subject the key.
func toRecord(m *message.Message) domain.Message {
	out := domain.Message{Value: m.Payload, Headers: make([]domain.Header, 0, len(m.Metadata)+1)}
	out.Headers = append(out.Headers, domain.Header{Key: headerUID, Value: []byte(m.UUID)})
	for k, v := range m.Metadata {
		if k != headerUID {
			out.Headers = append(out.Headers, domain.Header{Key: k, Value: []byte(v)})
		}
	}
	slices.SortFunc(out.Headers[1:], func(a, b domain.Header) int {
		if a.Key < b.Key {
			return -1
		}
		return 1 // keys of a map are never equal
	})
	if subject := m.Metadata.Get(headerSubject); subject != "" {
		out.Key = []byte(subject)
	}
	return out
}

// place is where a Watermill message stands in the log.
type place struct {
	topic    string
	position domain.Position
	appended domain.Instant
}

type placeKey struct{}

// PlaceOf says where a message that a Subscriber delivered stands in the log,
// and when it was appended.
func PlaceOf(m *message.Message) (topic string, at domain.Position, appended domain.Instant, ok bool) {
	p, ok := m.Context().Value(placeKey{}).(place)
	return p.topic, p.position, p.appended, ok
}

// fromRecord makes a Watermill message of a record; of headers with the same
// name the first counts. The memory is the message's own.
func fromRecord(ctx context.Context, topic string, partition int32, r *domain.Stored) *message.Message {
	uid, _ := r.Header(headerUID)
	m := message.NewMessage(string(uid), slices.Clone(r.Value))
	for _, h := range r.Headers {
		if _, had := m.Metadata[h.Key]; !had && h.Key != headerUID {
			m.Metadata.Set(h.Key, string(h.Value))
		}
	}
	m.SetContext(context.WithValue(ctx, placeKey{}, place{topic, domain.Position{Partition: partition, Offset: r.Offset}, r.Appended}))
	return m
}
