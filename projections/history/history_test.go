package history_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/projections/history"
)

const second = domain.Instant(time.Second)

// written is a record of incarnation by[:1]+"1" style names, at a time in seconds.
type written struct {
	by string
	at domain.Instant
	p  domain.Payload
}

func TestEveryEpochIsToldWithItsCauseAndEvidence(t *testing.T) {
	h := history.New()
	for i, w := range []written{
		{"A", 1, domain.Joined{Incarnation: "a1"}},
		{"B", 1, domain.Joined{Incarnation: "b1"}},
		{"A", 2, domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second, Cause: "start"}},
		{"A", 5, domain.Heartbeat{Incarnation: "a1", Epoch: 1, N: 2, TTL: time.Second}},
		{"A", 6, domain.Died{Incarnation: "a1", Exit: "signal: killed"}},
		{"B", 7, domain.Claim{Incarnation: "b1", Epoch: 1, Seen: 3, N: 1, TTL: time.Second, Cause: "failover"}}, // void
		{"B", 7, domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 3, N: 2, TTL: time.Second, Cause: "failover"}},
		{"A", 8, domain.Joined{Incarnation: "a2"}},
		{"B", 9, domain.Contest{Epoch: 2, By: "ann", Reason: "its devices are away", To: "A"}},
		{"B", 9, domain.Release{Incarnation: "b1", Epoch: 2, Reason: "contested"}},
		{"A", 10, domain.Claim{Incarnation: "a2", Epoch: 3, Seen: 6, N: 1, TTL: time.Second, Cause: "forced"}},
		{"B", 20, domain.Claim{Incarnation: "b1", Epoch: 4, Seen: 10, N: 3, TTL: time.Second, Cause: "failover"}},
		{"B", 22, domain.Heartbeat{Incarnation: "b1", Epoch: 4, N: 4, TTL: time.Second}},
	} {
		h.Apply(domain.Record{
			Position: domain.Position{Offset: int64(i)}, Subject: w.by, Appended: w.at * second, Signed: true, Type: w.p.Type(), Payload: w.p,
		})
	}
	want := []history.Term{
		{1, "A", "a1", "start", "", "", 2 * second, 2, 0, 3 * time.Second, "its process ended: signal: killed"},
		{2, "B", "b1", "failover", "the guard of A", "A ended: signal: killed", 7 * second, 6, 2 * time.Second, 0, "contested by ann: its devices are away"},
		{3, "A", "a2", "forced", "ann", "contested: its devices are away; B released: contested", 10 * second, 10, time.Second, 0, "B claimed epoch 4"},
		{4, "B", "b1", "failover", "", "nothing was heard of A for longer than its lease of 1s", 20 * second, 11, 10 * time.Second, 2 * time.Second, ""},
	}
	got := h.Close()
	if len(got) != len(want) {
		t.Fatalf("%d terms: %+v", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("term %d:\n got %+v\nwant %+v", i+1, got[i], want[i])
		}
	}
}

// Who moved primacy stands beside the move, and where all were stopped the next epoch
// begins with a start: nobody has moved anything.
func TestAMoveHasItsOperatorAndAColdStartHasNone(t *testing.T) {
	h := history.New()
	for i, w := range []written{
		{"A", 1, domain.Joined{Incarnation: "a1"}},
		{"B", 1, domain.Joined{Incarnation: "b1"}},
		{"A", 2, domain.Claim{Incarnation: "a1", Epoch: 1, Seen: -1, N: 1, TTL: time.Second, Cause: "start"}},
		{"A", 3, domain.Release{Incarnation: "a1", Epoch: 1, To: "B", Reason: domain.AskedFor + "ann"}},
		{"B", 3, domain.Claim{Incarnation: "b1", Epoch: 2, Seen: 2, N: 1, TTL: time.Second, Cause: "switchover"}},
		{"B", 4, domain.Drained{On: true, By: "bob", Reason: "new disks"}},
		{"B", 4, domain.Release{Incarnation: "b1", Epoch: 2, To: "A", Reason: election.ReasonDrained}},
		{"A", 5, domain.Claim{Incarnation: "a1", Epoch: 3, Seen: 4, N: 2, TTL: time.Second, Cause: "switchover"}},
		{"B", 6, domain.Left{Incarnation: "b1"}},
		{"A", 6, domain.Left{Incarnation: "a1"}},
		{"A", 60, domain.Joined{Incarnation: "a2"}},
		{"A", 61, domain.Claim{Incarnation: "a2", Epoch: 4, Seen: 7, N: 1, TTL: time.Second, Cause: "switchover"}},
	} {
		h.Apply(domain.Record{
			Position: domain.Position{Offset: int64(i)}, Subject: w.by, Appended: w.at * second, Signed: true, Type: w.p.Type(), Payload: w.p,
		})
	}
	var got []string
	for _, term := range h.Close() {
		got = append(got, term.Server+" "+term.Cause+" by "+term.By+"; "+term.Evidence)
	}
	want := []string{
		"A start by ; ",
		"B switchover by ann; A released: switchover asked for by ann",
		"A switchover by bob; B released: drained",
		"A start by ; A left in order; A was started after that",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
