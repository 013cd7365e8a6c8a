package archive

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Line is a record as a line holds it.
type Line struct {
	Topic     string
	Partition int32
	domain.Stored
}

var errNoLine = errors.New("it is not a record as export writes it")

// ParseLine reads what AppendLine wrote. The record keeps the line's memory.
func ParseLine(line []byte) (Line, error) {
	var p parser
	if err := p.line(line); err != nil {
		return Line{}, fmt.Errorf("%w: %w", domain.ErrCorrupt, err)
	}
	if p.raw != nil { // the attributes are for people; they must not say another thing
		if again := AppendLine(nil, p.out.Topic, p.out.Partition, &p.out.Stored); !bytes.Equal(again[:len(again)-1], line) {
			return Line{}, fmt.Errorf("%w: its attributes are not those of its headers", domain.ErrCorrupt)
		}
	}
	return p.out, nil
}

// parser reads one line.
type parser struct {
	out  Line
	raw  []byte // logheaders
	rest []byte
}

func (p *parser) line(line []byte) error {
	rest, ok := bytes.CutPrefix(line, []byte("{"))
	if !ok || len(rest) == 0 || rest[len(rest)-1] != '}' {
		return fmt.Errorf("it does not begin and end as JSON: %w", errNoLine)
	}
	p.rest = rest[:len(rest)-1]
	next := 0
	seen := 0
	for len(p.rest) > 0 {
		name, value, err := p.member()
		if err != nil {
			return err
		}
		if done, err := p.place(string(name), value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		} else if done {
			seen++
			continue
		}
		for next < known && attributes[next].name != string(name) {
			next++
		}
		if next == known || len(value) == 0 {
			return fmt.Errorf("%s stands where it should not: %w", name, errNoLine)
		}
		p.out.Headers = append(p.out.Headers, domain.Header{Key: attributes[next].header, Value: value})
		next++
	}
	if p.out.Topic == "" || seen < 4 {
		return fmt.Errorf("its place in the log is missing: %w", errNoLine)
	}
	return p.headers()
}

// member takes one "name":"value", and the comma behind it.
func (p *parser) member() (name, value []byte, err error) {
	if name, err = p.text(':'); err == nil {
		value, err = p.text(',')
	}
	return name, value, err
}

// text takes a text and what stands behind it, unless it is the last.
func (p *parser) text(behind byte) ([]byte, error) {
	if len(p.rest) < 2 || p.rest[0] != '"' {
		return nil, fmt.Errorf("a text is missing: %w", errNoLine)
	}
	end := bytes.IndexByte(p.rest[1:], '"') + 1
	var out []byte
	if end > 0 && bytes.IndexByte(p.rest[1:end], '\\') < 0 {
		out = p.rest[1:end:end]
	} else if out, end = unescape(p.rest); end < 0 {
		return nil, fmt.Errorf("a text has no end: %w", errNoLine)
	}
	p.rest = p.rest[end+1:]
	switch {
	case len(p.rest) == 0 && behind == ',':
	case len(p.rest) > 1 && p.rest[0] == behind:
		p.rest = p.rest[1:]
	default:
		return nil, fmt.Errorf("%q is missing: %w", behind, errNoLine)
	}
	return out, nil
}

// unescape reads a text with escaped quotes and backslashes.
func unescape(s []byte) (out []byte, end int) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return out, i
		case '\\':
			i++
			if i == len(s) || s[i] != '"' && s[i] != '\\' {
				return nil, -1
			}
		}
		out = append(out, s[i])
	}
	return nil, -1
}

// place takes what is no attribute of the record itself.
func (p *parser) place(name string, value []byte) (done bool, err error) {
	switch name {
	case "logtopic":
		p.out.Topic = string(value)
	case "logpartition":
		var n int64
		n, err = strconv.ParseInt(string(value), 10, 32)
		p.out.Partition = int32(n)
	case "logoffset":
		p.out.Offset, err = strconv.ParseInt(string(value), 10, 64)
	case "logtime":
		p.out.Appended, err = instant(value)
	case "logkey":
		p.out.Key, err = decode64(value)
	case "data_base64":
		p.out.Value, err = decode64(value)
	case "logheaders":
		p.raw, err = decode64(value)
	default:
		return false, nil
	}
	return true, err
}

func instant(text []byte) (domain.Instant, error) {
	var t time.Time
	err := t.UnmarshalText(text)
	return domain.Instant(t.UnixNano()), err
}

// decode64 never gives nil without an error.
func decode64(text []byte) ([]byte, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	return out[:n], err
}

// headers reads what appendHeaders wrote.
func (p *parser) headers() error {
	if p.raw == nil {
		return nil
	}
	p.out.Headers = nil
	for rest := p.raw; len(rest) > 0; {
		var name, value []byte
		var ok bool
		if name, rest, ok = framed(rest); ok && name != nil {
			value, rest, ok = framed(rest)
		}
		if !ok || name == nil {
			return fmt.Errorf("logheaders end too early: %w", errNoLine)
		}
		p.out.Headers = append(p.out.Headers, domain.Header{Key: string(name), Value: value})
	}
	return nil
}

func framed(b []byte) (out, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	switch {
	case n == none:
		return nil, b, true
	case uint64(n) > uint64(len(b)):
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
