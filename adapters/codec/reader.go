package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// reader walks over one msgpack value. It never believes a length: what claims
// to be longer than the rest of the input is an error before anything is made
// of it. The first error stays; everything after it reads as zero.
type reader struct {
	b        []byte
	i        int
	err      error
	fromJSON bool   // b was made by transcode: numbers may stand as their text
	arena    *arena // where texts lie; nil: each for itself
}

// kind is what stands next in the input.
type kind uint8

const (
	kindNone kind = iota
	kindNil
	kindBool
	kindInt  // negative
	kindUint // not negative
	kindFloat32
	kindFloat64
	kindText
	kindBytes
	kindArray
	kindMap
	kindExt
)

var kindNames = [...]string{"nothing", "nil", "a boolean", "an integer", "an integer", "a float", "a float", "text", "bytes", "an array", "a map", "an extension"}

var errShort = errors.New("the value ends too early")

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.i = len(r.b)
}

func (r *reader) expected(what string, got kind) {
	r.fail(fmt.Errorf("expected %s, found %s", what, kindNames[got]))
}

// number reads n bytes as an unsigned number.
func (r *reader) number(n int) uint64 {
	if len(r.b)-r.i < n {
		r.fail(errShort)
		return 0
	}
	b := r.b[r.i:]
	r.i += n
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	}
	return binary.BigEndian.Uint64(b)
}

// next reads one head: the value of a scalar (the bits of a float, the two's
// complement of an integer), or the length of what follows. The lengths of
// arrays and maps count their values, each of which takes a byte at least.
func (r *reader) next() (kind, uint64) {
	if r.i >= len(r.b) {
		r.fail(errShort)
		return kindNone, 0
	}
	c := r.b[r.i]
	r.i++
	if c <= 0x7f { // most numbers
		return kindUint, uint64(c)
	}
	k, n := r.head(c)
	least := n
	switch k {
	case kindText, kindBytes, kindArray:
	case kindMap:
		least = 2 * n
	case kindExt:
		least = n + 1 // the type of the extension
	default:
		return k, n
	}
	if least > uint64(len(r.b)-r.i) {
		r.fail(errShort)
		return kindNone, 0
	}
	return k, n
}

