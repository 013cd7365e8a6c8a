package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/device"
)

const (
	router  = "router"
	morning = domain.Instant(1_700_000_000_000_000_000)
)

// play drives the core of server A, and keeps the log that it folds.
type play struct {
	t     *testing.T
	m     *Machine
	now   domain.Now
	since domain.Mono // of what is read
	logs  [][]domain.Record
	seq   []uint64
	said  []string // one word or more an effect
	last  []Effect
}

func definition() domain.Definition {
	return domain.Definition{
		Device: router, Driver: domain.DriverVideohub, Inputs: 40, Outputs: 40, OnReconnect: domain.Adopt,
		ConfirmWithin: time.Second, StandbyPolling: true,
	}
}

func newPlay(t *testing.T, partitions int32, wanted ...domain.Definition) *play {
	t.Helper()
	p := &play{t: t, now: domain.Now{Mono: time.Second, Wall: morning}, logs: make([][]domain.Record, partitions), seq: make([]uint64, partitions)}
	states := make([]*partition.State, partitions)
	for i := range states {
		states[i] = partition.New(int32(i), partitions, partition.DefaultLimits())
	}
	p.m = New(Config{Server: "A", Incarnation: "a1", Devices: wanted}, states)
	return p.step(Begin{})
}

// at is the partition that owns the router.
func (p *play) at() int32 { return p.m.owner(router) }

func (p *play) step(ins ...Input) *play {
	for _, in := range ins {
		p.last = p.m.Step(p.now, in)
		for _, e := range p.last {
			p.note(e)
		}
	}
	return p
}

func (p *play) note(e Effect) {
	word := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "core."))
	switch e := e.(type) {
	case Journal:
		for _, entry := range e.Entries {
			word += fmt.Sprintf(" %d:%s", entry.Partition, entry.Payload.Type())
		}
	case Device:
		word = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e.Input), "device."))
	case Control:
		word = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e.Input), "election."))
		if word == "health" || word == "floor" {
			return
		}
	case Clerk:
		word = "clerk " + e.Errand.What()
	case Publish:
		word = "publish " + string(e.Payload.Type())
	}
	p.said = append(p.said, word)
}

func (p *play) quietly() *play {
	p.said = nil
	return p
}

func (p *play) wants(words ...string) *play {
	p.t.Helper()
	if got, want := strings.Join(p.said, ", "), strings.Join(words, ", "); got != want {
		p.t.Errorf("it did\n%s\nwanted\n%s", got, want)
	}
	return p.quietly()
}

func (p *play) wait(d time.Duration) *play {
	p.now.Mono += d
	p.now.Wall = p.now.Wall.Add(d)
	return p.step(Timer{})
}

// record puts a record into the log and has it read.
func (p *play) record(on int32, r domain.Record) *play {
	r.Position = domain.Position{Partition: on, Offset: int64(len(p.logs[on]))}
	r.Type, r.Appended = r.Payload.Type(), p.now.Wall
	p.logs[on] = append(p.logs[on], r)
	return p.read(on, r)
}

func (p *play) read(on int32, records ...domain.Record) *play {
	return p.step(Read{At: p.now.Mono, Since: p.since, Partition: on, Records: records, High: int64(len(p.logs[on]))})
}

// fact puts a record of the primary of an epoch into the log.
func (p *play) fact(on int32, epoch uint64, subject string, payload domain.Payload) *play {
	if _, opened := payload.(domain.EpochOpened); opened {
		p.seq[on] = 0
	}
	p.seq[on]++
	return p.record(on, domain.Record{Signed: true, Epoch: epoch, Sequence: p.seq[on], Subject: subject, Payload: payload})
}

func (p *play) mark(on int32, epoch uint64, server string) *play {
	return p.fact(on, epoch, server, domain.EpochOpened{Server: server, Incarnation: strings.ToLower(server) + "1", Time: p.now.Wall})
}

func (p *play) command(on int32, uid, subject string, payload domain.Payload) *play {
	return p.record(on, domain.Record{UID: uid, Source: "/test", Subject: subject, Created: p.now.Wall, Payload: payload})
}

// primary is the core of a server that holds epoch 2, with the router in the
// log, in one partition.
func primary(t *testing.T) *play {
	p := newPlay(t, 1, definition()).mark(0, 1, "B").fact(0, 1, router, domain.Configured{Definition: definition()})
	return p.step(Won{Epoch: 2}).mark(0, 2, "A").quietly()
}

// health is how the server is now.
func (p *play) health() election.Health {
	p.t.Helper()
	return p.wait(healthEvery).told()
}

// told is the health that the last step has told.
func (p *play) told() election.Health {
	p.t.Helper()
	for _, e := range p.last {
		if c, ok := e.(Control); ok {
			if h, ok := c.Input.(election.Health); ok {
				return h
			}
		}
	}
	p.t.Fatalf("nothing is told of its health: %v", p.last)
	return election.Health{}
}

// promoted is how the router was handed over by the last input.
func (p *play) promoted() device.Promote {
	p.t.Helper()
	for _, e := range p.last {
		if d, ok := e.(Device); ok {
			if in, ok := d.Input.(device.Promote); ok {
				return in
			}
		}
	}
	p.t.Fatalf("the router is not handed over: %v", p.last)
	return device.Promote{}
}
