package cluster_test

import (
	"sync"
	"syscall"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

// TestOneUIDIsOneEffectAndOneAnswer: through two servers at once, after a
// failover, and after a restart of everything.
func TestOneUIDIsOneEffectAndOneAnswer(t *testing.T) {
	s := own(t)
	line := func(server string) []string {
		return []string{"command", "send", up.GateID, "pulse", "--uid", "show7-cue12", "--server", server}
	}
	first := atOnce(s, line("A"), line("B"))
	s.pulsed("show7-cue12", 1)

	old := s.primary()
	process, err := s.Process("server-" + old)
	s.no(err)
	s.no(process.Signal(syscall.SIGKILL))
	if now := s.primary(); now == old {
		t.Fatalf("%s is primary again: there was no failover", old)
	}
	s.sameAnswer(first, s.result(0, line("C")...), "after a failover")
	s.pulsed("show7-cue12", 1)

	s.no(s.Stop())
	s.no(s.Again(t.Context()))
	s.sameAnswer(first, s.result(0, line("B")...), "after a restart of everything")
	s.pulsed("show7-cue12", 0) // the device has begun anew, too
	s.proven()
}

// atOnce runs two lines with the same UID, and gives the answer to the one that
// counts.
func atOnce(s *stage, lines ...[]string) httpapi.Result {
	s.t.Helper()
	results := make([]httpapi.Result, len(lines))
	var both sync.WaitGroup
	for i, line := range lines {
		both.Go(func() { results[i] = s.result(0, line...) })
	}
	both.Wait()
	if results[0].Duplicate == results[1].Duplicate {
		s.t.Fatalf("one of them must be a repeat: %+v", results)
	}
	if results[0].Duplicate {
		results[0], results[1] = results[1], results[0]
	}
	s.sameAnswer(results[0], results[1], "at once")
	return results[0]
}

// sameAnswer checks that a repeat got what the first one got.
func (s *stage) sameAnswer(first, repeat httpapi.Result, when string) {
	s.t.Helper()
	if !repeat.Duplicate || repeat.Conflict {
		s.t.Errorf("%s: the answer does not say that it is one to a repeat: %+v", when, repeat)
	}
	if repeat.Outcome != first.Outcome || repeat.Position != first.Position || *repeat.OutcomeAt != *first.OutcomeAt || repeat.Server != first.Server {
		s.t.Errorf("%s: the answer is %+v, the original was %+v", when, repeat, first)
	}
}

// pulsed checks how many pulses the device has received under a UID.
func (s *stage) pulsed(uid string, want int) {
	s.t.Helper()
	n, err := s.Pulses(s.t.Context())
	s.no(err)
	if n[uid] != want {
		s.t.Errorf("the device has received %d pulses under %s, want %d", n[uid], uid, want)
	}
}

func TestAUIDThatAsksForSomethingElseGetsTheOriginalAnswer(t *testing.T) {
	s := common(t)
	uid := s.uid("u")
	first := s.result(0, "command", "send", up.GateID, "set-level", "--arg", "level=21", "--uid", uid)
	other := s.result(3, "command", "send", up.GateID, "set-level", "--arg", "level=22", "--uid", uid)
	if !other.Conflict || other.Outcome != domain.Confirmed || other.Position != first.Position {
		t.Errorf("the answer is %+v, the original was %+v", other, first)
	}
	gate, err := s.Gate(t.Context())
	s.no(err)
	if gate.Parameters["level"] != "21" {
		t.Errorf("the device has level %s, want 21", gate.Parameters["level"])
	}
	// The same wish, written otherwise, is no other wish.
	again := s.result(0, "command", "send", up.GateID, "set-level", "--arg", "level=21", "--uid", uid)
	s.sameAnswer(first, again, "again")
	audit := s.proven()
	conflicts := uint64(0)
	for _, st := range audit.States {
		conflicts += st.Counters().Conflicts
	}
	if conflicts == 0 {
		t.Error("the conflict is not counted")
	}
}
