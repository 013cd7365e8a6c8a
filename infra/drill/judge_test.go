package drill

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

const ms = time.Millisecond

// history is one in which nothing is wrong: A acts, is ended at 100 ms, and B
// acts from 112 ms on.
func history() History {
	h := History{Outcomes: map[string]domain.Outcome{}, Counts: map[string]int{}}
	h.Faults = []Fault{{At: 100 * ms, Until: 150 * ms, Old: "A"}}
	for i, at := range []domain.Mono{90 * ms, 95 * ms, 112 * ms, 113 * ms} {
		uid := fmt.Sprintf("u%d", i)
		server := "A"
		if at > 100*ms {
			server = "B"
		}
		h.Sent = append(h.Sent, Sent{Index: i, Device: gateDevice, UID: uid, OneShot: true, Logged: true, At: at - ms})
		h.Received = append(h.Received, Received{At: at, Server: server, Device: gateDevice, UID: uid})
		h.Outcomes[uid], h.Counts[uid] = domain.Confirmed, 1
	}
	return h
}

func TestTheGapIsCountedFromTheFaultToTheFirstActionOfAnother(t *testing.T) {
	f := Judge(history())
	if len(f.Gaps) != 1 || f.Gaps[0] != 12*ms {
		t.Fatalf("gaps %v", f.Gaps)
	}
	if f.Stale+f.OutOfOrder+len(f.Lost)+len(f.Doubled)+f.Unfinished != 0 {
		t.Fatalf("found faults in a sound history: %+v", f)
	}
}

func TestAPlannedMoveIsCountedFromTheLastActionOfTheOldOne(t *testing.T) {
	h := history()
	h.Faults[0].Planned = true
	h.Received[1].At = 104 * ms
	if f := Judge(h); f.Gaps[0] != 8*ms {
		t.Fatalf("gap %v", f.Gaps)
	}
}

// Somebody's browser at a device is no takeover.
func TestAnUnknownClientOfADeviceIsNoTakeover(t *testing.T) {
	w := newWatch(source{}, source{}, map[string]string{"127.0.0.11": "A", "127.0.0.12": "B"})
	h := history()
	stranger := Received{At: 105 * ms, Server: w.server("127.0.0.1:4000"), Device: gateDevice}
	h.Received = append(h.Received[:2], stranger, h.Received[2], h.Received[3])
	w.received = h.Received
	if r, ok := w.first("A", 100*ms); !ok || r.Server != "B" {
		t.Errorf("the takeover is %+v", r)
	}
	if f := Judge(h); len(f.Gaps) != 1 || f.Gaps[0] != 12*ms || f.Changes != 1 {
		t.Errorf("gaps %v, %d changes", f.Gaps, f.Changes)
	}
	h.Received = h.Received[:3]
	if f := Judge(h); f.Unfinished != 1 {
		t.Errorf("%d runs are without a takeover", f.Unfinished)
	}
}

func TestTheJudgeFindsWhatMustNotBe(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(h *History)
		found func(f Findings) bool
	}{
		{"a logged command without an outcome is lost", func(h *History) { delete(h.Outcomes, "u1") },
			func(f Findings) bool { return len(f.Lost) == 1 }},
		{"a one-shot that a device received twice is doubled", func(h *History) {
			h.Received = append(h.Received, Received{At: 114 * ms, Server: "B", Device: gateDevice, UID: "u1"})
		}, func(f Findings) bool { return len(f.Doubled) == 1 && f.OutOfOrder == 1 }},
		{"an action of the old primary after the new one's first is stale", func(h *History) { h.Received[3].Server = "A" },
			func(f Findings) bool { return f.Stale == 1 }},
		{"a newer action before an older one is out of order", func(h *History) {
			h.Received[0].UID, h.Received[1].UID = h.Received[1].UID, h.Received[0].UID
		}, func(f Findings) bool { return f.OutOfOrder == 1 }},
		{"a one-shot that is confirmed and that no device received", func(h *History) { h.Received = h.Received[:3] },
			func(f Findings) bool { return len(f.Unsent) == 1 }},
		{"two outcomes of one command", func(h *History) { h.Counts["u2"] = 2 },
			func(f Findings) bool { return len(f.Repeated) == 1 }},
		{"a fault after which nobody else acted", func(h *History) { h.Received = h.Received[:2] },
			func(f Findings) bool { return f.Unfinished == 1 }},
		{"an older turn of a crosspoint after a newer one", func(h *History) {
			t := domain.CrosspointTarget("", 1)
			for i := range 2 {
				h.Sent = append(h.Sent, Sent{Index: 4 + i, Device: hubDevice, UID: fmt.Sprint("r", i), Target: t, Turn: 1 + i})
				h.Received = append(h.Received, Received{At: domain.Mono(120-i) * ms, Server: "B", Device: hubDevice, Target: t, Turn: 1 + i})
			}
		}, func(f Findings) bool { return f.OutOfOrder == 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history()
			c.spoil(&h)
			if f := Judge(h); !c.found(f) {
				t.Errorf("not found: %+v", f)
			}
		})
	}
}

