package kafka

// The limits on what one batch may hold. They decide what a batch means, so they
// are the same for everybody, for ever. A batch above one of them holds no records
// for anybody: see decodeRecords.
//
// A record of seven bytes and a header of two become structs of 88 and 40 bytes, and
// both compress to almost nothing. So bytes alone are no bound on memory.
const (
	// MaxUnpacked bounds the bytes that a compressed batch unpacks to.
	MaxUnpacked = 64 << 20
	// MaxHeaders bounds the headers of one record.
	MaxHeaders = 1_000
	// MaxParts bounds the records and the headers of a batch, counted together.
	MaxParts = 500_000
)

// maxHeld bounds what the messages of one answer of a broker take in memory: where
// they have come to as much, the rest of the answer is left for the next fetch. One
// batch more than that may be held. It decides nothing.
const maxHeld = 32 << 20

// What a message and a header take in memory, besides their bytes.
const (
	messageSize    = 88
	headerPartSize = 40
)

// The shortest encoded record has seven fields of one byte, the shortest header two.
const (
	minRecord = 7
	minHeader = 2
)

// Within says whether the records of a batch, unpacked, keep to the limits.
func Within(body []byte, count int32) bool {
	_, ok := countHeaders(body, int64(count))
	return ok
}

// countHeaders adds up how many headers the records say that they have. It builds
// nothing; false for what are no records, or too many parts.
func countHeaders(body []byte, count int64) (headers int64, ok bool) {
	if count < 0 || count > MaxParts || count > int64(len(body)/minRecord) {
		return 0, false
	}
	r := reader{buf: body}
	for range count {
		record := reader{buf: r.varbytes()}
		record.i8() // the fields before the headers: see decodeRecord
		record.varint()
		record.varint()
		record.varbytes()
		record.varbytes()
		n := record.varint()
		if r.failed || record.failed || n < 0 || n > MaxHeaders || n > int64(len(record.buf)/minHeader) {
			return 0, false
		}
		if headers += n; count+headers > MaxParts {
			return 0, false
		}
	}
	return headers, true
}
