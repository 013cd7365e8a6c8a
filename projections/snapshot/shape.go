package snapshot

import (
	"encoding/binary"
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// maxDepth bounds how deep values of a snapshot may lie in one another.
const maxDepth = 32

// shape walks over msgpack without decoding it, and checks that every length
// that it declares fits the bytes that follow. The decoder reserves memory for
// a list before it reads one of its elements, so a few bytes could otherwise
// ask for all the memory there is. It returns what is behind the first value.
func shape(b []byte, depth int) ([]byte, error) {
	if len(b) == 0 || depth > maxDepth {
		return nil, fmt.Errorf("the snapshot ends early or lies %d values deep: %w", depth, domain.ErrCorrupt)
	}
	c := b[0]
	b = b[1:]
	size, values := 0, 0 // bytes, and values after them, that belong to this one
	switch {
	case c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3: // small numbers, nil, booleans
	case c <= 0x8f:
		values = 2 * int(c&0x0f)
	case c <= 0x9f:
		values = int(c & 0x0f)
	case c <= 0xbf:
		size = int(c & 0x1f)
	case c >= 0xca && c <= 0xd3:
		size = [...]int{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}[c-0xca] // floats and integers
	default:
		width, ok := widths[c]
		if !ok || len(b) < width {
			return nil, fmt.Errorf("the snapshot holds the byte %#x where a value should begin: %w", c, domain.ErrCorrupt)
		}
		var n [8]byte
		copy(n[8-width:], b[:width])
		b = b[width:]
		length := int(binary.BigEndian.Uint64(n[:])) // at most 32 bits
		switch {
		case c >= 0xde: // maps
			values = 2 * length
		case c >= 0xdc: // arrays
			values = length
		default:
			size = length
		}
	}
	if size+values > len(b) { // every value has a byte at least
		return nil, fmt.Errorf("the snapshot declares %d bytes and values, but %d bytes follow: %w", size+values, len(b), domain.ErrCorrupt)
	}
	b = b[size:]
	for range values {
		var err error
		if b, err = shape(b, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// widths are the bytes of the length behind each code that has one: binaries,
// strings, arrays, maps. Extensions are not used.
var widths = map[byte]int{0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4}
