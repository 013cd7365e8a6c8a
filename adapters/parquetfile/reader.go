package parquetfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/understudy-io/understudy/domain"
)

// Reader reads the records of one file again, in their order.
type Reader struct {
	f         *os.File
	r         *parquet.GenericReader[Row]
	topic     string
	partition int32
	rows      [256]Row
	have, at  int
}

// Open reads a file of records of one partition. It begins at an offset, or a little
// before: rows stand in the order of offsets, at most one for each.
func Open(path, topic string, partition int32, first, from int64) (_ *Reader, err error) {
	defer damaged(&err)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", domain.ErrCorrupt, err), f.Close())
	}
	r := &Reader{f: f, r: parquet.NewGenericReader[Row](file), topic: topic, partition: partition}
	if err := r.search(from, min(from-first, file.NumRows())); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// damaged makes an error of a panic: the library has some for files that were made to
// mislead it.
func damaged(err *error) {
	if x := recover(); x != nil {
		*err = fmt.Errorf("%w: it is no sound Parquet file: %v", domain.ErrCorrupt, x)
	}
}

// search goes to the last row up to high whose offset is not above from: mostly that very
// row, as logs have few gaps.
func (r *Reader) search(from, high int64) error {
	low := int64(0)
	for low < high {
		middle := low + (high-low+1)/2
		offset, err := r.offsetAt(middle)
		switch {
		case errors.Is(err, io.EOF) || err == nil && offset > from:
			high = middle - 1
		case err != nil:
			return err
		case offset == from:
			low, high = middle, middle
		default:
			low = middle
		}
	}
	return r.r.SeekToRow(low)
}

func (r *Reader) offsetAt(row int64) (int64, error) {
	if err := r.r.SeekToRow(row); err != nil {
		return 0, err
	}
	var one [1]Row
	n, err := r.r.Read(one[:])
	if n == 1 {
		return one[0].Offset, nil
	}
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

// Next gives the next record, and about how many bytes it has; io.EOF behind the last.
func (r *Reader) Next() (m domain.Stored, size int, err error) {
	defer damaged(&err)
	if r.at == r.have {
		clear(r.rows[:]) // what was handed on keeps its memory
		r.have, err = r.r.Read(r.rows[:])
		r.at = 0
		if r.have == 0 {
			if err == nil {
				err = io.EOF
			}
			return m, 0, err
		}
	}
	row := &r.rows[r.at]
	r.at++
	return r.record(row)
}

func (r *Reader) record(row *Row) (m domain.Stored, size int, err error) {
	if row.Topic != r.topic || row.Partition != r.partition {
		return m, 0, fmt.Errorf("%w: a record of %s/%d stands in a file of %s/%d", domain.ErrCorrupt, row.Topic, row.Partition, r.topic, r.partition)
	}
	m = domain.Stored{Offset: row.Offset, Appended: domain.InstantOf(row.Appended)}
	m.Key, m.Value = plain(row.Key), plain(row.Value)
	size = len(m.Key) + len(m.Value)
	for _, h := range row.Headers {
		if strings.ContainsRune(h.Name, '\uFFFD') {
			return m, 0, fmt.Errorf("the record at offset %d has a header whose name is no text, and tables do not keep that; export it as JSON lines: %w", row.Offset, domain.ErrInvalid)
		}
		m.Headers = append(m.Headers, domain.Header{Key: h.Name, Value: plain(h.Value)})
		size += len(h.Name) + len(m.Headers[len(m.Headers)-1].Value)
	}
	return m, size, nil
}

// plain tells null from empty, as bytesOf does.
func plain(b *[]byte) []byte {
	switch {
	case b == nil:
		return nil
	case *b == nil:
		return []byte{}
	}
	return *b
}

// Close gives the file back.
func (r *Reader) Close() error { return errors.Join(r.r.Close(), r.f.Close()) }
