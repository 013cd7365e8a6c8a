package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/journal"
	"github.com/understudy-io/understudy/infra/clock"
)

// busyDevice is a driver and its link: a router that takes its time to take an
// action, while more of them and its own reports gather.
type busyDevice struct {
	sink domain.Sink
	emit func(domain.Action)
	sent []string
}

func (b *busyDevice) Open(_ domain.Definition, sink domain.Sink) (domain.Link, error) {
	b.sink = sink
	sink.Reported(nil, true)
	sink.Up("")
	return b, nil
}

func (b *busyDevice) Emit(_ context.Context, a domain.Action, gate domain.Gate) error {
	if err := gate(); err != nil {
		return err
	}
	b.sent = append(b.sent, a.UID)
	b.sink.Answered(domain.Answered{Ref: a.Ref, Verdict: domain.Acknowledged})
	b.emit(a)
	return nil
}

func (b *busyDevice) Refresh(context.Context, uint64) error { return nil }
func (b *busyDevice) Reset()                                {}
func (b *busyDevice) ResetUnacknowledged()                  {}
func (b *busyDevice) Close() error                          { return nil }

// drive runs a device's loop on the primary until the commands have ended, and
// gives their outcomes.
func (b *busyDevice) drive(t *testing.T, confirmWithin time.Duration, work ...emission.Work) map[string]domain.Outcome {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := newDevice(device.Settings{Definition: &domain.Definition{
		Device: "router", Driver: domain.DriverVideohub, StandbyPolling: true, ConfirmWithin: confirmWithin,
	}}, b, func(core.Input) {}, slog.New(slog.DiscardHandler))
	d.begin(nil)
	log := &journalLoop{inbox: newMailbox[journal.Input]()}
	d.put(deviceInput{at: clock.Boot(), in: device.Promote{Epoch: 1, Connected: true}, term: &term{
		ctx: ctx, gate: func() error { return nil }, journal: log,
	}})
	for _, w := range work {
		d.put(deviceInput{at: clock.Boot(), in: device.Accept{Work: w}})
	}
	defer func() {
		cancel()
		<-d.stop()
	}()
	outcomes := make(map[string]domain.Outcome)
	for until := time.Now().Add(5 * time.Second); len(outcomes) < len(work); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("only these have ended: %v", outcomes)
		}
		for _, in := range log.inbox.take() {
			for _, e := range in.(journal.Add).Entries {
				if end, ok := e.Payload.(domain.Ended); ok {
					outcomes[end.UID] = end.Outcome
					d.put(deviceInput{at: clock.Boot(), in: device.EndCounts{UID: end.UID}})
				}
			}
		}
	}
	return outcomes
}

func crosspoint(uid string, dest domain.Target, validFor time.Duration) emission.Work {
	now := clock.Boot()
	return emission.Work{
		UID: uid, Effect: domain.Absolute, Read: now, Deadline: now + validFor,
		Wishes: []domain.Value{{Target: "crosspoint/video/" + dest, Value: "7"}},
	}
}

// What waits while the device takes another action grows old meanwhile.
func TestACommandThatHasGrownOldBehindAnotherIsNotSent(t *testing.T) {
	b := &busyDevice{}
	b.emit = func(a domain.Action) {
		time.Sleep(50 * time.Millisecond)
		b.sink.Reported(a.Wishes, false)
	}
	got := b.drive(t, time.Second, crosspoint("first", "1", time.Minute), crosspoint("old", "2", 25*time.Millisecond))
	if len(b.sent) != 1 || got["first"] != domain.Confirmed || got["old"] != domain.Expired {
		t.Errorf("sent %q, outcomes %q", b.sent, got)
	}
}

// A device's report that came in time counts, however late it is looked at.
func TestWhatTheDeviceHasSaidInTimeCountsBehindASlowSending(t *testing.T) {
	for range 10 { // it was a matter of luck
		b := &busyDevice{}
		b.emit = func(a domain.Action) {
			if a.UID == "slow" {
				b.sink.Reported([]domain.Value{{Target: "crosspoint/video/1", Value: "7"}}, false)
				time.Sleep(20 * time.Millisecond)
				b.sink.Reported(a.Wishes, false)
			}
		}
		got := b.drive(t, 10*time.Millisecond, crosspoint("first", "1", time.Minute), crosspoint("slow", "2", time.Minute))
		if got["first"] != domain.Confirmed {
			t.Fatalf("outcomes %q", got)
		}
	}
}
