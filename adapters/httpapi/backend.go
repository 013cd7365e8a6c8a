package httpapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Backend is what the API offers, as a server does it. Errors wrap a class of
// package domain, or one of the errors below; their text is shown to the caller.
type Backend interface {
	// Status says how the landscape looks from this server.
	Status(ctx context.Context) (Status, error)
	// Devices lists the configured devices by id.
	Devices(ctx context.Context) ([]Device, error)
	// Device gives one device; ErrNotFound if there is none with that id.
	Device(ctx context.Context, id string) (Device, error)
	// Submit appends the command and waits until its outcome is folded here, but
	// not longer than wait. When the wait runs out after the append was
	// acknowledged, the result has no Outcome and the error is nil. An append
	// whose fate is not known gives ErrUnknownFate.
	Submit(ctx context.Context, c Command, wait time.Duration) (Result, error)
	// Command says what became of a UID. Without a device all are searched;
	// ErrConflict if more than one has it, ErrNotFound if none remembers it.
	Command(ctx context.Context, device, uid string) (Result, error)
	// Doubts lists the actions in doubt, oldest first.
	Doubts(ctx context.Context) ([]Doubt, error)
	// Resolve records an operator's verdict on an action in doubt.
	Resolve(ctx context.Context, user string, r Resolution) (Result, error)
	// Switchover moves primacy in a planned way and waits until the other server
	// acts. Empty to lets the policy choose. Elsewhere than on the primary it
	// gives a NotPrimary.
	Switchover(ctx context.Context, user, to string) (Move, error)
	// Takeover contests the primary at once, from any server.
	Takeover(ctx context.Context, user, reason, to string) (Move, error)
	Cluster
	Letters
}

// Errors for which domain has no class of its own.
var (
	// ErrNoPrimary says that no server acts at the moment.
	ErrNoPrimary = errors.New("no primary")
	// ErrConfigLocked says that the configuration cannot be changed under this primary.
	ErrConfigLocked = errors.New("config locked")
	// ErrNotPrimary is wrapped by NotPrimary.
	ErrNotPrimary = fmt.Errorf("not the primary: %w", domain.ErrConflict)
)

// NotPrimary is the error of a server that was asked for what only the primary
// can do. It names where to ask.
//
//nolint:errname // named like its code, not_primary
type NotPrimary struct {
	Primary string // name of the primary
	Address string // base URL of its API
}

func (e *NotPrimary) Error() string {
	return fmt.Sprintf("only the primary can do this: ask %s at %s", e.Primary, e.Address)
}

func (e *NotPrimary) Unwrap() error { return ErrNotPrimary }
