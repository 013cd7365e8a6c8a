package corpus

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/understudy-io/understudy/domain"
)

// Limits of a stored file, checked while reading.
const (
	none       = 1<<32 - 1 // the length that stands for no string at all
	maxString  = 4 << 20
	maxHeaders = 1 << 10
)

// writeFile stores the records of one partition.
func writeFile(path string, messages []domain.Stored) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	var b []byte
	for _, m := range messages {
		b = appendRecord(b[:0], m)
		if _, err := z.Write(b); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(z.Close(), f.Close())
}

func appendRecord(b []byte, m domain.Stored) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Appended))
	b = appendString(b, m.Key)
	b = appendString(b, m.Value)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Headers)))
	for _, h := range m.Headers {
		b = appendString(b, []byte(h.Key))
		b = appendString(b, h.Value)
	}
	return b
}

func appendString(b, s []byte) []byte {
	if s == nil {
		return binary.BigEndian.AppendUint32(b, none)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// readFile reads what writeFile has stored.
func readFile(path string) ([]domain.Stored, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	in := bufio.NewReader(z)
	var out []domain.Stored
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return out, z.Close()
		}
		r := reader{in: in}
		m := r.record()
		if r.err != nil {
			return nil, fmt.Errorf("%s, record %d: %w", path, len(out), r.err)
		}
		out = append(out, m)
	}
}

// reader reads one record; after the first error it reads nothing more.
type reader struct {
	in  io.Reader
	err error
}

func (r *reader) record() domain.Stored {
	m := domain.Stored{Offset: int64(r.number(8)), Appended: domain.Instant(r.number(8))}
	m.Key, m.Value = r.text(), r.text()
	n := r.number(4)
	if n > maxHeaders && r.err == nil {
		r.err = fmt.Errorf("%d headers", n)
	}
	for ; n > 0 && r.err == nil; n-- {
		name := r.text()
		m.Headers = append(m.Headers, domain.Header{Key: string(name), Value: r.text()})
	}
	return m
}

func (r *reader) number(size int) uint64 {
	var b [8]byte
	if r.err == nil {
		_, r.err = io.ReadFull(r.in, b[8-size:])
	}
	return binary.BigEndian.Uint64(b[:])
}

func (r *reader) text() []byte {
	n := r.number(4)
	switch {
	case r.err != nil || n == none:
		return nil
	case n > maxString:
		r.err = fmt.Errorf("a string of %d bytes", n)
		return nil
	}
	b := make([]byte, n)
	_, r.err = io.ReadFull(r.in, b)
	return b
}
