package domain_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

func TestPeopleReadNoClasses(t *testing.T) {
	refused := errors.New("connection refused")
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("a is there already: %w", domain.ErrConflict), "a is there already"},
		{fmt.Errorf("%w: --servers 99", domain.ErrInvalid), "--servers 99"},
		{fmt.Errorf("dial: %w: %w", domain.ErrTransient, refused), "dial: connection refused"},
		{errors.Join(fmt.Errorf("a: %w", domain.ErrInvalid), fmt.Errorf("b: %w", domain.ErrInvalid)), "a\nb"},
		{fmt.Errorf("it ended (%w)", fmt.Errorf("x: %w", domain.ErrFenced)), "it ended (x)"},
		{fmt.Errorf("is it spelt so? %w", domain.ErrNotFound), "is it spelt so?"},
		{fmt.Errorf("append: %w", domain.ErrUnknownFate), "append: unknown fate"},
		{fmt.Errorf("%w: %w: x", domain.ErrInvalid, domain.ErrNotFound), "x"},
		{fmt.Errorf("field: invalidated: %w", domain.ErrInvalid), "field: invalidated"},
		{errors.New("the library's word: not found"), "the library's word: not found"}, // it wraps no class
		{domain.ErrConflict, "conflict"},
	} {
		if got := domain.Plain(c.err); got != c.want {
			t.Errorf("%q became %q, want %q", c.err, got, c.want)
		}
	}
}
