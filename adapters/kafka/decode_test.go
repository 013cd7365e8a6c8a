package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go/compress"

	"github.com/understudy-io/understudy/domain"
)

const created = 1_700_000_000_000

var three = []domain.Message{
	{Key: []byte("k"), Value: []byte("one"), Headers: []domain.Header{{Key: "ce_id", Value: []byte("1")}, {Key: "other"}}},
	{Value: []byte{}},
	{Key: []byte{}},
}

// change edits an encoded batch and makes its checksum right again.
func change(batch []byte, edit func([]byte)) []byte {
	batch = bytes.Clone(batch)
	edit(batch)
	binary.BigEndian.PutUint32(batch[atChecksum:], crc32.Checksum(batch[atAttributes:], castagnoli))
	return batch
}

func at(first int64) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint64(b, uint64(first)) }
}

func setAttribute(bit byte) func([]byte) { return func(b []byte) { b[atAttributes+1] |= bit } }

func packed(t testing.TB, batch []byte, codec compress.Compression) []byte {
	t.Helper()
	out := bytes.NewBuffer(bytes.Clone(batch[:headerSize]))
	w := codec.Codec().NewWriter(out)
	if _, err := w.Write(batch[headerSize:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return change(out.Bytes(), func(b []byte) {
		b[atAttributes+1] |= byte(codec)
		binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atLength-4))
	})
}

func stored(first int64, appended domain.Instant) []domain.Stored {
	var out []domain.Stored
	for i, m := range three {
		out = append(out, domain.Stored{Message: m, Offset: first + int64(i), Appended: appended})
	}
	return out
}

// decode reads batches with all the room that an answer has.
func decode(records []byte, from int64) ([]domain.Stored, int64, error) {
	room := maxHeld
	return decodeBatches(records, from, &room)
}

func expect(t *testing.T, records []byte, from int64, wanted []domain.Stored, wantedNext int64) {
	t.Helper()
	got, next, err := decode(records, from)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(wanted, got); d != "" || next != wantedNext {
		t.Fatalf("next %d, wanted %d; messages (- wanted, + got):\n%s", next, wantedNext, d)
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	b := appendBatch(nil, three, created)
	if len(b) != batchSize(three) {
		t.Fatalf("encoded %d bytes, foretold %d", len(b), batchSize(three))
	}
	expect(t, b, 0, stored(0, domain.Millis(created)), 3)
	for _, codec := range []compress.Compression{compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		expect(t, packed(t, b, codec), 0, stored(0, domain.Millis(created)), 3)
	}
}

func TestTheBrokersTimeCountsWhereItSaysSo(t *testing.T) {
	b := change(appendBatch(nil, three, created), func(b []byte) {
		setAttribute(appendTimeBit)(b)
		binary.BigEndian.PutUint64(b[atMaxTime:], created+5)
	})
	expect(t, b, 0, stored(0, domain.Millis(created+5)), 3)
}

func TestRecordsBelowTheWantedOffsetAreSkipped(t *testing.T) {
	two := append(change(appendBatch(nil, three, created), at(10)), change(appendBatch(nil, three, created), at(13))...)
	expect(t, two, 12, append(stored(10, domain.Millis(created))[2:], stored(13, domain.Millis(created))...), 16)
	expect(t, two, 14, stored(13, domain.Millis(created))[1:], 16)
}

func TestControlBatchesAreSkippedAndTheirOffsetsPassed(t *testing.T) {
	mark := change(appendBatch(nil, three[:1], created), func(b []byte) { at(3)(b); setAttribute(controlBit)(b) })
	data := appendBatch(nil, three, created)
	expect(t, append(bytes.Clone(data), mark...), 0, stored(0, domain.Millis(created)), 4)
	expect(t, mark, 3, nil, 4)
}

func TestABatchCutOffAtTheEndIsLeft(t *testing.T) {
	first := appendBatch(nil, three, created)
	second := change(appendBatch(nil, three, created), at(3))
	for cut := range second {
		expect(t, append(bytes.Clone(first), second[:cut]...), 0, stored(0, domain.Millis(created)), 3)
	}
	if _, _, err := decode(first[:len(first)-1], 0); !errors.Is(err, domain.ErrCorrupt) {
		t.Fatalf("half a batch and no more: %v, wanted %v, or a reader would turn in a circle", err, domain.ErrCorrupt)
	}
}

func TestDamageIsSeen(t *testing.T) {
	b := appendBatch(nil, three, created)
	for i := atAttributes; i < len(b); i++ {
		damaged := bytes.Clone(b)
		damaged[i] ^= 1
		if _, _, err := decode(damaged, 0); !errors.Is(err, domain.ErrCorrupt) {
			t.Fatalf("byte %d changed: %v, wanted %v", i, err, domain.ErrCorrupt)
		}
	}
	old := bytes.Clone(b)
	old[atMagic] = 1
	if _, _, err := decode(old, 0); !errors.Is(err, domain.ErrCorrupt) {
		t.Fatalf("message format 1: %v, wanted %v", err, domain.ErrCorrupt)
	}
}

func TestNonsenseInsideASoundBatchIsOneEmptyMessage(t *testing.T) {
	sound := appendBatch(nil, three, created)
	empty := func(offset int64) []domain.Stored {
		return []domain.Stored{{Offset: offset, Appended: domain.Millis(created)}}
	}
	bomb := func() []byte {
		zeros := appendBatch(nil, []domain.Message{{Value: make([]byte, MaxUnpacked)}}, created)
		return change(packed(t, zeros, compress.Gzip), func(b []byte) { b[atLastDelta+3] = 2 })
	}
	for name, b := range map[string][]byte{
		"no records at all":            change(sound[:headerSize], func(b []byte) { binary.BigEndian.PutUint32(b[atLength:], headerSize-atLength-4) }),
		"more records than claimed":    change(sound, func(b []byte) { b[atCount+3] = 4 }),
		"a negative count":             change(sound, func(b []byte) { b[atCount] = 0xff }),
		"a huge count":                 change(sound, func(b []byte) { b[atCount] = 0x7f }),
		"a record longer than all":     change(sound, func(b []byte) { b[headerSize] = 0x7e }),
		"an unknown compression":       change(sound, setAttribute(7)),
		"compressed with what is none": change(sound, setAttribute(byte(compress.Zstd))),
		"a bomb":                       bomb(),
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, b, 0, empty(0), 3)
			expect(t, b, 2, empty(2), 3)
		})
	}
}

