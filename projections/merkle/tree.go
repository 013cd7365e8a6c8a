package merkle

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/understudy-io/understudy/domain"
)

// Tree is the Merkle tree over the first records of a partition. The zero Tree is
// empty. It belongs to one goroutine.
type Tree struct {
	Size int64       `json:"size"` // records
	Next int64       `json:"next"` // the offset behind the last one
	Tops []tlog.Hash `json:"tops"` // of the full subtrees, the largest first
	buf  []byte
}

// Add adds the next record.
func (t *Tree) Add(m *domain.Stored) {
	t.buf = AppendRecord(append(t.buf[:0], leafPrefix), m)
	t.AddLeaf(sha256.Sum256(t.buf), m.Offset)
}

// RFC 6962 has a leaf and a node begin with these.
const leafPrefix, nodePrefix = 0, 1

// nodeHash is tlog.NodeHash in one piece, which is hashed faster.
func nodeHash(left, right tlog.Hash) tlog.Hash {
	var b [1 + 2*tlog.HashSize]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+tlog.HashSize:], right[:])
	return sha256.Sum256(b[:])
}

// AddLeaf adds the next record by its hash.
func (t *Tree) AddLeaf(h tlog.Hash, offset int64) {
	for n := t.Size; n&1 == 1; n >>= 1 {
		last := len(t.Tops) - 1
		h = nodeHash(t.Tops[last], h)
		t.Tops = t.Tops[:last]
	}
	t.Tops = append(t.Tops, h)
	t.Size, t.Next = t.Size+1, offset+1
}

// Root is the root over all records so far.
func (t *Tree) Root() tlog.Hash {
	if t.Size == 0 {
		return emptyRoot
	}
	h := t.Tops[len(t.Tops)-1]
	for i := len(t.Tops) - 2; i >= 0; i-- {
		h = nodeHash(t.Tops[i], h)
	}
	return h
}

// emptyRoot is RFC 6962's: SHA-256 of nothing.
var emptyRoot = func() tlog.Hash {
	h, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic("merkle: " + err.Error())
	}
	return h
}()

// Check says whether a tree that was kept can be one.
func (t *Tree) Check() error {
	n := 0
	for s := t.Size; s > 0; s &= s - 1 {
		n++
	}
	if t.Size < 0 || t.Next < t.Size || len(t.Tops) != n {
		return fmt.Errorf("a tree of %d records up to offset %d has %d subtrees: %w", t.Size, t.Next, len(t.Tops), domain.ErrCorrupt)
	}
	return nil
}

// Clone is a tree of its own.
func (t *Tree) Clone() Tree {
	return Tree{Size: t.Size, Next: t.Next, Tops: append([]tlog.Hash(nil), t.Tops...)}
}

// AppendRecord appends what a leaf is the hash of: a record as it stands in the log.
// All integers are 8 bytes, big-endian. It is what domain.FingerprintOf hashes.
func AppendRecord(b []byte, m *domain.Stored) []byte {
	b = number(b, m.Offset)
	b = number(b, int64(m.Appended))
	b = text(b, m.Key)
	b = number(b, int64(len(m.Headers)))
	for i := range m.Headers {
		b = number(b, int64(len(m.Headers[i].Key)))
		b = append(b, m.Headers[i].Key...)
		b = text(b, m.Headers[i].Value)
	}
	return text(b, m.Value)
}

// Leaf is the hash of a record in the tree.
func Leaf(m *domain.Stored) tlog.Hash { return tlog.RecordHash(AppendRecord(nil, m)) }

func number(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

func text(b, s []byte) []byte { return append(number(b, int64(len(s))), s...) }
