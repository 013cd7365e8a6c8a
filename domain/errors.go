package domain

import "errors"

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