func TestManyHeadersCostNoMemoryForKnownNames(t *testing.T) {
	m := domain.Message{Value: []byte("v")}
	for _, k := range []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type"} {
		m.Headers = append(m.Headers, domain.Header{Key: k, Value: []byte(strings.Repeat("x", 20))})
	}
	const n = 100
	var messages []domain.Message
	for range n {
		messages = append(messages, m)
	}
	b := appendBatch(nil, messages, created)
	if allocations := testing.AllocsPerRun(10, func() { _, _, _ = decode(b, 0) }); allocations > n/2 {
		t.Fatalf("%v allocations for %d records", allocations, n)
	}
}

func FuzzDecodeBatches(f *testing.F) {
	b := appendBatch(nil, three, created)
	f.Add(b, int64(0), false)
	f.Add(append(bytes.Clone(b), change(b, at(3))...), int64(4), false)
	f.Add(change(b, setAttribute(appendTimeBit|controlBit)), int64(0), true)
	for _, codec := range []compress.Compression{compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		f.Add(packed(f, b, codec), int64(1), true)
	}
	f.Fuzz(func(t *testing.T, records []byte, from int64, seal bool) {
		if seal && len(records) > headerSize { // get past the checksum
			records[atMagic] = magic2
			binary.BigEndian.PutUint32(records[atLength:], uint32(len(records)-atLength-4))
			records = change(records, func([]byte) {})
		}
		got, next, _ := decode(records, from)
		if next < from {
			t.Fatalf("next is %d, before %d", next, from)
		}
		before := from - 1
		for i := range got {
			if got[i].Offset <= before || got[i].Offset >= next {
				t.Fatalf("offset %d behind %d, with next %d", got[i].Offset, before, next)
			}
			before = got[i].Offset
		}
	})
}

func FuzzDecodeFetched(f *testing.F) {
	f.Add([]byte{})
	f.Add(fetched(partition{"t", 1}, 0, appendBatch(nil, three, created)))
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _ = decodeFetched(body, map[partition]int64{{"t", 1}: 0})
		_, _ = decodeProduced(body)
		_, _ = decodeRights(body)
	})
}

// fetched encodes an answer of one partition.
func fetched(p partition, code int16, records []byte) []byte {
	b := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	b = appendString(b, p.topic)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(p.id))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	for range 3 { // high watermark, last stable offset, start
		b = binary.BigEndian.AppendUint64(b, 3)
	}
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // no aborted transactions
	b = binary.BigEndian.AppendUint32(b, ^uint32(0)) // no preferred replica
	b = binary.BigEndian.AppendUint32(b, uint32(len(records)))
	return append(b, records...)
}
