package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// FaultError is one sentence about one key of a configuration.
type FaultError struct {
	Line    int    `json:"line,omitempty"` // of the file, from 1; 0 where there is none
	Path    string `json:"path"`           // devices[3].verbs[0].url
	Message string `json:"message"`
}

func (f *FaultError) Error() string {
	s := fmt.Sprintf("%s: %s: %v", f.Path, f.Message, domain.ErrInvalid)
	if f.Line > 0 {
		return fmt.Sprintf("line %d: %s", f.Line, s)
	}
	return s
}

// Unwrap makes every fault an invalid input.
func (f *FaultError) Unwrap() error { return domain.ErrInvalid }

// fault is one sentence about one key.
func fault(name, format string, args ...any) error {
	if name == "" {
		name = "the file"
	}
	return &FaultError{Path: name, Message: fmt.Sprintf(format, args...)}
}

// Faults are those of an error, by line.
func Faults(err error) (out []FaultError) {
	for _, e := range parts(err) {
		var f *FaultError
		if errors.As(e, &f) {
			out = append(out, *f)
		}
	}
	slices.SortStableFunc(out, func(a, b FaultError) int { return cmp.Compare(a.Line, b.Line) })
	return out
}