// At 2,000 commands a second the sources of a destination go round in less than a
// second: neither an outage nor a slow router may turn newer routes into older ones.
func TestTurnsAreReadFromTheSourceNumber(t *testing.T) {
	target := domain.CrosspointTarget("", 1)
	for name, received := range map[string][]struct{ turn, at int }{
		"at once":              {{1, 1}, {2, 2}, {42, 42}, {43, 43}},
		"after an outage":      {{1, 1}, {90, 91}, {91, 92}, {390, 391}},
		"two rounds late":      {{1, 81}, {2, 82}, {3, 100}, {44, 140}, {85, 180}},
		"an older one is late": {{1, 1}, {50, 50}, {49, 51}, {51, 52}},
		"again":                {{1, 1}, {50, 50}, {50, 51}, {51, 51}},
	} {
		t.Run(name, func(t *testing.T) {
			h := History{Outcomes: make(map[string]domain.Outcome)}
			for turn := 1; turn <= 400; turn++ {
				uid := fmt.Sprint(turn)
				h.Sent = append(h.Sent, Sent{UID: uid, Target: target, Turn: turn, At: domain.Mono(turn) * ms})
				h.Outcomes[uid] = domain.Superseded
			}
			for _, c := range received {
				h.Received = append(h.Received, Received{At: domain.Mono(c.at) * ms, Target: target, Source: sourceOf(c.turn)})
				h.Outcomes[fmt.Sprint(c.turn)] = domain.Confirmed
			}
			findTurns(h)
			for i, r := range h.Received {
				if r.Turn != received[i].turn {
					t.Errorf("turn %d was read as %d", received[i].turn, r.Turn)
				}
			}
		})
	}
}

// A primary that is paused or cut off may have sent a route, and cannot say so: the next
// one finds a newer wish, and ends it as superseded. That overtook nothing.
func TestARouteThatLeftBeforeItWasSupersededIsInOrder(t *testing.T) {
	target := domain.CrosspointTarget("", 1)
	h := History{Outcomes: make(map[string]domain.Outcome)}
	for turn := 1; turn <= 60; turn++ {
		uid := fmt.Sprint(turn)
		h.Sent = append(h.Sent, Sent{Index: turn, Device: hubDevice, UID: uid, Target: target, Turn: turn, At: domain.Mono(turn) * ms})
		h.Outcomes[uid] = domain.Confirmed
		if turn <= 50 || turn >= 58 {
			h.Received = append(h.Received, Received{At: domain.Mono(turn)*ms + ms/2, Device: hubDevice, Target: target, Source: sourceOf(turn)})
		} else {
			h.Outcomes[uid] = domain.Superseded
		}
	}
	h.Outcomes["50"] = domain.Superseded
	if f := Judge(h); f.OutOfOrder != 0 || h.Received[49].Turn != 50 {
		t.Errorf("%d out of order; turn 50 was read as %d", f.OutOfOrder, h.Received[49].Turn)
	}
	// One that came before is still found: turn 30, after 60.
	h.Received = append(h.Received, Received{At: 62 * ms, Device: hubDevice, Target: target, Source: sourceOf(30)})
	if f := Judge(h); f.OutOfOrder != 1 {
		t.Errorf("%d out of order, want 1", f.OutOfOrder)
	}
}

func TestAFailBackIsCountedBetweenTheActionsOfTheTwo(t *testing.T) {
	h := History{
		// B stands in from 40 ms on; A is started again at 50 ms, and is back at 112 ms.
		Faults:   []Fault{{Began: 30 * ms, At: 50 * ms, Until: 150 * ms, Old: "B", Planned: true}},
		Sent:     []Sent{{UID: "u", OneShot: true, At: 31 * ms}},
		Received: []Received{{At: 25 * ms, Server: "A"}, {At: 40 * ms, Server: "B", UID: "u"}, {At: 104 * ms, Server: "B"}, {At: 112 * ms, Server: "A"}},
	}
	f := Judge(h)
	if len(f.Gaps) != 1 || f.Gaps[0] != 8*ms || f.Stale != 0 || f.Unfinished != 0 {
		t.Errorf("%+v", f)
	}
	if len(f.OneShot) != 0 {
		t.Errorf("a command of the time without A counts as undisturbed: %v", f.OneShot)
	}
}

func TestTheRatesAreThoseWhileCommandsWereSent(t *testing.T) {
	h := history()
	h.Sent[0].Logged = false
	f := Judge(h) // three were logged from 94 to 112 ms, two received by then
	if math.Round(f.CommandsPerSecond) != 111 || math.Round(f.ActionsPerSecond) != 111 {
		t.Errorf("%v commands and %v actions a second", f.CommandsPerSecond, f.ActionsPerSecond)
	}
}
