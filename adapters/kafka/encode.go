package kafka

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/understudy-io/understudy/domain"
)

// The layout of a record batch of version 2: what stands where in its header.
const (
	atLength      = 8 // counts what follows it
	atLeaderEpoch = 12
	atMagic       = 16
	atChecksum    = 17 // CRC-32C over all that follows it
	atAttributes  = 21
	atLastDelta   = 23
	atFirstTime   = 27
	atMaxTime     = 35
	atProducer    = 43
	atCount       = 57
	headerSize    = 61
)

// The bits of a batch's attributes.
const (
	compressionBits = 0x07
	appendTimeBit   = 0x08
	controlBit      = 0x20
)

const magic2 = 2

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendBatch encodes messages as one batch of version 2, uncompressed, all
// with the same time of creation.
func appendBatch(buf []byte, messages []domain.Message, createdMillis int64) []byte {
	start := len(buf)
	var head [headerSize]byte
	h := head[:]
	binary.BigEndian.PutUint32(h[atLeaderEpoch:], ^uint32(0)) // the broker fills it in
	h[atMagic] = magic2
	binary.BigEndian.PutUint32(h[atLastDelta:], uint32(len(messages)-1))
	binary.BigEndian.PutUint64(h[atFirstTime:], uint64(createdMillis))
	binary.BigEndian.PutUint64(h[atMaxTime:], uint64(createdMillis))
	for i := atProducer; i < atCount; i++ {
		h[i] = 0xff // no producer id, epoch or sequence: kafka-go has no idempotent producer
	}
	binary.BigEndian.PutUint32(h[atCount:], uint32(len(messages)))
	buf = append(buf, h...)

	for i := range messages {
		buf = appendRecord(buf, &messages[i], int64(i))
	}
	batch := buf[start:]
	binary.BigEndian.PutUint32(batch[atLength:], uint32(len(batch)-atLength-4))
	binary.BigEndian.PutUint32(batch[atChecksum:], crc32.Checksum(batch[atAttributes:], castagnoli))
	return buf
}

func appendRecord(buf []byte, m *domain.Message, delta int64) []byte {
	buf = binary.AppendVarint(buf, recordSize(m, delta))
	buf = append(buf, 0)              // attributes: none are defined
	buf = binary.AppendVarint(buf, 0) // time, relative to the batch's first
	buf = binary.AppendVarint(buf, delta)
	buf = appendVarbytes(buf, m.Key)
	buf = appendVarbytes(buf, m.Value)
	buf = binary.AppendVarint(buf, int64(len(m.Headers)))
	for i := range m.Headers {
		buf = binary.AppendVarint(buf, int64(len(m.Headers[i].Key)))
		buf = append(buf, m.Headers[i].Key...)
		buf = appendVarbytes(buf, m.Headers[i].Value)
	}
	return buf
}

// appendVarbytes writes a field with its length; nil is null, which is not the
// same as empty.
func appendVarbytes(buf, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(buf, -1)
	}
	buf = binary.AppendVarint(buf, int64(len(b)))
	return append(buf, b...)
}

func recordSize(m *domain.Message, delta int64) int64 {
	n := 2 + varintSize(delta) + varbytesSize(m.Key) + varbytesSize(m.Value) + varintSize(int64(len(m.Headers)))
	for i := range m.Headers {
		n += varintSize(int64(len(m.Headers[i].Key))) + len(m.Headers[i].Key) + varbytesSize(m.Headers[i].Value)
	}
	return int64(n)
}

func varbytesSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func varintSize(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	n := 1
	for u >= 0x80 {
		u >>= 7
		n++
	}
	return n
}

// batchSize is how long appendBatch makes a batch.
func batchSize(messages []domain.Message) int {
	n := headerSize
	for i := range messages {
		size := recordSize(&messages[i], int64(i))
		n += varintSize(size) + int(size)
	}
	return n
}
