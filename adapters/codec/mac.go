package codec

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"sync"
)

// macScheme is the first part of what is authenticated: another scheme would
// begin with another one, so that a MAC never fits two schemes.
const macScheme = "understudy.mac.v1"

// macParts are the headers under the MAC, in this order, between the partition
// and the value. docs/log-format.md says the same for strangers.
var macParts = [...]attribute{
	epoch, sequence, typ, id, source, subject, created, user, origin, validFor, contentType,
}

// macEncoding writes 32 bytes in 43 letters and reads nothing but those.
var macEncoding = base64.RawURLEncoding.Strict()

var macLength = macEncoding.EncodedLen(sha256.Size)

// signer computes MACs with one key, from any number of goroutines.
type signer struct{ pool sync.Pool }

// macState is what one computation needs; reusing it costs no allocation.
type macState struct {
	hash      hash.Hash
	topic     string // of the parts that are there already
	partition int32
	place     int // bytes of them
	parts     []byte
	sum       [sha256.Size]byte
	text      []byte // the sum in letters
}

func newSigner(key []byte) *signer {
	return &signer{pool: sync.Pool{New: func() any { return &macState{hash: hmac.New(sha256.New, key)} }}}
}

// compute fills s.sum. Each part is led by its length, so that no two lists of
// parts give the same bytes.
func (s *macState) compute(topic string, partition int32, h *headers, value []byte) {
	if s.place == 0 || s.topic != topic || s.partition != partition {
		s.begin(topic, partition)
	}
	b := s.parts[:s.place]
	for _, a := range macParts {
		b = appendPart(b, h[a])
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	small := len(value) <= maxJoined
	if small { // what comes in one piece is hashed faster
		b = append(b, value...)
	}
	s.parts = b
	s.hash.Reset()
	s.hash.Write(b)
	if !small {
		s.hash.Write(value)
	}
	s.hash.Sum(s.sum[:0])
}

// begin writes the parts that all records of a partition have in common.
func (s *macState) begin(topic string, partition int32) {
	b := appendPart(appendPart(s.parts[:0], macScheme), topic)
	var digits [12]byte
	b = appendPart(b, strconv.AppendInt(digits[:0], int64(partition), 10))
	s.topic, s.partition, s.place, s.parts = topic, partition, len(b), b
}

// maxJoined bounds a value that is copied behind the headers.
const maxJoined = 1 << 10

func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}

func (g *signer) sign(topic string, partition int32, h *headers, value []byte) []byte {
	s := g.pool.Get().(*macState)
	defer g.pool.Put(s)
	s.compute(topic, partition, h, value)
	return macEncoding.AppendEncode(nil, s.sum[:])
}

func (s *macState) verify(topic string, partition int32, h *headers, value []byte) bool {
	s.compute(topic, partition, h, value)
	s.text = macEncoding.AppendEncode(s.text[:0], s.sum[:])
	return hmac.Equal(h[mac], s.text) // 32 bytes are written in one way only
}

// authenticate says whether a record carries a valid MAC of the landscape; if
// not, the error says why, for people.
func (c *Codec) authenticate(topic string, partition int32, h *headers, value []byte, a *arena) (bool, error) {
	switch {
	case len(h[mac]) == 0:
		return false, errors.New("no ce_mac")
	case len(h[keyID]) == 0:
		return false, errors.New("no ce_keyid")
	case len(h[mac]) != macLength:
		return false, fmt.Errorf("ce_mac has %d letters, not %d", len(h[mac]), macLength)
	case !c.CanVerify():
		return false, nil // an auditor without keys: nothing is known to be wrong
	}
	s, ok := a.macOf(h[keyID])
	if !ok {
		g, known := c.signers[string(h[keyID])]
		if !known {
			return false, fmt.Errorf("key id %q is not in the keyring", clip(h[keyID], MaxKeyID))
		}
		s = g.pool.Get().(*macState)
		if a == nil {
			defer g.pool.Put(s)
		} else {
			a.keepMAC(string(h[keyID]), g, s)
		}
	}
	if !s.verify(topic, partition, h, value) {
		return false, errors.New("ce_mac does not fit this record in this place")
	}
	return true, nil
}

// clip bounds what a detail quotes of an input.
func clip(b []byte, n int) []byte { return b[:min(n, len(b))] }
