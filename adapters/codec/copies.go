package codec

import (
	"maps"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// Limits on what a dead letter keeps of a record, beside its value.
const (
	maxKeptHeaders = 64
	maxKeptHeader  = 1024 // bytes of a name, of a value, and of the key
)

// Copy wraps a control record for the elections topic: its value and those of
// its headers that mean anything, so that its MAC can be checked again.
func Copy(control domain.Stored) domain.Copied {
	headers := make(map[string]string, attributes)
	for _, h := range control.Headers {
		if attributeOf(h.Key) != attributes {
			headers[h.Key] = string(h.Value)
		}
	}
	return domain.Copied{Control: control.Offset, Headers: headers, Value: slices.Clone(control.Value), Time: control.Appended}
}

// Original decodes the control record that a copy holds, MAC included, as if it
// were read from the control topic.
func (c *Codec) Original(copied domain.Copied) domain.Record {
	return c.Decode(domain.TopicControl, 0, kept(copied.Control, copied.Time, copied.Headers, copied.Value))
}

// kept is the message that another record keeps.
func kept(offset int64, appended domain.Instant, headers map[string]string, value []byte) domain.Stored {
	m := domain.Stored{Offset: offset, Appended: appended}
	m.Value = value
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		m.Headers = append(m.Headers, domain.Header{Key: name, Value: []byte(headers[name])})
	}
	return m
}

// Bury wraps a record of a topic that was found defective: the message as it
// stands there, and what Decode or the fold said of it. What a dead letter
// cannot hold is cut, so that it can always be written.
func (c *Codec) Bury(topic domain.TopicKind, m domain.Stored, r domain.Record) domain.DeadLetter {
	d := domain.DeadLetter{
		Topic:    c.topics[topic],
		Record:   r.Position,
		Appended: m.Appended,
		Reason:   r.Defect,
		Detail:   r.Detail,
		Headers:  map[string]string{},
	}
	cut := func(b []byte, most int) []byte {
		d.Truncated = d.Truncated || len(b) > most
		return slices.Clone(clip(b, most))
	}
	d.Key = cut(m.Key, maxKeptHeader)
	d.Value = cut(m.Value, domain.MaxDeadLetter)
	for _, h := range m.Headers {
		name := string(cut([]byte(h.Key), maxKeptHeader))
		if _, twice := d.Headers[name]; twice || len(d.Headers) == maxKeptHeaders {
			d.Truncated = true
			continue
		}
		d.Headers[name] = string(cut(h.Value, maxKeptHeader))
	}
	return d
}
