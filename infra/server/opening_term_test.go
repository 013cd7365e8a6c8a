package server

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/clock"
)

// A planned end that meets a term which is still opening its partitions: the
// devices that get their queues later begin nothing either.
func TestWhatIsOpenedAfterAPlannedEndHasBegunWritesNothingAhead(t *testing.T) {
	tests := map[string]struct {
		before func(*core)
		starts int
	}{
		"an ordinary term":        {func(*core) {}, 1},
		"a planned end":           {func(c *core) { c.finish(func() {}) }, 0},
		"a contest":               {func(c *core) { c.drain(func() {}) }, 0},
		"a lapse":                 {func(c *core) { c.suspend(true) }, 0},
		"a lapse that has an end": {func(c *core) { c.suspend(true); c.resume() }, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := partition.New(0, 1, partition.DefaultLimits())
			for i, r := range []domain.Record{
				{Payload: domain.EpochOpened{Server: "A"}, Epoch: 1, Sequence: 1, Signed: true},
				{Subject: "gate", Epoch: 1, Sequence: 2, Signed: true, Payload: domain.Configured{Definition: domain.Definition{
					Device: "gate", Driver: domain.DriverHTTP, StandbyPolling: true, ValidOneShot: time.Minute,
					Verbs: []domain.Verb{{Name: "pulse", Effect: domain.OneShot}},
				}}},
				{Subject: "gate", UID: "p", Created: domain.Millis(1_700_000_000_000), Payload: domain.Invoke{Verb: "pulse"}},
			} {
				r.Type, r.Position.Offset, r.Appended = r.Payload.Type(), int64(i), domain.Millis(1_700_000_000_000+int64(i))
				state.Apply(r)
			}
			dev, _ := state.Device("gate")
			if len(dev.Pending()) != 1 {
				t.Fatalf("pending: %v", dev.Pending())
			}
			logger := slog.New(slog.DiscardHandler)
			j := newJournal(nil, nil, "", 1, 1, logger)
			c := &core{states: []*partition.State{state}, devices: map[string]*device{}, background: &sync.WaitGroup{}, logger: logger}
			c.term = &reign{
				term:  term{ctx: t.Context(), epoch: 1, server: "A", journal: j, gate: func() error { return nil }},
				began: clock.Boot(), opened: []bool{true},
			}
			test.before(c)
			c.background.Wait()
			d := newDevice(dev.Definition, nil, 0, logger)
			d.up, d.link = true, &spyLink{}
			c.term.handOver(c, state, d)
			for _, in := range d.inbox.take() {
				d.handle(in)
			}
			starts := 0
			for _, r := range j.waiting[0] {
				if r.Type == domain.TypeStarted {
					starts++
				}
			}
			if starts != test.starts {
				t.Errorf("%d one-shots were written ahead, wanted %d", starts, test.starts)
			}
		})
	}
}

// spyLink notes what it is told.
type spyLink struct {
	domain.Link
	told []string
}

func (l *spyLink) Refresh(context.Context, uint64) error { return nil }
func (l *spyLink) Reset()                                { l.told = append(l.told, "reset") }
func (l *spyLink) ResetUnacknowledged()                  { l.told = append(l.told, "reset unacknowledged") }
func (l *spyLink) Close() error                          { l.told = append(l.told, "close"); return nil }

type spyDriver struct{ link *spyLink }

func (d spyDriver) Open(domain.Definition, domain.Sink) (domain.Link, error) {
	d.link.told = append(d.link.told, "open")
	return d.link, nil
}

// What becomes of a connection when this server may not act any more.
func TestTheConnectionAtTheEndOfTheLease(t *testing.T) {
	hold := func(lapsed bool) deviceInput { return deviceInput{input: emission.Hold{}, lapsed: lapsed} }
	tests := map[string]struct {
		hot    bool
		inputs []deviceInput
		told   []string
	}{
		"hot, a lapse":     {true, []deviceInput{hold(true)}, []string{"reset unacknowledged"}},
		"hot, a contest":   {true, []deviceInput{hold(false), {demote: true}}, []string{"reset"}},
		"warm":             {false, []deviceInput{{demote: true}}, []string{"open", "close"}},
		"warm, a lapse":    {false, []deviceInput{hold(true), {input: emission.Resume{}}, {demote: true}}, []string{"open", "close", "open", "close"}},
		"warm, never lost": {false, nil, []string{"open"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			logger := slog.New(slog.DiscardHandler)
			l := &spyLink{}
			d := newDevice(domain.Definition{Device: "d", Driver: domain.DriverVideohub, StandbyPolling: test.hot}, spyDriver{l}, 0, logger)
			if test.hot {
				d.open()
				l.told = nil
			}
			d.handle(deviceInput{promote: &promotion{term: &term{ctx: t.Context(), journal: newJournal(nil, nil, "", 1, 1, logger)}}})
			for _, in := range test.inputs {
				d.handle(in)
			}
			if got, want := l.told, test.told; len(got) != len(want) {
				t.Fatalf("told %q, want %q", got, want)
			}
			for i := range test.told {
				if l.told[i] != test.told[i] {
					t.Fatalf("told %q, want %q", l.told, test.told)
				}
			}
		})
	}
}

// A planned move releases only when the connection is gone: the next primary
// connects at once.
func TestAWarmDeviceIsClosedBeforeTheRelease(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	l := &spyLink{}
	d := newDevice(domain.Definition{Device: "d", Driver: domain.DriverVideohub}, spyDriver{l}, 0, logger)
	ctx, stop := context.WithCancel(t.Context())
	go d.run(ctx)
	settled := make(chan struct{})
	d.inbox.put(deviceInput{promote: &promotion{term: &term{ctx: ctx, journal: newJournal(nil, nil, "", 1, 1, logger)}}})
	d.inbox.put(deviceInput{input: emission.Finish{}, settled: settled})
	<-settled
	if len(l.told) != 2 || l.told[1] != "close" {
		t.Errorf("when it is settled, the link has been told %q", l.told)
	}
	stop()
	<-d.done
}
