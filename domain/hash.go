package domain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Hash is a state hash: the sum, lane by lane modulo 2^64, of the SHA-256
// hashes of all entries of a state. A sum does not depend on an order, so a
// change costs one subtraction and one addition, whatever the size of the state.
type Hash [4]uint64

// Add counts an entry in.
func (h *Hash) Add(entry []byte) {
	for i, x := range lanes(entry) {
		h[i] += x
	}
}

// Remove takes an entry out that Add counted in.
func (h *Hash) Remove(entry []byte) {
	for i, x := range lanes(entry) {
		h[i] -= x
	}
}

// Plus is the sum of two hashes.
func (h Hash) Plus(other Hash) Hash {
	for i := range h {
		h[i] += other[i]
	}
	return h
}

func lanes(entry []byte) (l Hash) {
	sum := sha256.Sum256(entry)
	for i := range l {
		l[i] = binary.BigEndian.Uint64(sum[8*i:])
	}
	return l
}

// String is the hash in 64 hexadecimal digits.
func (h Hash) String() string {
	var b [32]byte
	for i, x := range h {
		binary.BigEndian.PutUint64(b[8*i:], x)
	}
	return hex.EncodeToString(b[:])
}

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != 32 {
		return fmt.Errorf("hash %q: want 64 hexadecimal digits: %w", text, ErrInvalid)
	}
	for i := range h {
		h[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return nil
}
