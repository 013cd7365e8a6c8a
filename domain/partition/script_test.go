package partition_test

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// script writes a partition's log record by record and folds it at once. Its
// primary numbers its records as a real one does.
type script struct {
	t        testing.TB
	s        *partition.State
	log      []domain.Record
	offset   int64
	now      domain.Instant
	epoch    uint64
	sequence uint64
}

const (
	router  = "router-1" // in partition 0 of 1
	gate    = "gate-1"
	morning = domain.Instant(1_700_000_000_000_000_000)
)

func newScript(t testing.TB, limits partition.Limits) *script {
	return &script{t: t, s: partition.New(0, 1, limits), now: morning}
}

// opened is a script with a primary, a router and an HTTP device.
func opened(t testing.TB, limits partition.Limits) *script {
	c := newScript(t, limits)
	c.open(1)
	c.fact(router, domain.Configured{Definition: routerDefinition()})
	c.fact(gate, domain.Configured{Definition: gateDefinition()})
	return c
}

func routerDefinition() domain.Definition {
	return domain.Definition{Device: router, Driver: domain.DriverVideohub, Address: "127.0.0.1:9990", Inputs: 20, Outputs: 10, OnReconnect: domain.Adopt}
}

func gateDefinition() domain.Definition {
	return domain.Definition{Device: gate, Driver: domain.DriverHTTP, Address: "http://127.0.0.1", Verbs: []domain.Verb{
		{Name: "pulse", Effect: domain.OneShot, Method: "POST", URL: "/pulse"},
		{Name: "level", Effect: domain.Absolute, Method: "PUT", URL: "/level", Args: []string{"value"}, Target: "level", Value: "value"},
	}}
}

func (c *script) apply(r domain.Record) partition.Change {
	r.Position.Offset = c.offset
	if r.Appended == 0 {
		r.Appended = c.now
	}
	c.offset++
	c.log = append(c.log, r)
	return c.s.Apply(r)
}

func (c *script) wait(d time.Duration) { c.now = c.now.Add(d) }

func (c *script) open(epoch uint64) partition.Change {
	c.epoch, c.sequence = epoch, 1
	return c.apply(domain.Record{
		Type: domain.TypeEpochOpened, Epoch: epoch, Sequence: 1, Signed: true,
		Payload: domain.EpochOpened{Server: "a", Incarnation: "a1", Time: c.now},
	})
}

// fact appends a record of the primary.
func (c *script) fact(device string, p domain.Payload) partition.Change {
	c.sequence++
	return c.apply(domain.Record{
		Type: p.Type(), Subject: device, Epoch: c.epoch, Sequence: c.sequence, Signed: true, Payload: p,
	})
}

// command appends a producer's command, created now.
func (c *script) command(device, uid string, p domain.Payload) partition.Change {
	return c.apply(domain.Record{Type: p.Type(), UID: uid, Source: "panel", Subject: device, Created: c.now, Payload: p})
}

// operator appends a resolution through a server.
func (c *script) operator(device, uid string, p domain.Payload) partition.Change {
	return c.apply(domain.Record{Type: p.Type(), UID: uid, Source: "server", Subject: device, Created: c.now, Signed: true, User: "kim", Payload: p})
}

func (c *script) end(device, uid string, o domain.Outcome) partition.Change {
	e, ok := c.s.Lookup(device, uid)
	if !ok {
		c.t.Fatalf("no entry for %s %s", device, uid)
	}
	return c.fact(device, domain.Ended{UID: uid, Command: e.Command, Outcome: o})
}

func (c *script) verdict(ch partition.Change, want partition.Verdict) {
	c.t.Helper()
	if ch.Verdict != want {
		c.t.Fatalf("verdict %v (reason %q, defect %q), want %v", ch.Verdict, ch.Reason, ch.Defect, want)
	}
}

func take(destination, source int) domain.Take {
	return domain.Take{Destination: destination, Source: source}
}

func crosspoint(n int) domain.Target { return domain.CrosspointTarget("", n) }
