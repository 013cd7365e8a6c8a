package explain

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// control is a control topic that is written record by record, each a second later.
type control struct {
	next int64
	e    *Election
}

func (c *control) add(member string, p domain.Payload) int64 {
	at := c.next
	c.next++
	c.e.Apply(&domain.Record{
		Position: domain.Position{Offset: at}, Appended: domain.InstantOf(second(at)), Type: p.Type(),
		UID: "x", Source: domain.ServerSource(member), Subject: member, Signed: true, Payload: p,
	}, false)
	return at
}

func second(n int64) time.Time { return time.Unix(1_790_000_000+n, 0).UTC() }

// TestAVoidClaimEndsNoTerm: the holder goes on after a claim that does not count, and
// what is told of the term before is how it was at the one that does.
func TestAVoidClaimEndsNoTerm(t *testing.T) {
	c := &control{e: NewElection(2)}
	ttl := 100 * time.Millisecond
	c.add("A", domain.Joined{Incarnation: "a"})
	c.add("B", domain.Joined{Incarnation: "b"})
	c.add("A", domain.Claim{Incarnation: "a", Epoch: 1, Seen: -1, N: 1, TTL: ttl, Cause: "start"})
	c.add("A", domain.Heartbeat{Incarnation: "a", Epoch: 1, N: 2, TTL: ttl, Ready: true})
	c.add("B", domain.Claim{Incarnation: "b", Epoch: 2, Seen: 2, N: 1, TTL: ttl, Cause: "failover"}) // had not seen the heartbeat
	c.add("C", domain.Joined{Incarnation: "c"})
	last := c.add("A", domain.Heartbeat{Incarnation: "a", Epoch: 1, N: 3, TTL: ttl, Ready: true})
	died := c.add("A", domain.Died{Incarnation: "a", Exit: "signal: killed"})
	won := c.add("B", domain.Claim{Incarnation: "b", Epoch: 2, Seen: last, N: 2, TTL: ttl, Cause: "failover"})
	e := c.e
	if e.Winner != "B" || e.Won.Offset != won || len(e.Claims) != 2 || e.Claims[0].Counts {
		t.Fatalf("%+v", e)
	}
	if b := e.Before; b == nil || b.Last.Offset != last || b.Ending == nil || b.Ending.Offset != died {
		t.Errorf("the term before ended with %+v", b)
	}
	if len(e.Members) != 3 {
		t.Errorf("%d members at the claim that counts, not 3", len(e.Members))
	}
	gap, ok := e.Gap(second(won))
	if !ok || gap.Took != time.Second {
		t.Errorf("nobody acted for %v, not 1 s: %+v", gap.Took, gap)
	}
}
