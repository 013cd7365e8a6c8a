package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-io/understudy/domain"
)

// maxLine bounds a line. A record of a log has up to 64 MiB, which is what a batch may
// unpack to (docs/log-format.md). In base64 that is a third more, and headers stand a
// second time as attributes, with a backslash before each quote: 3.4 times as much at
// most. A line that is longer is not written either.
const maxLine = 4 * (64 << 20)

// cursor reads the files of one partition one after the other.
type cursor struct {
	dir   string
	files []File
	next  int64 // offset to be read next

	at   int // of files: the one that is open
	f    *os.File
	in   *bufio.Reader
	sum  hash.Hash // nil if it was not read from its first byte
	left int64     // bytes of the file that are not read yet
}

func (c *cursor) position() int64 { return c.next }

// read gives records from next on: at least one, of about so many bytes.
func (c *cursor) read(maxBytes int) ([]domain.Stored, error) {
	var out []domain.Stored
	for size := 0; size < maxBytes; {
		if c.f == nil {
			if more, err := c.open(); !more || err != nil {
				return out, err
			}
		}
		file := &c.files[c.at]
		if c.left == 0 {
			if err := c.finish(); err != nil {
				return nil, err
			}
			if len(out) > 0 {
				break
			}
			continue
		}
		line, err := c.line()
		if err != nil {
			return nil, c.damaged(err)
		}
		rec, err := ParseLine(line)
		switch {
		case err != nil:
			return nil, c.damaged(fmt.Errorf("behind offset %d: %w", c.next-1, err))
		case rec.Topic != file.Topic || rec.Partition != file.Partition || rec.Offset >= file.Next || rec.Offset < file.From:
			return nil, c.damaged(fmt.Errorf("%w: a record of %s %d:%d stands behind offset %d", domain.ErrCorrupt, rec.Topic, rec.Partition, rec.Offset, c.next-1))
		case rec.Offset < c.next && c.sum == nil:
			continue // it is searched
		case rec.Offset < c.next:
			return nil, c.damaged(fmt.Errorf("%w: offset %d stands behind offset %d", domain.ErrCorrupt, rec.Offset, c.next-1))
		}
		out = append(out, rec.Stored)
		size += len(line)
		c.next = rec.Offset + 1
	}
	return out, nil
}

// open opens the file that holds next; false behind the last one.
func (c *cursor) open() (bool, error) {
	for c.at = 0; c.at < len(c.files) && c.files[c.at].Next <= c.next; c.at++ {
	}
	if c.at == len(c.files) {
		return false, nil
	}
	file := &c.files[c.at]
	f, err := os.Open(filepath.Join(c.dir, file.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, c.damaged(fmt.Errorf("%w: %w", domain.ErrCorrupt, err))
	}
	if err != nil {
		return false, fmt.Errorf("read the export: %w", err)
	}
	c.f, c.left = f, file.Bytes
	info, err := f.Stat()
	if err != nil {
		return false, c.damaged(err)
	}
	if info.Size() != file.Bytes {
		return false, c.damaged(fmt.Errorf("%w: it has %d bytes, the manifest says %d", domain.ErrCorrupt, info.Size(), file.Bytes))
	}
	c.sum = sha256.New()
	if c.next > file.From {
		c.sum = nil
		if err := c.search(); err != nil {
			return false, c.damaged(err)
		}
	}
	c.in = bufio.NewReaderSize(c.f, bufferBytes)
	return true, nil
}

// search moves near the line of next: lines are in the order of offsets.
func (c *cursor) search() error {
	low, high := int64(0), c.left // the line of next begins in [low, high)
	for high-low > bufferBytes {
		middle := low + (high-low)/2
		begins, offset, err := c.lineBehind(middle, high)
		if err != nil {
			return err
		}
		if begins >= high || offset > c.next {
			high = middle
		} else {
			low = begins
		}
	}
	c.left -= low
	_, err := c.f.Seek(low, io.SeekStart)
	return err
}

// lineBehind finds the first line that begins behind a byte.
func (c *cursor) lineBehind(at, high int64) (begins, offset int64, err error) {
	if _, err := c.f.Seek(at, io.SeekStart); err != nil {
		return 0, 0, err
	}
	in := bufio.NewReaderSize(c.f, 16<<10)
	skipped, err := readLine(in)
	begins = at + int64(len(skipped)) + 1
	switch {
	case errors.Is(err, io.EOF), err == nil && begins >= high:
		return high, 0, nil
	case err != nil:
		return 0, 0, err
	}
	line, err := readLine(in)
	if err != nil {
		return 0, 0, err
	}
	rec, err := ParseLine(line)
	return begins, rec.Offset, err
}

// line reads one line, into memory of its own, without its newline.
func (c *cursor) line() ([]byte, error) {
	line, err := readLine(c.in)
	if err != nil {
		return nil, err
	}
	c.left -= int64(len(line)) + 1
	if c.sum != nil {
		c.sum.Write(line)
		c.sum.Write([]byte{'\n'})
	}
	return line, nil
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil && len(line) <= maxLine+1:
			return bytes.TrimSuffix(line, []byte{'\n'}), nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return line, fmt.Errorf("a line has no end: %w: %w", domain.ErrCorrupt, err)
		case len(line) > maxLine:
			return line, fmt.Errorf("a line of more than %d bytes: %w", maxLine, domain.ErrCorrupt)
		}
	}
}

// finish compares a file that was read from end to end with its sum.
func (c *cursor) finish() error {
	file := &c.files[c.at]
	if c.sum != nil && hex.EncodeToString(c.sum.Sum(nil)) != file.SHA256 {
		return c.damaged(fmt.Errorf("%w: its bytes are not those that the manifest was made for", domain.ErrCorrupt))
	}
	c.next = max(c.next, file.Next)
	return c.close()
}

func (c *cursor) damaged(err error) error { return damaged(c.dir, &c.files[c.at], err) }

func (c *cursor) close() error {
	if c.f == nil {
		return nil
	}
	err := c.f.Close()
	c.f = nil
	return err
}
