package videohub

import (
	"bytes"
	"errors"
)

// What makes a stream unreadable. The connection ends with it.
var (
	errLongLine  = errors.New("a line without an end: more than 64 KiB")
	errLongBlock = errors.New("a block without an end: more than 512 KiB or 4096 lines")
	errGarbage   = errors.New("bytes that are not text")
)

// assembler makes blocks of a stream of bytes, however it is cut into reads. It
// takes \n and \r\n as the end of a line. What it holds is bounded.
type assembler struct {
	keepRaw bool
	line    []byte // the part of a line that has no end yet
	open    bool   // between a header and its blank line
	block   block
	size    int
	raw     []byte
}

// feed takes the next bytes and hands over each block as it is complete, an
// answer with its own line. An error, take's own or one of the stream, is final.
func (a *assembler) feed(p []byte, take func(block) error) error {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		if len(a.line)+len(part) > maxLine {
			return errLongLine
		}
		if end < 0 {
			a.line = append(a.line, part...)
			return nil
		}
		line := part
		if len(a.line) > 0 {
			a.line = append(a.line, part...)
			line = a.line
		}
		p = p[end+1:]
		if err := a.endLine(line, take); err != nil {
			return err
		}
		a.line = a.line[:0]
	}
	return nil
}

func (a *assembler) endLine(line []byte, take func(block) error) error {
	if a.keepRaw {
		a.raw = append(append(a.raw, line...), '\n')
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if !isText(line) {
		return errGarbage
	}
	switch {
	case len(line) == 0 && !a.open:
		a.raw = a.raw[:0]
		return nil
	case len(line) == 0:
		return a.give(take)
	case !a.open:
		a.block = block{header: string(line)}
		a.size = len(line)
		if a.block.header == answerAck || a.block.header == answerNak {
			return a.give(take)
		}
		a.open = true
		return nil
	}
	a.size += len(line)
	if a.size > maxBlock || len(a.block.lines) == maxBlockLines {
		return errLongBlock
	}
	a.block.lines = append(a.block.lines, string(line))
	return nil
}

func (a *assembler) give(take func(block) error) error {
	b := a.block
	if a.keepRaw {
		b.raw = bytes.Clone(a.raw)
		a.raw = a.raw[:0]
	}
	a.block, a.open = block{}, false
	return take(b)
}

// partial says that a line or a block has begun and not ended.
func (a *assembler) partial() bool { return a.open || len(a.line) > 0 }

// rest is what was received of a block that never ended; only with keepRaw.
func (a *assembler) rest() []byte {
	return append(bytes.Clone(a.raw), a.line...)
}

// isText says that there are no control characters but tabs. Labels are in
// UTF-8; what is not is mended where it is used.
func isText(line []byte) bool {
	for _, c := range line {
		if (c < 0x20 && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}
