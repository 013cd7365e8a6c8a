package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Fingerprint identifies one stored record: what stood at which offset. The
// zero Fingerprint has no digest and stands for "no record yet".
type Fingerprint struct {
	Offset int64  `msgpack:"offset" json:"offset"`
	Digest []byte `msgpack:"digest" json:"digest"` // SHA-256
}

// FingerprintOf reads a record as the log holds it, with its append time, key,
// headers in their order, and value.
func FingerprintOf(m Stored) Fingerprint {
	h := sha256.New()
	var n [8]byte
	number := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	bytes := func(b []byte) {
		number(int64(len(b)))
		h.Write(b)
	}
	number(m.Offset)
	number(int64(m.Appended))
	bytes(m.Key)
	number(int64(len(m.Headers)))
	for _, x := range m.Headers {
		bytes([]byte(x.Key))
		bytes(x.Value)
	}
	bytes(m.Value)
	return Fingerprint{Offset: m.Offset, Digest: h.Sum(nil)}
}

// Empty says that there was no record to take.
func (f Fingerprint) Empty() bool { return len(f.Digest) == 0 }

// Check compares the record that stands in the log now. An error, which wraps
// ErrCorrupt, means that the log was cut or replaced: stop acting and
// folding, and say so.
func (f Fingerprint) Check(m Stored) error {
	if f.Empty() {
		return nil
	}
	if m.Offset != f.Offset {
		return fmt.Errorf("the log has no record at offset %d any more (the next is at %d): it was cut or replaced; compare it with a backup before going on: %w",
			f.Offset, m.Offset, ErrCorrupt)
	}
	if now := FingerprintOf(m); string(now.Digest) != string(f.Digest) {
		return fmt.Errorf("another record stands at offset %d (now %x, folded %x): the log was replaced; compare it with a backup before going on: %w",
			f.Offset, now.Digest[:8], f.Digest[:min(8, len(f.Digest))], ErrCorrupt)
	}
	return nil
}
