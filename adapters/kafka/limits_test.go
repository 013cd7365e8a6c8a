package kafka

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go/compress"

	"github.com/understudy-io/understudy/domain"
)

// batchOf is a batch of count records of these bytes.
func batchOf(records []byte, count int) []byte {
	b := append(appendBatch(nil, nil, created), records...)
	return change(b, func(b []byte) {
		binary.BigEndian.PutUint32(b[atLastDelta:], uint32(count-1))
		binary.BigEndian.PutUint32(b[atCount:], uint32(count))
		binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atLength-4))
	})
}

// recordWith is a record of seven bytes with so many headers of two more: each is an
// empty name and an empty value.
func recordWith(delta, headers int) []byte {
	record := append([]byte{0, 0}, binary.AppendVarint(nil, int64(delta))...) // attributes, time
	record = binary.AppendVarint(append(record, 1, 1), int64(headers))        // no key, no value
	record = append(record, make([]byte, 2*headers)...)
	return append(binary.AppendVarint(nil, int64(len(record))), record...)
}

// recordsWith are so many records, with so many headers each.
func recordsWith(records, headers int) (out []byte) {
	for i := range records {
		out = append(out, recordWith(i, headers)...)
	}
	return out
}

// Some KB, all of sound batches within the limits, must not make a reader hold
// gigabytes. What is left comes with the next fetch.
func TestAnAnswerIsHeldInPartsWhereItUnpacksToMuch(t *testing.T) {
	one := packed(t, appendBatch(nil, []domain.Message{{Key: []byte("gate-1"), Value: make([]byte, 60<<20)}}, created), compress.Zstd)
	var records []byte
	for i := range 4 {
		records = append(records, change(one, at(int64(i)))...)
	}
	for from := range int64(4) {
		room := maxHeld
		messages, next, err := decodeBatches(records, from, &room)
		if err != nil || len(messages) != 1 || messages[0].Offset != from || next != from+1 || len(messages[0].Value) != 60<<20 {
			t.Fatalf("from %d: %d messages, next %d, %v; wanted the one there, whole, and no more", from, len(messages), next, err)
		}
	}
}

// All partitions of an answer share its room, and one of them goes on in any case.
func TestThePartitionsOfAnAnswerShareItsRoom(t *testing.T) {
	big := packed(t, appendBatch(nil, []domain.Message{{Value: make([]byte, maxHeld)}}, created), compress.Zstd)
	small := appendBatch(nil, three, created)
	body := fetched(partition{"t", 1}, 0, append(bytes.Clone(small), change(big, at(3))...))
	second := fetched(partition{"t", 2}, 0, small)
	body = append(body, second[10+4+3+4:]...) // behind what comes before its number
	binary.BigEndian.PutUint32(body[10+4+3:], 2)
	got, err := decodeFetched(body, map[partition]int64{{"t", 1}: 0, {"t", 2}: 0})
	if err != nil || len(got) != 2 {
		t.Fatalf("%d partitions, %v", len(got), err)
	}
	if got[0].Next != 4 || len(got[0].Messages) != 4 || got[0].Err != nil {
		t.Errorf("the first has %d messages, next %d, %v; wanted all 4", len(got[0].Messages), got[0].Next, got[0].Err)
	}
	if got[1].Next != 0 || len(got[1].Messages) != 0 || got[1].Err != nil {
		t.Errorf("the second has %d messages, next %d, %v; wanted none, and to be asked again", len(got[1].Messages), got[1].Next, got[1].Err)
	}
}

// The limits on a batch are part of what it means. These are their edges: whoever
// moves one makes an old log mean something else.
func TestABatchAboveALimitIsOneEmptyMessage(t *testing.T) {
	for name, c := range map[string]struct {
		records []byte
		count   int
		within  bool
	}{
		"1,000 headers":                       {recordWith(0, 1_000), 1, true},
		"1,001 headers":                       {recordWith(0, 1_001), 1, false},
		"500,000 records":                     {recordsWith(500_000, 0), 500_000, true},
		"500,001 records":                     {recordsWith(500_001, 0), 500_001, false},
		"500,000 records and headers":         {recordsWith(50_000, 9), 50_000, true},
		"500,010 records and headers":         {recordsWith(50_001, 9), 50_001, false},
		"64 MiB of headers":                   {recordWith(0, 32<<20-10), 1, false},
		"headers that are claimed, not there": {[]byte{12, 0, 0, 0, 1, 1, 2}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			plain := batchOf(c.records, c.count)
			if got := Within(c.records, int32(c.count)); got != c.within {
				t.Errorf("within the limits: %v, wanted %v", got, c.within)
			}
			for _, b := range [][]byte{plain, packed(t, plain, compress.Zstd)} {
				messages, next, err := decode(b, 0)
				if err != nil || next != int64(c.count) {
					t.Fatalf("next %d, %v", next, err)
				}
				if !c.within {
					if d := cmp.Diff([]domain.Stored{{Appended: domain.Millis(created)}}, messages); d != "" {
						t.Errorf("(- wanted, + got):\n%s", d)
					}
				} else if len(messages) != c.count {
					t.Errorf("%d messages, wanted %d", len(messages), c.count)
				}
			}
		})
	}
}

// What is above a limit is refused before anything is built of it.
func TestHeadersAreCountedBeforeTheyAreBuilt(t *testing.T) {
	plain := batchOf(recordWith(0, 4<<20), 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if messages, _, err := decode(plain, 0); err != nil || len(messages) != 1 || messages[0].Headers != nil {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("a batch of %d bytes took %d more", len(plain), grown)
	}
}

func TestWhatIsHeldIsCountedAsItIs(t *testing.T) {
	if m, h := unsafe.Sizeof(domain.Stored{}), unsafe.Sizeof(domain.Header{}); m != messageSize || h != headerPartSize {
		t.Errorf("a message takes %d bytes and a header %d; %d and %d are counted", m, h, messageSize, headerPartSize)
	}
}
