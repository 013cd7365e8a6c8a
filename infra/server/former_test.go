package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// A server that was stopped in good order is not forgotten: who looks for it learns that it
// has left, and where it stood.
func TestAServerThatHasLeftIsTold(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.start("B")
	s.primary(a, b)
	b.stop()
	must(t, s.end(b))
	s.eventually("A tells that B has left", func() error {
		st, err := a.Status(s.ctx)
		if err != nil || len(st.Servers) != 1 || len(st.Former) != 1 {
			return fmt.Errorf("servers %+v, former %+v: %w", st.Servers, st.Former, errors.Join(err, domain.ErrTransient))
		}
		if f := st.Former[0]; f.Name != "B" || f.Position == 0 || f.LastHeard.IsZero() || f.Address == "" {
			t.Errorf("it tells of %+v", f)
		}
		return nil
	})
	_, move := a.Switchover(s.ctx, "ann", "B")
	_, drain := a.Drain(s.ctx, "ann", "B", true, "")
	_, policy := a.SetPolicy(s.ctx, "ann", httpapi.PolicyChange{Order: "designated", Members: []string{"B"}})
	for what, err := range map[string]error{"switchover": move, "drain": drain, "policy": policy} {
		if !errors.Is(err, domain.ErrNotFound) || !strings.Contains(err.Error(), "B has left in good order") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := a.Switchover(s.ctx, "ann", "Z"); err == nil || !strings.Contains(err.Error(), "Z is no server of this landscape") {
		t.Errorf("of one that there never was: %v", err)
	}
	// The device that is asked about, and is not there, is what is wrong.
	if _, err := a.Command(s.ctx, "nope", "u-1"); !errors.Is(err, domain.ErrNotFound) || !strings.Contains(err.Error(), `no device "nope" is configured`) {
		t.Errorf("of a device that there is not: %v", err)
	}
	if _, err := a.Command(s.ctx, "gate-1", "u-1"); err == nil || !strings.Contains(err.Error(), "no command with UID u-1 is remembered") {
		t.Errorf("of a UID that there is not: %v", err)
	}
	again := s.start("B")
	s.primary(a, again)
	if st, err := a.Status(s.ctx); err != nil || len(st.Former) != 0 {
		t.Errorf("it is back, and A tells of %+v, %v", st.Former, err)
	}
}
