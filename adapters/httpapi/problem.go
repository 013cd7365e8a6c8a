package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/configuration"
)

// Code names a kind of problem. The values are fixed: programs branch on them.
type Code string

// The codes.
const (
	CodeInvalid      Code = "invalid"
	CodeUnauthorized Code = "unauthorized"
	CodeNotFound     Code = "not_found"
	CodeConflict     Code = "conflict"
	CodeNotPrimary   Code = "not_primary"   // ask the server that primary_address names
	CodeFenced       Code = "fenced"        // primacy moved while it was under way
	CodeNoPrimary    Code = "no_primary"    // no server acts
	CodeUnavailable  Code = "unavailable"   // the log does not answer, or too much is under way; may be retried
	CodeUnknownFate  Code = "unknown_fate"  // it may or may not be in the log; ask for the UID, or send it again
	CodeConfigLocked Code = "config_locked" // the configuration cannot be changed under this primary
	CodeInternal     Code = "internal"
)

// Problem is an error on the wire: problem details (RFC 9457) and what a
// program needs to go on.
//
//nolint:errname // it is named as the RFC names it
type Problem struct {
	Type           string                 `json:"type,omitempty" doc:"Always about:blank; code tells problems apart"`
	Title          string                 `json:"title" doc:"The text of the HTTP status"`
	Status         int                    `json:"status" doc:"The HTTP status"`
	Code           Code                   `json:"code" enum:"invalid,unauthorized,not_found,conflict,not_primary,fenced,no_primary,unavailable,unknown_fate,config_locked,internal" doc:"What kind of problem it is; a fixed word"`
	Detail         string                 `json:"detail" doc:"What is wrong and what to do, for people"`
	UID            string                 `json:"uid,omitempty" doc:"Of the command in question: ask for it, or send it again under this UID"`
	Device         string                 `json:"device,omitempty"`
	Primary        string                 `json:"primary,omitempty" doc:"Of not_primary: who is"`
	PrimaryAddress string                 `json:"primary_address,omitempty" doc:"Of not_primary: where to ask"`
	Latest         uint64                 `json:"latest,omitempty" doc:"Of a conflict of revisions: the newest one"`
	Changes        []configuration.Change `json:"changes,omitempty" doc:"Of a conflict of revisions: from the one that was seen to the newest"`
	Errors         []*ProblemError        `json:"errors,omitempty" nullable:"false" doc:"Of invalid: each fault with its place"`
}

// ProblemError is one fault of a request.
type ProblemError struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" doc:"For example query.wait"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problem details.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, code Code, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// classes maps errors to problems, the particular ones first.
var classes = []struct {
	err    error
	status int
	code   Code
}{
	{ErrNotPrimary, http.StatusConflict, CodeNotPrimary},
	{ErrNoPrimary, http.StatusServiceUnavailable, CodeNoPrimary},
	{ErrConfigLocked, http.StatusLocked, CodeConfigLocked},
	{domain.ErrInvalid, http.StatusUnprocessableEntity, CodeInvalid},
	{domain.ErrNotFound, http.StatusNotFound, CodeNotFound},
	{domain.ErrConflict, http.StatusConflict, CodeConflict},
	{domain.ErrFenced, http.StatusConflict, CodeFenced},
	{domain.ErrNotSent, http.StatusServiceUnavailable, CodeUnavailable},
	{domain.ErrUnknownFate, http.StatusGatewayTimeout, CodeUnknownFate},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, CodeUnknownFate},
	{domain.ErrTransient, http.StatusServiceUnavailable, CodeUnavailable},
}

// problemOf turns an error of the backend into a problem. What it does not know
// is internal, and its text stays in the server's own log.
func problemOf(err error) *Problem {
	for _, c := range classes {
		if !errors.Is(err, c.err) {
			continue
		}
		p := newProblem(c.status, c.code, domain.Plain(err))
		if other, ok := errors.AsType[*NotPrimary](err); ok {
			p.Primary, p.PrimaryAddress = other.Primary, other.Address
		}
		if stale, ok := errors.AsType[*StaleRevision](err); ok {
			p.Latest, p.Changes = stale.Latest, stale.Changes
		}
		if faulty, ok := errors.AsType[*FaultyConfiguration](err); ok {
			p.Errors = faulty.Faults
		}
		return p
	}
	return newProblem(http.StatusInternalServerError, CodeInternal,
		"the server failed to do this; its log says why. Try another server, or try again")
}
