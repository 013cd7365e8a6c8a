package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
)

// CodeUnreachable is the client's own: the server does not answer, and nothing
// was sent that could have an effect.
const CodeUnreachable Code = "unreachable"

// The exit codes of the client commands.
const (
	ExitOK        = 0
	ExitError     = 1
	ExitUsage     = 2
	ExitRefused   = 3
	ExitNoPrimary = 4
	ExitUnsure    = 5 // not confirmed in time, or in doubt
)

// Error is what the client returns for a call that failed.
type Error struct {
	Code           Code
	Detail         string // what is wrong and what to do
	Status         int    // of HTTP; 0 if there was no answer
	Address        string // that was asked
	UID            string // of the command in question, if any
	Device         string
	Primary        string // of CodeNotPrimary
	PrimaryAddress string // of CodeNotPrimary
	Errors         []*ProblemError
	Latest         uint64                 // of a conflict of revisions
	Changes        []configuration.Change // likewise: from the one that was seen to the newest
}

// Error gives the detail, and each fault with its place.
func (e *Error) Error() string {
	if len(e.Errors) == 0 {
		return e.Detail
	}
	parts := make([]string, len(e.Errors))
	for i, one := range e.Errors {
		parts[i] = strings.TrimSpace(one.Location + " " + one.Message)
	}
	return e.Detail + ": " + strings.Join(parts, "; ")
}

// Unwrap gives the class, so that errors.Is works on both sides of the API.
func (e *Error) Unwrap() error {
	switch e.Code {
	case CodeInvalid, CodeUnauthorized:
		return domain.ErrInvalid
	case CodeNotFound:
		return domain.ErrNotFound
	case CodeConflict, CodeConfigLocked:
		return domain.ErrConflict
	case CodeNotPrimary:
		return ErrNotPrimary
	case CodeFenced:
		return domain.ErrFenced
	case CodeNoPrimary:
		return ErrNoPrimary
	case CodeUnavailable:
		return domain.ErrTransient
	case CodeUnreachable:
		return domain.ErrNotSent
	case CodeUnknownFate:
		return domain.ErrUnknownFate
	}
	return nil
}

// exits are the exit codes of the problems.
var exits = map[Code]int{
	CodeInvalid:      ExitUsage,
	CodeUnauthorized: ExitRefused,
	CodeNotFound:     ExitError,
	CodeConflict:     ExitRefused,
	CodeConfigLocked: ExitRefused,
	CodeNotPrimary:   ExitRefused,
	CodeFenced:       ExitRefused,
	CodeUnavailable:  ExitRefused,
	CodeNoPrimary:    ExitNoPrimary,
	CodeUnknownFate:  ExitUnsure,
}

// ExitCode is the exit code of a command that failed with this error.
func (e *Error) ExitCode() int {
	if code, ok := exits[e.Code]; ok {
		return code
	}
	return ExitError
}

// ExitCode is the exit code of a command that got this result. The answer to
// another wish under the same UID is a refusal of this one.
func (r *Result) ExitCode() int {
	if r.Conflict {
		return ExitRefused
	}
	switch r.Outcome {
	case domain.Confirmed:
		return ExitOK
	case domain.Refused:
		return ExitRefused
	case domain.InDoubt:
		return r.exitOfDoubt()
	case "":
		if r.NoPrimary {
			return ExitNoPrimary
		}
		return ExitUnsure
	}
	return ExitError
}

// exitOfDoubt is the code of an action that was in doubt: unsure until an
// operator has said what became of it.
func (r *Result) exitOfDoubt() int {
	switch r.Resolved {
	case "":
		return ExitUnsure
	case string(domain.ResolvedDone):
		return ExitOK
	}
	return ExitError
}

// passable says whether another address may do better.
func (e *Error) passable(repeatable bool) bool {
	switch e.Code {
	case CodeUnreachable:
		return true
	case CodeUnavailable, CodeUnknownFate, CodeInternal:
		return repeatable
	}
	return false
}

// worst makes one error of those of all addresses: the one that says most about
// what may have happened, with the others in its text.
func worst(failures []*Error) error {
	top := failures[0]
	for _, e := range failures[1:] {
		if weight(e) >= weight(top) {
			top = e
		}
	}
	if len(failures) == 1 {
		return top
	}
	out := *top
	out.Detail = top.told()
	for _, e := range failures {
		if e != top {
			out.Detail += "; " + e.told()
		}
	}
	return &out
}

// told is the detail with the address that told it.
func (e *Error) told() string {
	if strings.Contains(e.Detail, e.Address) {
		return e.Detail
	}
	return e.Address + " says: " + e.Detail
}

func weight(e *Error) int {
	switch e.Code {
	case CodeUnreachable:
		return 0
	case CodeUnavailable, CodeInternal:
		return 1
	case CodeUnknownFate:
		return 2
	}
	return 3
}

// problemError reads an answer that is an error.
func problemError(address string, resp *http.Response, b []byte, call call) *Error {
	e := &Error{Status: resp.StatusCode, Address: address, UID: call.uid, Device: call.device}
	var p Problem
	if json.Unmarshal(b, &p) != nil || p.Code == "" {
		e.Code, e.Detail = CodeInternal, fmt.Sprintf("%s answered %s and is no server of this kind: check the address", address, resp.Status)
		return e
	}
	e.Code, e.Detail, e.Errors = p.Code, p.Detail, p.Errors
	e.Primary, e.PrimaryAddress = p.Primary, p.PrimaryAddress
	e.Latest, e.Changes = p.Latest, p.Changes
	if p.UID != "" {
		e.UID = p.UID
	}
	return e
}

var _ interface {
	error
	ExitCode() int
} = (*Error)(nil)
