package kafka

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go/protocol"

	"github.com/understudy-io/understudy/domain"
)

// maxFrame bounds what is read as one response, whatever its length field
// claims.
const maxFrame = 128 << 20

// request begins a frame: room for its length, then the header that Kafka
// calls version 1.
func request(buf []byte, key protocol.ApiKey, version int16, correlation int32, clientID string) []byte {
	buf = append(buf, 0, 0, 0, 0)
	buf = binary.BigEndian.AppendUint16(buf, uint16(key))
	buf = binary.BigEndian.AppendUint16(buf, uint16(version))
	buf = binary.BigEndian.AppendUint32(buf, uint32(correlation))
	return appendString(buf, clientID)
}

func appendString(buf []byte, s string) []byte {
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(s)))
	return append(buf, s...)
}

// appendTopics writes the two nested lists of a request, topics and their
// partitions, from a flat one. It orders the flat list by topic.
func appendTopics[T any](buf []byte, items []T, topic func(*T) string, encode func([]byte, *T) []byte) []byte {
	slices.SortStableFunc(items, func(a, b T) int { return strings.Compare(topic(&a), topic(&b)) })
	topicsAt, topics := len(buf), uint32(0)
	buf = append(buf, 0, 0, 0, 0)
	for i := 0; i < len(items); {
		name := topic(&items[i])
		topics++
		buf = appendString(buf, name)
		partitionsAt, first := len(buf), i
		buf = append(buf, 0, 0, 0, 0)
		for ; i < len(items) && topic(&items[i]) == name; i++ {
			buf = encode(buf, &items[i])
		}
		binary.BigEndian.PutUint32(buf[partitionsAt:], uint32(i-first))
	}
	binary.BigEndian.PutUint32(buf[topicsAt:], topics)
	return buf
}

// exchange sends a finished frame and reads the answer to it, without its
// length and correlation id.
func exchange(rw io.ReadWriter, frame []byte, correlation int32) ([]byte, error) {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := rw.Write(frame); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[:])) - 4
	if size < 0 || size > maxFrame {
		return nil, fmt.Errorf("%w: a response claims to be %d bytes long; is this a Kafka broker?", domain.ErrCorrupt, size)
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != correlation {
		return nil, fmt.Errorf("%w: a response belongs to request %d, not %d", domain.ErrCorrupt, got, correlation)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	return body, nil
}

// reader takes fields off a frame. After the first field that is not there it
// gives zeros, and failed is set; so callers check once, at the end.
type reader struct {
	buf    []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.buf) {
		r.failed, r.buf = true, nil
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

func (r *reader) i8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) i16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) i32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) i64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// count reads the length of a list whose elements take at least size bytes
// each, so that a forged one cannot make us allocate.
func (r *reader) count(size int) int {
	n := int(r.i32())
	if n == -1 { // a null list
		return 0
	}
	if n < 0 || n > len(r.buf)/size {
		r.failed, r.buf = true, nil
		return 0
	}
	return n
}

func (r *reader) string() string { return string(r.take(int(r.i16()))) }

// nullable passes over a string that may be null.
func (r *reader) nullable() {
	if n := r.i16(); n != -1 {
		r.take(int(n))
	}
}

// bytes reads a field with its length; nil for a null one.
func (r *reader) bytes() []byte {
	n := int(r.i32())
	if n == -1 {
		return nil
	}
	return r.take(n)
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.failed, r.buf = true, nil
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// varbytes reads a field with its length as a varint; nil for a null one.
func (r *reader) varbytes() []byte {
	n := r.varint()
	if n == -1 {
		return nil
	}
	if n < 0 || n > int64(len(r.buf)) {
		r.failed, r.buf = true, nil
		return nil
	}
	return r.take(int(n))
}
