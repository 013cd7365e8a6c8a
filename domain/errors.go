package domain

import (
	"errors"
	"strings"
)

// Classes of error. Wrap one of them; branch with errors.Is.
var (
	// ErrInvalid is bad input: say what is wrong and how to mend it.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound is a thing that is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict is a wish that the present state does not allow.
	ErrConflict = errors.New("conflict")
	// ErrFenced ends the role: another epoch holds, or the lease is over.
	ErrFenced = errors.New("fenced")
	// ErrTransient may be retried, with a bound. A write that ended with it
	// may still have landed.
	ErrTransient = errors.New("transient")
	// ErrNotSent is an action of which not a byte left.
	ErrNotSent = errors.New("not sent")
	// ErrUnknownFate is a write that may or may not have taken effect.
	ErrUnknownFate = errors.New("unknown fate")
	// ErrCorrupt stops a projection: what was read cannot be true.
	ErrCorrupt = errors.New("corrupt")
)

// silent are the classes whose names tell people nothing. That something was not
// sent, or that nobody knows, is news.
var silent = []error{ErrInvalid, ErrNotFound, ErrConflict, ErrFenced, ErrTransient, ErrCorrupt}

// Plain is what an error says to people: its text without the names of the
// classes that it wraps, which are for programs and logs.
func Plain(err error) string {
	text := err.Error()
	for _, class := range silent {
		if errors.Is(err, class) {
			text = without(text, class.Error())
		}
	}
	return text
}

// without drops a word that stands alone between colons or behind a question, unless it
// is all there is.
func without(text, word string) string {
	text = strings.TrimPrefix(text, word+": ")
	if rest, found := strings.CutSuffix(text, "? "+word); found {
		text = rest + "?"
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, ": "+word)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if after != "" && !strings.ContainsRune(":;\n)", rune(after[0])) {
			out.WriteString(": " + word) // the beginning of a longer one
		}
		text = after
	}
}
