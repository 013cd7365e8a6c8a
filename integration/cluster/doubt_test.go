package cluster_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestAOneShotOfAPrimaryThatEndsBeforeTheAnswerIsInDoubt: nobody guesses, the
// operator sees it, and says what became of it.
func TestAOneShotOfAPrimaryThatEndsBeforeTheAnswerIsInDoubt(t *testing.T) {
	for _, resolution := range []domain.Resolution{domain.ResolvedDone, domain.ResolvedNotDone, domain.ResolvedAgain} {
		t.Run(string(resolution), func(t *testing.T) {
			s := common(t)
			uid := s.uid("u")
			s.leaveInDoubt(uid)
			s.resolve(uid, resolution)
			s.proven()
		})
	}
}

// leaveInDoubt kills the primary between the sending of a pulse and its answer.
func (s *stage) leaveInDoubt(uid string) {
	s.t.Helper()
	old := s.primary()
	s.no(s.GateFault(s.t.Context(), `{"mode":"silent"}`))
	asked := make(chan cluster.Said, 1)
	other := map[string]string{"A": "B", "B": "C", "C": "A"}[old]
	go func() {
		asked <- s.CLI(s.t.Context(), "command", "send", up.GateID, "pulse", "--uid", uid, "--server", other, "-o", "json")
	}()
	s.eventually("the device has received the pulse", func() error {
		if n, err := s.Pulses(s.t.Context()); err != nil || n[uid] != 1 {
			return fmt.Errorf("%d pulses, %w", n[uid], err)
		}
		return nil
	})
	process, err := s.Process("server-" + old)
	s.no(err)
	s.no(process.Signal(syscall.SIGKILL))
	said := <-asked
	if r := read[httpapi.Result](s, said); said.Code != 5 || r.Outcome != domain.InDoubt || r.Server == old {
		s.t.Fatalf("who asked was not told that it is in doubt, by another server than %s: %s", old, said)
	}
	s.no(s.GateFault(s.t.Context(), `{}`))
	s.primary()
	s.pulsed(uid, 1)
	if !s.inDoubt(uid) {
		s.t.Error("`indoubt list` does not show it")
	}
}

// inDoubt asks every server for the list.
func (s *stage) inDoubt(uid string) bool {
	s.t.Helper()
	shown := 0
	for _, server := range s.Run.Servers {
		for _, d := range read[[]httpapi.Doubt](s, s.cli(0, "indoubt", "list", "--server", server.Name, "-o", "json")) {
			if d.UID == uid {
				shown++
			}
		}
	}
	if shown != 0 && shown != len(s.Run.Servers) {
		s.t.Errorf("%d of %d servers show it in doubt", shown, len(s.Run.Servers))
	}
	return shown > 0
}

// resolve says what became of it, and checks what follows from that.
func (s *stage) resolve(uid string, as domain.Resolution) {
	s.t.Helper()
	line := []string{"indoubt", "resolve", uid, "--as", string(as), "--reason", "looked at the gate"}
	if r := s.result(0, line...); r.Outcome != domain.Confirmed {
		s.t.Errorf("the resolution is %+v", r)
	}
	s.eventually("it is no longer in doubt", func() error {
		if s.inDoubt(uid) {
			return fmt.Errorf("it is")
		}
		return nil
	})
	code := map[domain.Resolution]int{domain.ResolvedDone: 0, domain.ResolvedNotDone: 1, domain.ResolvedAgain: 1}[as]
	if r := s.result(code, "command", "status", uid, "--device", up.GateID); r.Outcome != domain.InDoubt || r.Resolved != string(as) {
		s.t.Errorf("the command is shown as %+v; want in doubt, resolved as %s", r, as)
	}
	again := domain.DerivedUID(uid, "again")
	if as == domain.ResolvedAgain {
		if r := s.outcome(up.GateID, again); r.Outcome != domain.Confirmed {
			s.t.Errorf("what was sent again ended as %+v", r)
		}
		s.pulsed(again, 1)
	} else {
		s.pulsed(again, 0)
	}
	s.pulsed(uid, 1)
	// It is resolved once; who comes later is told.
	if said := s.CLI(s.t.Context(), line...); said.Code == 0 || !strings.Contains(said.Err, "not in doubt") {
		s.t.Errorf("a second resolution: %s", said)
	}
}
