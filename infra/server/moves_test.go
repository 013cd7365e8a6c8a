package server_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// Nobody moves primacy to a server that would not keep it, planned or forced; who asks
// is told how to go on.
func TestPrimacyIsNotMovedToWhoCannotHaveIt(t *testing.T) {
	s := newStage(t)
	steady := func(o *server.Options) { o.Election.TTL = time.Second }
	a := s.startWith("A", steady)
	s.primary(a)
	b := s.startWith("B", steady)
	s.primary(a, b)
	decided(t)(a.Drain(s.ctx, "ann", "B", true, "new disks"))
	var st httpapi.Status
	s.eventually("B has read that it is drained", func() (err error) {
		if st, err = b.Status(s.ctx); err == nil && !slices.ContainsFunc(st.Servers, func(m httpapi.ServerStatus) bool { return m.Drained }) {
			err = domain.ErrTransient
		}
		return err
	})
	epoch := st.Epoch

	for name, test := range map[string]struct {
		move  func() (httpapi.Move, error)
		class error
		words string
	}{
		"planned, to a drained one":     {func() (httpapi.Move, error) { return a.Switchover(s.ctx, "ann", "B") }, domain.ErrConflict, "B is drained: end that with `understudy cluster undrain B`"},
		"planned, all are drained":      {func() (httpapi.Move, error) { return a.Switchover(s.ctx, "ann", "") }, domain.ErrConflict, "no other server could take over: B is drained"},
		"planned, to the primary":       {func() (httpapi.Move, error) { return a.Switchover(s.ctx, "ann", "A") }, domain.ErrConflict, "A is the primary already"},
		"planned, to nobody":            {func() (httpapi.Move, error) { return a.Switchover(s.ctx, "ann", "Z") }, domain.ErrNotFound, "Z is no server of this landscape"},
		"forced, to a drained one":      {func() (httpapi.Move, error) { return a.Takeover(s.ctx, "ann", "test", "B") }, domain.ErrConflict, "B is drained"},
		"forced, by a drained one":      {func() (httpapi.Move, error) { return b.Takeover(s.ctx, "ann", "test", "") }, domain.ErrConflict, "B is drained"},
		"forced, to nobody":             {func() (httpapi.Move, error) { return b.Takeover(s.ctx, "ann", "test", "Z") }, domain.ErrNotFound, "Z is no server"},
		"forced, by the primary itself": {func() (httpapi.Move, error) { return a.Takeover(s.ctx, "ann", "test", "") }, domain.ErrConflict, "A is the primary already"},
	} {
		move, err := test.move()
		if !errors.Is(err, test.class) || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %+v, %v; want %q", name, move, err, test.words)
		}
	}
	if st, err := a.Status(s.ctx); err != nil || st.Epoch != epoch || st.Primary != "A" || st.Next != "" {
		t.Errorf("epoch %d of %q, next %q, %v; want %d of A", st.Epoch, st.Primary, st.Next, err, epoch)
	}
	decided(t)(a.Drain(s.ctx, "ann", "B", false, ""))
	s.primary(a, b)
	if move, err := a.Switchover(s.ctx, "ann", "B"); err != nil || move.To != "B" {
		t.Errorf("%+v, %v", move, err)
	}
}
