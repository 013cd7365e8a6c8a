package relay

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// Mode says what is lost.
type Mode string

// The modes. In and Out are seen from the client that connects to the relay.
const (
	Forward Mode = "forward" // nothing is lost
	Drop    Mode = "drop"    // both directions, in silence; new connections are accepted and lead nowhere
	In      Mode = "in"      // what the target sends
	Out     Mode = "out"     // what the client sends
	Reset   Mode = "reset"   // all connections, with a reset; new ones are reset at once
)

// ParseMode reads a mode that can be given to Cut.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Drop, In, Out, Reset:
		return m, nil
	}
	return "", fmt.Errorf("cut %q: give drop, in, out or reset: %w", s, domain.ErrInvalid)
}

// direction is one half of a connection.
type direction int

const (
	outward direction = iota // client to target
	inward                   // target to client
)

// loses tells whether bytes of a direction are lost.
func (m Mode) loses(d direction) bool {
	switch m {
	case Drop, Reset:
		return true
	case In:
		return d == inward
	case Out:
		return d == outward
	}
	return false
}
