package election

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// P16: whether it may contest because of devices, a standby judges from control alone.
func TestAContestBecauseOfDevicesIsJudgedFromControlAlone(t *testing.T) {
	const second = domain.Instant(time.Second)
	s := NewState()
	offset := int64(0)
	say := func(who string, at domain.Instant, p domain.Payload) Ruling {
		t.Helper()
		offset++
		return s.Apply(domain.Record{
			Position: domain.Position{Offset: offset}, Type: p.Type(), Payload: p, Subject: who, UID: "u", Signed: true, Appended: at,
		})
	}
	beat := func(who string, epoch, n uint64, missing int64) {
		t.Helper()
		say(who, 0, domain.Heartbeat{Incarnation: who + "1", Epoch: epoch, N: n, TTL: time.Second, Ready: true, Missing: missing, Counted: true})
	}
	judged := func(by string, at domain.Instant, want string) {
		t.Helper()
		if got := s.unproven(by, at); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("of %s at %s: %q, want %q", by, at, got, want)
		}
	}
	for _, who := range []string{"a", "b"} {
		say(who, 0, domain.Joined{Incarnation: who + "1"})
	}
	judged("b", 0, "the holder is not a member")
	say("a", 0, domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second})
	judged("b", 0, "b has not counted its devices")
	beat("b", 0, 1, 0)
	judged("b", 0, "missed devices: 0 by b, 0 by a")
	beat("a", 1, 2, 3)
	judged("b", 0, "")
	judged("a", 0, "a is the holder")
	judged("c", 0, "c is not a member")
	beat("b", 0, 2, 3)
	judged("b", 0, "missed devices: 3 by b, 3 by a")
	beat("b", 0, 3, 2)
	judged("b", 100*second, "")
	if r := say("b", 100*second, domain.Contest{Epoch: 1, By: "b", Devices: []string{"hub-1"}}); !r.Counts {
		t.Fatalf("the contest is %+v", r)
	}
	judged("b", 159*second, "the last one is less than 1m0s ago")
	judged("b", 160*second, "")
	judged("b", 99*second, "")
	// It is kept in a view, and twice as long after the second one.
	view, err := Restore(s.Export())
	if err != nil || view.unproven("b", 159*second) == "" {
		t.Errorf("a view has forgotten it: %v", err)
	}
	say("b", 160*second, domain.Claim{Incarnation: "b1", Epoch: 2, Seen: s.Heard(), N: 3, TTL: time.Second})
	beat("b", 2, 4, 5)
	say("a", 170*second, domain.Contest{Epoch: 2, By: "a", Devices: []string{"hub-2"}})
	judged("a", 289*second, "the last one is less than 2m0s ago")
	judged("a", 290*second, "")
}

// A state that nothing of this was ever in has the bytes that it always had.
func TestAViewSaysNothingOfContestsThatThereWereNot(t *testing.T) {
	if view := string(NewState().Export()); strings.Contains(view, "outreached") {
		t.Errorf("the view is %s", view)
	}
}
