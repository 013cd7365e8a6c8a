package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/understudy-io/understudy/domain"
)

// Wish is a command's payload on the wire, with the type that says how to read it.
type Wish struct {
	Type    domain.Type     `json:"type" enum:"crosspoint.take.v1,crosspoint.salvo.v1,label.set.v1,lock.set.v1,verb.invoke.v1" doc:"Record type with its version"`
	Payload json.RawMessage `json:"payload" doc:"As the type says: the same JSON as in the log"`
}

// WishOf encodes a payload.
func WishOf(p domain.Payload) (Wish, error) {
	if p == nil {
		return Wish{}, fmt.Errorf("encode a command: it has no payload: %w", domain.ErrInvalid)
	}
	b, err := json.Marshal(p)
	if err != nil {
		return Wish{}, fmt.Errorf("encode %s: %w: %w", p.Type(), err, domain.ErrInvalid)
	}
	return Wish{Type: p.Type(), Payload: b}, nil
}

// Decode reads the payload strictly: a field never heard of is an error, so
// that a misspelt one does not quietly become zero.
func (w Wish) Decode() (domain.Payload, error) {
	var p domain.Payload
	var err error
	switch w.Type {
	case domain.TypeTake:
		p, err = read[domain.Take](w)
	case domain.TypeSalvo:
		p, err = read[domain.Salvo](w)
	case domain.TypeLabel:
		p, err = read[domain.SetLabel](w)
	case domain.TypeLock:
		p, err = read[domain.SetLock](w)
	case domain.TypeInvoke:
		p, err = readInvoke(w)
	case "":
		return nil, fmt.Errorf("type is missing: give one of %s: %w", commandTypes(), domain.ErrInvalid)
	default:
		return nil, fmt.Errorf("type %q is not a command: give one of %s: %w", w.Type, commandTypes(), domain.ErrInvalid)
	}
	if err != nil {
		return nil, err
	}
	if err := check(p); err != nil {
		return nil, fmt.Errorf("payload of %s: %w", w.Type, err)
	}
	return p, nil
}

// readInvoke takes arguments that are numbers or booleans as their JSON text.
func readInvoke(w Wish) (domain.Payload, error) {
	loose, err := read[struct {
		Verb string                     `json:"verb"`
		Args map[string]json.RawMessage `json:"args"`
	}](w)
	if err != nil {
		return nil, err
	}
	invoke := domain.Invoke{Verb: loose.Verb}
	for name, raw := range loose.Args {
		if invoke.Args == nil {
			invoke.Args = make(map[string]string, len(loose.Args))
		}
		switch raw[0] {
		case '{', '[', 'n':
			return nil, fmt.Errorf("payload of %s: argument %q must be text, a number or a boolean: %w", w.Type, name, domain.ErrInvalid)
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return nil, fmt.Errorf("payload of %s: argument %q: %w: %w", w.Type, name, err, domain.ErrInvalid)
			}
			invoke.Args[name] = s
		default:
			invoke.Args[name] = string(raw)
		}
	}
	return invoke, nil
}

func read[T any](w Wish) (T, error) {
	var v T
	if len(w.Payload) == 0 || bytes.Equal(w.Payload, []byte("null")) {
		return v, fmt.Errorf("payload of %s is missing: %w", w.Type, domain.ErrInvalid)
	}
	if err := strict(w.Payload, &v); err != nil {
		return v, fmt.Errorf("payload of %s: %w", w.Type, err)
	}
	return v, nil
}

// strict decodes one JSON value and nothing behind it, without unknown fields.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", err, domain.ErrInvalid)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more follows after the JSON value: %w", domain.ErrInvalid)
	}
	return nil
}
