package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// JSON is turned into msgpack and then read by the same code, so that both
// formats have the same fields, the same strictness and the same meaning.

// maxDepth bounds how deep arrays and objects of a JSON value may nest; no
// command needs more than three.
const maxDepth = 8

// numberText is the extension type, between transcode and the reader alone, for
// numbers that have to keep their text: 1.50, 1e9, integers beyond 64 bits.
const numberText = 1

var (
	errNotJSON = errors.New("the value is not valid JSON")
	errDepth   = fmt.Errorf("JSON nested deeper than %d", maxDepth)
)

// transcoder walks over JSON that json.Valid has found to be sound.
type transcoder struct {
	in  []byte
	i   int
	out []byte
}

func transcode(value []byte) ([]byte, error) {
	if !json.Valid(value) {
		return nil, errNotJSON
	}
	t := transcoder{in: value, out: make([]byte, 0, len(value)+16)}
	if err := t.value(1); err != nil {
		return nil, err
	}
	return t.out, nil
}

// blank passes over white space and the commas and colons between values.
func (t *transcoder) blank() {
	for t.i < len(t.in) {
		switch t.in[t.i] {
		case ' ', '\t', '\r', '\n', ',', ':':
			t.i++
		default:
			return
		}
	}
}

func (t *transcoder) value(depth int) error {
	t.blank()
	switch c := t.in[t.i]; c {
	case '{', '[':
		if depth > maxDepth {
			return errDepth
		}
		return t.container(c, depth)
	case '"':
		return t.text()
	case 't':
		t.i += len("true")
		t.out = append(t.out, 0xc3)
	case 'f':
		t.i += len("false")
		t.out = append(t.out, 0xc2)
	case 'n':
		t.i += len("null")
		t.out = append(t.out, 0xc0)
	default:
		t.number()
	}
	return nil
}

// container writes a head of five bytes first and its length when it is known.
func (t *transcoder) container(open byte, depth int) error {
	end, head := byte(']'), byte(0xdd)
	if open == '{' {
		end, head = '}', 0xdf
	}
	at := len(t.out)
	t.out = append(t.out, head, 0, 0, 0, 0)
	t.i++
	count := uint32(0)
	for t.blank(); t.in[t.i] != end; t.blank() {
		if err := t.value(depth + 1); err != nil {
			return err
		}
		count++
	}
	t.i++
	if open == '{' {
		count /= 2
	}
	binary.BigEndian.PutUint32(t.out[at+1:], count)
	return nil
}

func (t *transcoder) text() error {
	from, escaped := t.i, false
	for t.i++; t.in[t.i] != '"'; t.i++ {
		if t.in[t.i] == '\\' {
			escaped = true
			t.i++
		}
	}
	t.i++
	text := t.in[from+1 : t.i-1]
	if escaped {
		var s string
		if err := json.Unmarshal(t.in[from:t.i], &s); err != nil {
			return errNotJSON
		}
		text = []byte(s)
	}
	t.out = binary.BigEndian.AppendUint32(append(t.out, 0xdb), uint32(len(text)))
	t.out = append(t.out, text...)
	return nil
}

func (t *transcoder) number() {
	from := t.i
	for t.i < len(t.in) && isNumber(t.in[t.i]) {
		t.i++
	}
	text := t.in[from:t.i]
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && string(text) != "-0" {
		t.out = binary.BigEndian.AppendUint64(append(t.out, 0xd3), uint64(n))
		return
	}
	t.out = binary.BigEndian.AppendUint32(append(t.out, 0xc9), uint32(len(text)))
	t.out = append(append(t.out, numberText), text...)
}

func isNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}