func (r *reader) head(c byte) (kind, uint64) {
	switch {
	case c <= 0x7f:
		return kindUint, uint64(c)
	case c <= 0x8f:
		return kindMap, uint64(c & 0x0f)
	case c <= 0x9f:
		return kindArray, uint64(c & 0x0f)
	case c <= 0xbf:
		return kindText, uint64(c & 0x1f)
	case c >= 0xe0:
		return kindInt, uint64(int64(int8(c)))
	}
	switch c {
	case 0xc0:
		return kindNil, 0
	case 0xc2, 0xc3:
		return kindBool, uint64(c & 1)
	case 0xc4, 0xc5, 0xc6:
		return kindBytes, r.number(1 << (c - 0xc4))
	case 0xc7, 0xc8, 0xc9:
		return kindExt, r.number(1 << (c - 0xc7))
	case 0xca:
		return kindFloat32, r.number(4)
	case 0xcb:
		return kindFloat64, r.number(8)
	case 0xcc, 0xcd, 0xce, 0xcf:
		return kindUint, r.number(1 << (c - 0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return signed(r.number(1<<(c-0xd0)), 1<<(c-0xd0))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return kindExt, 1 << (c - 0xd4)
	case 0xd9, 0xda, 0xdb:
		return kindText, r.number(1 << (c - 0xd9))
	case 0xdc, 0xdd:
		return kindArray, r.number(2 << (c - 0xdc))
	case 0xde, 0xdf:
		return kindMap, r.number(2 << (c - 0xde))
	}
	r.fail(fmt.Errorf("0x%02x begins no msgpack value", c))
	return kindNone, 0
}

func signed(bits uint64, bytes int) (kind, uint64) {
	shift := 64 - 8*bytes
	n := int64(bits<<shift) >> shift
	if n < 0 {
		return kindInt, uint64(n)
	}
	return kindUint, uint64(n)
}

// take gives the next n bytes of the input, without a copy. Its callers have
// n from next, which has checked it.
func (r *reader) take(n uint64) []byte {
	b := r.b[r.i : r.i+int(n)]
	r.i += int(n)
	return b
}

// skip passes over one value with all that is in it. It does not recurse, so
// depth costs nothing.
func (r *reader) skip() {
	for left := uint64(1); left > 0 && r.err == nil; left-- {
		switch k, n := r.next(); k {
		case kindText, kindBytes:
			r.i += int(n)
		case kindExt:
			r.i += int(n) + 1
		case kindArray:
			left += n
		case kindMap:
			left += 2 * n
		}
	}
}

// absent passes over a nil and says whether there was one.
func (r *reader) absent() bool {
	if r.i < len(r.b) && r.b[r.i] == 0xc0 {
		r.i++
		return true
	}
	return false
}

// text reads any text; what servers write is not looked at more closely.
func (r *reader) text() string { return r.arena.text(r.rawText()) }

// name reads a text that stands in many records.
func (r *reader) name() string { return r.arena.name(r.rawText()) }

func (r *reader) rawText() []byte {
	if rest := r.b[r.i:]; len(rest) > 0 && rest[0] >= 0xa0 && rest[0] <= 0xbf { // nearly always
		if n := int(rest[0] & 0x1f); n < len(rest) {
			r.i += 1 + n
			return rest[1 : 1+n]
		}
	}
	k, n := r.next()
	if k != kindText {
		r.expected("text", k)
		return nil
	}
	return r.take(n)
}

// bounded reads text of a command: valid UTF-8 of at most so many bytes.
func (r *reader) bounded(most int) string { return r.arena.text(r.rawBounded(most)) }

// boundedName is bounded, for what stands in many records.
func (r *reader) boundedName(most int) string { return r.arena.name(r.rawBounded(most)) }

func (r *reader) rawBounded(most int) []byte {
	b := r.rawText()
	if len(b) > most {
		r.fail(fmt.Errorf("text of %d bytes, %d are allowed", len(b), most))
		return nil
	}
	if !utf8.Valid(b) {
		r.fail(errors.New("text that is not UTF-8"))
		return nil
	}
	return b
}

// bytes reads bytes, copied: a record does not hold on to its message.
func (r *reader) bytes() []byte {
	if r.absent() {
		return nil
	}
	k, n := r.next()
	if k != kindBytes && k != kindText {
		r.expected("bytes", k)
		return nil
	}
	return append([]byte{}, r.take(n)...)
}

func (r *reader) bool() bool {
	k, n := r.next()
	if k != kindBool {
		r.expected("a boolean", k)
	}
	return n == 1
}

func (r *reader) uint() uint64 {
	k, n := r.next()
	if k != kindUint {
		r.expected("a whole number from 0", k)
		return 0
	}
	return n
}

func (r *reader) int() int64 {
	k, n := r.next()
	if k != kindInt && (k != kindUint || n > math.MaxInt64) {
		r.expected("a whole number", k)
		return 0
	}
	return int64(n)
}

// int32 reads what counts ports and the like: the same bound on every machine.
func (r *reader) int32() int32 {
	n := r.int()
	if n < math.MinInt32 || n > math.MaxInt32 {
		r.fail(fmt.Errorf("%d is far out of range", n))
		return 0
	}
	return int32(n)
}

// length reads the head of an array; nil is one without elements.
func (r *reader) length() int {
	if r.absent() {
		return 0
	}
	k, n := r.next()
	if k != kindArray {
		r.expected("an array", k)
		return 0
	}
	return int(n)
}

// Limits on what a server's record lists, far above what any device has. They
// bound the memory that a hostile value can take: an element may be one byte of
// input and 200 bytes as a struct.
const (
	maxList = 16384
	room    = 256 // elements that are made room for before they are read
)

// list reads an array of anything; an empty one is nil.
func list[T any](r *reader, element func(*reader) T) []T {
	return listIn(r, func(n int) []T { return make([]T, 0, n) }, element)
}

// listIn is list, with room that somebody else gives.
func listIn[T any](r *reader, space func(int) []T, element func(*reader) T) []T {
	n := r.length()
	if n > maxList {
		r.fail(fmt.Errorf("a list of %d, %d are allowed", n, maxList))
	}
	if n == 0 || r.err != nil {
		return nil
	}
	out := space(min(n, room))
	for ; n > 0 && r.err == nil; n-- {
		out = append(out, element(r))
	}
	return out
}
