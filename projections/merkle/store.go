package merkle

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/understudy-io/understudy/domain"
)

// File is where a Store keeps its hashes: 64 bytes for each record.
type File interface {
	io.Writer
	io.ReaderAt
}

// Store keeps all hashes of a tree, in the order of tlog, so that it can prove what
// stands in it. Add everything before the first proof.
type Store struct {
	tree Tree
	file File
	out  *bufio.Writer
}

// NewStore begins with an empty file.
func NewStore(file File) *Store { return &Store{file: file, out: bufio.NewWriterSize(file, 1<<20)} }

// Size is how many records it holds.
func (s *Store) Size() int64 { return s.tree.Size }

// Next is the offset behind the last one.
func (s *Store) Next() int64 { return s.tree.Next }

// Root is the root over all of them.
func (s *Store) Root() tlog.Hash { return s.tree.Root() }

// Add adds the next record.
func (s *Store) Add(m *domain.Stored) error {
	h := Leaf(m)
	_, err := s.out.Write(h[:])
	at := len(s.tree.Tops)
	for n := s.tree.Size; n&1 == 1 && err == nil; n >>= 1 {
		at--
		h = tlog.NodeHash(s.tree.Tops[at], h)
		_, err = s.out.Write(h[:])
	}
	if err != nil {
		return fmt.Errorf("keep the hashes of a tree; is the disk full? %w", err)
	}
	s.tree.Add(m)
	return nil
}

// Prove proves that a record is the one at an index, in the tree of all.
func (s *Store) Prove(index int64) (tlog.RecordProof, error) {
	if err := s.out.Flush(); err != nil {
		return nil, fmt.Errorf("keep the hashes of a tree; is the disk full? %w", err)
	}
	p, err := tlog.ProveRecord(s.tree.Size, index, tlog.HashReaderFunc(s.read))
	if err != nil {
		return nil, fmt.Errorf("prove record %d: %w", index, err)
	}
	return p, nil
}

func (s *Store) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if _, err := s.file.ReadAt(out[i][:], at*tlog.HashSize); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	return out, nil
}
