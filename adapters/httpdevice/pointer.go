package httpdevice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
)

// pointer is a JSON pointer (RFC 6901): the steps from the whole document to a
// value in it.
type pointer []string

func parsePointer(s string) (pointer, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, errors.New(`must begin with a slash, for example "/value" or "/outputs/0/level"`)
	}
	p := strings.Split(s[1:], "/")
	for i, step := range p {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(step), "~") {
			return nil, errors.New("has a ~ that is neither ~0 (a tilde) nor ~1 (a slash)")
		}
		p[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return p, nil
}

// find follows the pointer through a decoded document.
func (p pointer) find(v any) (any, error) {
	for _, step := range p {
		switch node := v.(type) {
		case map[string]any:
			next, ok := node[step]
			if !ok {
				return nil, fmt.Errorf("the answer has no member %q: %w", step, domain.ErrNotFound)
			}
			v = next
		case []any:
			i, err := index(step)
			if err != nil || i >= len(node) {
				return nil, fmt.Errorf("the answer has no element %q in a list of %d: %w", step, len(node), domain.ErrNotFound)
			}
			v = node[i]
		default:
			return nil, fmt.Errorf("the answer has nothing below %q: %w", step, domain.ErrNotFound)
		}
	}
	return v, nil
}

// index reads a list index, which has no sign and no leading zero.
func index(s string) (int, error) {
	if s == "" || (len(s) > 1 && s[0] == '0') || s[0] == '+' || s[0] == '-' {
		return 0, errors.New("not an index")
	}
	return strconv.Atoi(s)
}

// valueText is a value as a parameter holds it: a string is its text, a number
// its digits as the device wrote them, a list or an object its compact JSON.
func valueText(v any) (string, error) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		s = string(b)
	}
	return checkText(s)
}

func checkText(s string) (string, error) {
	if len(s) > domain.MaxText || !utf8.ValidString(s) {
		return "", fmt.Errorf("the value is longer than %d bytes, or not UTF-8: %w", domain.MaxText, domain.ErrInvalid)
	}
	return s, nil
}

// decodeJSON reads exactly one document, numbers as they are written.
func decodeJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the answer is not JSON: %w: %w", err, domain.ErrInvalid)
	}
	if d.More() {
		return nil, fmt.Errorf("the answer has more than one JSON document: %w", domain.ErrInvalid)
	}
	return v, nil
}
