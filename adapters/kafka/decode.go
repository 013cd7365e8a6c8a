package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/compress"

	"github.com/understudy-io/understudy/domain"
)

// decodeBatches reads a fetched run of batches: the messages at offset from
// and behind it, and the offset to ask for next. The messages share memory
// with records. A batch that is cut off at the end is left for the next fetch, and
// so are all batches once there is no room: what messages take is taken off it.
func decodeBatches(records []byte, from int64, room *int) (messages []domain.Stored, next int64, err error) {
	next = from
	whole := 0
	for ; len(records) >= atLength+4; whole++ {
		if *room <= 0 {
			return messages, next, nil
		}
		size := int64(atLength+4) + int64(int32(binary.BigEndian.Uint32(records[atLength:])))
		if size < headerSize {
			return messages, next, fmt.Errorf("%w: behind offset %d stands a batch of %d bytes; a batch has at least %d",
				domain.ErrCorrupt, next, size, headerSize)
		}
		if size > int64(len(records)) {
			break
		}
		batch := records[:size:size]
		records = records[size:]
		first, last, err := checkBatch(batch)
		if err != nil {
			return messages, next, err
		}
		if last < next {
			continue
		}
		if binary.BigEndian.Uint16(batch[atAttributes:])&controlBit == 0 {
			var held int
			messages, held = decodeRecords(messages, batch, first, last, from)
			*room -= held
		}
		next = last + 1
	}
	if whole == 0 && len(records) > 0 {
		return nil, next, fmt.Errorf("%w: the broker sent %d bytes for offset %d, and not one whole batch; "+
			"raise max_bytes above the topic's max.message.bytes", domain.ErrCorrupt, len(records), from)
	}
	return messages, next, nil
}

// checkBatch verifies a batch's header and checksum and gives its offsets.
func checkBatch(batch []byte) (first, last int64, err error) {
	first = int64(binary.BigEndian.Uint64(batch))
	if batch[atMagic] != magic2 {
		return 0, 0, fmt.Errorf("%w: the batch at offset %d has message format %d; only format 2 (Kafka 0.11 and newer) is read",
			domain.ErrCorrupt, first, batch[atMagic])
	}
	if sum := binary.BigEndian.Uint32(batch[atChecksum:]); sum != crc32.Checksum(batch[atAttributes:], castagnoli) {
		return 0, 0, fmt.Errorf("%w: the batch at offset %d does not match its checksum", domain.ErrCorrupt, first)
	}
	delta := int32(binary.BigEndian.Uint32(batch[atLastDelta:]))
	if first < 0 || delta < 0 {
		return 0, 0, fmt.Errorf("%w: the batch at offset %d spans %d offsets", domain.ErrCorrupt, first, int64(delta)+1)
	}
	return first, first + int64(delta), nil
}

// decodeRecords adds the records of a checked batch at offset from and behind
// it, and says what memory that took. What its producer wrote may still be
// nonsense, or above the limits. Then the whole batch becomes one message without
// any content, at its first wanted offset: nobody can understand it, everybody sees
// the same, and nobody stops.
func decodeRecords(messages []domain.Stored, batch []byte, first, last, from int64) (_ []domain.Stored, held int) {
	attributes := binary.BigEndian.Uint16(batch[atAttributes:])
	firstTime := int64(binary.BigEndian.Uint64(batch[atFirstTime:]))
	maxTime := int64(binary.BigEndian.Uint64(batch[atMaxTime:]))
	had := len(messages)

	body, ok := unpack(batch[headerSize:], compress.Compression(attributes&compressionBits))
	count := int64(int32(binary.BigEndian.Uint32(batch[atCount:])))
	var parts int64
	if ok {
		parts, ok = countHeaders(body, count)
	}
	var headers []domain.Header
	if ok {
		messages, headers = slices.Grow(messages, int(count)), make([]domain.Header, 0, parts)
	}
	r := reader{buf: body}
	before := first - 1
	for i := int64(0); ok && i < count; i++ {
		var m domain.Stored
		m, headers, ok = decodeRecord(&r, headers)
		m.Offset += first
		ok = ok && m.Offset > before && m.Offset <= last
		before = m.Offset
		if m.Offset < from {
			continue
		}
		if attributes&appendTimeBit != 0 {
			m.Appended = domain.Millis(maxTime)
		} else {
			m.Appended += domain.Millis(firstTime)
		}
		messages = append(messages, m)
	}
	if ok {
		return messages, len(body) + messageSize*int(count) + headerPartSize*int(parts)
	}
	return append(messages[:had], domain.Stored{Offset: max(first, from), Appended: domain.Millis(maxTime)}), len(body) + messageSize
}

// decodeRecord reads one record; its offset and time are relative to the
// batch's first. Headers come from a slab that the records of a batch share, and
// that has room for all that countHeaders has counted.
func decodeRecord(r *reader, slab []domain.Header) (domain.Stored, []domain.Header, bool) {
	var m domain.Stored
	body := reader{buf: r.varbytes()}
	if body.buf == nil || r.failed {
		return m, slab, false
	}
	body.i8() // attributes: none are defined
	m.Appended = domain.Millis(body.varint())
	m.Offset = body.varint()
	m.Key = body.varbytes()
	m.Value = body.varbytes()
	start := len(slab)
	for range body.varint() {
		key := body.varbytes()
		if key == nil {
			return m, slab, false
		}
		slab = append(slab, domain.Header{Key: headerName(key), Value: body.varbytes()})
	}
	if len(slab) > start {
		m.Headers = slab[start:len(slab):len(slab)]
	}
	return m, slab, !body.failed && len(body.buf) == 0
}

// headerName makes a string of a header's key; those that most records
// have cost no memory.
func headerName(key []byte) string {
	switch string(key) {
	case "ce_specversion":
		return "ce_specversion"
	case "ce_id":
		return "ce_id"
	case "ce_source":
		return "ce_source"
	case "ce_type":
		return "ce_type"
	case "ce_time":
		return "ce_time"
	case "ce_subject":
		return "ce_subject"
	case "content-type":
		return "content-type"
	case "ce_epoch":
		return "ce_epoch"
	case "ce_sequence":
		return "ce_sequence"
	case "ce_keyid":
		return "ce_keyid"
	case "ce_mac":
		return "ce_mac"
	}
	return string(key)
}

// unpack decompresses the records of a batch; false if they do not unpack, or
// to more than MaxUnpacked bytes.
func unpack(packed []byte, with compress.Compression) ([]byte, bool) {
	if with == compress.None {
		return packed, true
	}
	codec := with.Codec()
	if codec == nil {
		return nil, false
	}
	r := codec.NewReader(bytes.NewReader(packed))
	defer func() { _ = r.Close() }() // it only returns buffers to a pool
	body, err := io.ReadAll(io.LimitReader(r, MaxUnpacked+1))
	return body, err == nil && len(body) <= MaxUnpacked
}
