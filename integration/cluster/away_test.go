package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestOneShotsForADeviceThatIsAwayExpire: on its return none of them is sent.
func TestOneShotsForADeviceThatIsAwayExpire(t *testing.T) {
	s := common(t)
	s.no(s.GateFault(t.Context(), `{"mode":"refuse"}`))
	s.connected(up.GateID, false)
	var uids []string
	for n := range 100 {
		uid := s.uid(fmt.Sprint(n))
		uids = append(uids, uid)
		h := cluster.CommandHeaders(up.GateID, uid, "verb.invoke.v1").With("ce_validfor", "500ms")
		_, err := s.Command(t.Context(), s.producer, h, `{"verb":"pulse"}`)
		s.no(err)
	}
	for _, uid := range uids {
		if r := s.outcome(up.GateID, uid); r.Outcome != domain.Expired {
			t.Errorf("%s is %s, want expired", uid, r.Outcome)
		}
	}
	s.no(s.GateFault(t.Context(), `{}`))
	s.connected(up.GateID, true)
	// What comes now is sent: the queue has not stopped with those.
	live := s.uid("live")
	s.result(0, "command", "send", up.GateID, "pulse", "--uid", live)
	pulses, err := s.Pulses(t.Context())
	s.no(err)
	for _, uid := range uids {
		if pulses[uid] != 0 {
			t.Errorf("%s expired and was sent %d times", uid, pulses[uid])
		}
	}
	if pulses[live] != 1 {
		t.Errorf("%d pulses after the return, want 1", pulses[live])
	}
	s.proven()
}

// TestRoutesForADeviceThatIsAwayBecomeTheNewestOfEachDestination: on its return
// only that one is sent, and only if it is still valid.
func TestRoutesForADeviceThatIsAwayBecomeTheNewestOfEachDestination(t *testing.T) {
	s := common(t)
	s.no(s.Steer(t.Context(), "/processes/"+up.VideohubID+"/stop", ""))
	s.connected(up.VideohubID, false)
	const dests, wishes = 10, 10
	uid := func(dest, wish int) string { return s.uid(fmt.Sprintf("%d-%d", dest, wish)) }
	for wish := range wishes {
		for dest := 1; dest <= dests; dest++ {
			valid := "30s"
			if dest > dests/2 {
				valid = "400ms" // these are over before the router is back
			}
			h := cluster.CommandHeaders(up.VideohubID, uid(dest, wish), "crosspoint.take.v1").With("ce_validfor", valid)
			_, err := s.Command(t.Context(), s.producer, h, takeJSON(dest, 20+wish))
			s.no(err)
		}
	}
	for dest := dests/2 + 1; dest <= dests; dest++ {
		if r := s.outcome(up.VideohubID, uid(dest, wishes-1)); r.Outcome != domain.Expired {
			t.Errorf("the newest wish of destination %d is %s, want expired", dest, r.Outcome)
		}
	}
	// A wish that a newer one has replaced does not come back when that one expires.
	const mixed = dests + 1
	for i, valid := range []string{"30s", "400ms"} {
		h := cluster.CommandHeaders(up.VideohubID, uid(mixed, i), "crosspoint.take.v1").With("ce_validfor", valid)
		_, err := s.Command(t.Context(), s.producer, h, takeJSON(mixed, 20+i))
		s.no(err)
	}
	if r := s.outcome(up.VideohubID, uid(mixed, 1)); r.Outcome != domain.Expired {
		t.Errorf("the newest wish of destination %d is %s, want expired", mixed, r.Outcome)
	}
	s.no(s.Steer(t.Context(), "/processes/"+up.VideohubID+"/start", ""))
	s.connected(up.VideohubID, true)
	if r := s.outcome(up.VideohubID, uid(mixed, 0)); r.Outcome != domain.Superseded {
		t.Errorf("the wish of destination %d before the newest is %s, want superseded", mixed, r.Outcome)
	}

	for dest := 1; dest <= dests; dest++ {
		for wish := range wishes {
			r, newest := s.outcome(up.VideohubID, uid(dest, wish)), wish == wishes-1
			switch {
			case !newest && r.Outcome != domain.Superseded && r.Outcome != domain.Expired:
				t.Errorf("wish %d of destination %d is %s", wish, dest, r.Outcome)
			case newest && dest <= dests/2 && r.Outcome != domain.Confirmed:
				t.Errorf("the newest wish of destination %d is %s, want confirmed", dest, r.Outcome)
			}
		}
	}
	// The simulator is a new process: all that it has received came on the return.
	writes, err := s.HubWrites(t.Context(), 0)
	s.no(err)
	got := make(map[int][]int)
	for _, w := range writes {
		for _, c := range w.Changes {
			got[c.Destination] = append(got[c.Destination], c.Source)
		}
	}
	for dest := 1; dest <= mixed; dest++ {
		want := "[29]"
		if dest > dests/2 {
			want = "[]"
		}
		if have := fmt.Sprint(got[dest]); have != want {
			t.Errorf("destination %d: the router has received the sources %s on its return, want %s", dest, have, want)
		}
	}
	s.proven()
}

// connected waits until every server shows the device as there, or away.
func (s *stage) connected(device string, want bool) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s is connected: %v", device, want), func() error {
		for _, server := range s.Run.Servers {
			if shown := s.device(server.Name, device); !strings.Contains(shown, fmt.Sprintf(`"connected":%v`, want)) {
				return fmt.Errorf("server %s shows %.300s", server.Name, shown)
			}
		}
		return nil
	})
}
