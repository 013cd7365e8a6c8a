package main

import (
	"errors"
	"syscall"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// The exit codes, as docs/operators.md has them.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2 // flags or arguments
	exitRefused     = 3 // not as things stand
	exitNoPrimary   = 4 // nobody acts
	exitUnconfirmed = 5 // not confirmed in time, or in doubt
	exitViolated    = 6 // a verification found that a promise was broken
)

// codedError is an error that says with which code the program ends.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }
func (e *codedError) ExitCode() int { return e.code }

// withExit gives an error an exit code; nil stays nil.
func withExit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code: code, err: err}
}

// exitCode is the code that an error asks for, or else that of its class: what
// is alike ends alike, wherever it comes from.
func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.ExitCode()
	case errors.Is(err, domain.ErrConflict), errors.Is(err, domain.ErrFenced), errors.Is(err, syscall.EADDRINUSE):
		return exitRefused
	case errors.Is(err, httpapi.ErrNoPrimary):
		return exitNoPrimary
	case errors.Is(err, domain.ErrUnknownFate):
		return exitUnconfirmed
	}
	if _, damaged := errors.AsType[*archive.DamagedError](err); damaged {
		return exitViolated
	}
	return exitError
}
