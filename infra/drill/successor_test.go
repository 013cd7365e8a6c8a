package drill

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// lonely is a landscape whose primary has nobody behind it, or one server.
type lonely struct {
	Landscape
	next string
}

func (lonely) Primary(context.Context) (string, error)           { return "A", nil }
func (l lonely) Successor(context.Context, bool) (string, error) { return l.next, nil }

// A drill that nobody could end well is not begun: it would end the only server there is,
// and measure nothing.
func TestADrillThatNobodyCouldTakeOverInIsNotBegun(t *testing.T) {
	if err := rehearsable(t.Context(), Kill, lonely{}); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "no other server could take over from A") {
		t.Errorf("alone: %v", err)
	}
	for kind, land := range map[Kind]lonely{Kill: {next: "B"}, Observe: {}} {
		if err := rehearsable(t.Context(), kind, land); err != nil {
			t.Errorf("%s, next %q: %v", kind, land.next, err)
		}
	}
}
