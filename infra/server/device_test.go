package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// level is a gate with a value that is read, and set if it is another one.
func (s *stage) level() []domain.Definition {
	devices := s.devices()
	devices[1].Verbs = append(devices[1].Verbs, domain.Verb{
		Name: "level", Effect: domain.Queryable, Method: "PUT", URL: "/parameters/level", Body: `{"value": {{json .to}}}`,
		Args: []string{"to"}, Target: "level", Value: "to", ReadURL: "/parameters/level", ReadAt: "/value",
	})
	return devices
}

func setLevel(to string) domain.Invoke {
	return domain.Invoke{Verb: "level", Args: map[string]string{"to": to}}
}

// G3: queryable: read the device, then decide. The device is never polled here,
// so what this server has read of it before is long out of date.
func TestAQueryableVerbIsDecidedByAFreshReading(t *testing.T) {
	s := newStage(t)
	must(t, s.gate.Set("level", "1"))
	a := s.startWith("A", func(o *server.Options) { o.Devices = s.level() })
	s.primary(a)
	s.await(a, "parameter/level", "1")
	must(t, s.gate.Set("level", "5"))
	if r := s.submit(a, "gate-1", "already", setLevel("5")); r.Outcome != domain.Confirmed || s.gate.State().Writes != 0 {
		t.Errorf("a value that the device has: %s, %d requests", r.Outcome, s.gate.State().Writes)
	}
	must(t, s.gate.Set("level", "7"))
	if r := s.submit(a, "gate-1", "changed", setLevel("5")); r.Outcome != domain.Confirmed || s.gate.State().Parameters["level"] != "5" {
		t.Errorf("a value that was changed by hand: %s, the device has %s", r.Outcome, s.gate.State().Parameters["level"])
	}
}

// await waits until the log knows a value of the gate.
func (s *stage) await(m *member, target domain.Target, value string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s is %s", target, value), func() error {
		d, err := m.Device(s.ctx, "gate-1")
		if err != nil {
			return err
		}
		for _, c := range d.Cells {
			if c.Target == target && c.Reported != nil && *c.Reported == value {
				return nil
			}
		}
		return fmt.Errorf("cells are %+v", d.Cells)
	})
}

// A standby has read the device before the primary changed it, and not since.
func TestATakeoverReportsNothingOlderThanTheLog(t *testing.T) {
	s := newStage(t)
	must(t, s.gate.Set("level", "1"))
	change := func(o *server.Options) { o.Devices = s.level() }
	a := s.startWith("A", change)
	s.primary(a)
	s.await(a, "parameter/level", "1")
	b := s.startWith("B", change)
	s.primary(a, b)
	s.eventually("B has read the gate", func() error {
		if n := s.gate.State().Reads["127.0.0.1"]; n < 3 { // A twice, B once
			return fmt.Errorf("%d reads", n)
		}
		return nil
	})
	s.submit(a, "gate-1", "two", setLevel("2"))
	must(t, s.gate.Set("level", "3")) // nobody sees this until the takeover reads the device
	_, err := a.Switchover(s.ctx, "test", "")
	must(t, err)
	if p := s.primary(a, b); p != b {
		t.Fatalf("%s is primary", p.name)
	}
	s.await(b, "parameter/level", "3")
	if got := strings.Join(s.reported("gate-1", "parameter/level"), " "); got != "1 2 3" {
		t.Errorf("the log says that the level was %s, want 1 2 3", got)
	}
}

// reported are the values that the log has of a target, in order.
func (s *stage) reported(device string, target domain.Target) (out []string) {
	s.t.Helper()
	for _, r := range s.records(device) {
		if said, ok := r.Payload.(domain.Reported); ok {
			for _, v := range said.Values {
				if v.Target == target {
					out = append(out, v.Value)
				}
			}
		}
	}
	return out
}

// records are those of a device.
func (s *stage) records(device string) (out []domain.Record) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	l, p, topic := s.log(), domain.Partition(device, partitions), domain.Topic("test", domain.TopicLog)
	bounds, err := l.Bounds(ctx, topic)
	must(s.t, err)
	for next := bounds[p].Start; next < bounds[p].End; {
		answers, err := l.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Partition: p, Offset: next}}, time.Second, 1<<20)
		must(s.t, err)
		for _, a := range answers {
			must(s.t, a.Err)
			for _, m := range a.Messages {
				if r := s.codec.Decode(domain.TopicLog, p, m); r.Subject == device {
					out = append(out, r)
				}
			}
			next = a.Next
		}
	}
	return out
}

// A device that accepts one connection only: standby_polling is off.
func TestADeviceThatIsTakenOutOfTheConfigurationIsRemoved(t *testing.T) {
	s := newStage(t)
	away := func(o *server.Options) {
		o.Devices = s.devices()
		o.Devices[1].Address = "127.0.0.1:1" // nobody is there
	}
	a := s.startWith("A", away)
	s.primary(a)
	b := s.startWith("B", func(o *server.Options) { o.Devices = s.devices()[:1] })
	s.primary(a, b)
	asked := make(chan httpapi.Result)
	go func() {
		r, err := a.Submit(s.ctx, httpapi.Command{
			Device: "gate-1", UID: "waits", Payload: domain.Invoke{Verb: "pulse"}, Created: time.Now(), ValidFor: time.Minute,
		}, 15*time.Second)
		if err != nil {
			t.Error(err)
		}
		asked <- r
	}()
	s.eventually("the pulse waits", func() error {
		d, err := b.Device(s.ctx, "gate-1")
		if err == nil && len(d.Pending) != 1 {
			err = fmt.Errorf("pending: %v", d.Pending)
		}
		return err
	})
	_, err := a.Switchover(s.ctx, "test", "")
	must(t, err)
	if r := <-asked; r.Outcome != domain.Failed || r.Reason != domain.ReasonRemoved {
		t.Errorf("the command that waited ended %s %s %s", r.Outcome, r.Reason, r.Detail)
	}
	s.eventually("the device is gone", func() error {
		_, err := b.Device(s.ctx, "gate-1")
		if !errors.Is(err, domain.ErrNotFound) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	if r := s.submit(b, "gate-1", "late", domain.Invoke{Verb: "pulse"}); r.Reason != domain.ReasonUnknownDevice {
		t.Errorf("a command for it ended %s %s", r.Outcome, r.Reason)
	}
}

// A configuration without any devices is one that somebody has forgotten.
func TestAnEmptyListOfDevicesRemovesNone(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.startWith("B", func(o *server.Options) { o.Devices = nil })
	s.primary(a, b)
	_, err := a.Switchover(s.ctx, "test", "")
	must(t, err)
	s.primary(a, b)
	if r := s.submit(b, "gate-1", "p", domain.Invoke{Verb: "pulse"}); r.Outcome != domain.Confirmed {
		t.Errorf("a pulse ended %s %s", r.Outcome, r.Reason)
	}
}

// G1: every accepted command has one outcome, also where this server can never
// reach the device.
func TestTheCommandsOfADeviceThatCannotBeOpenedExpire(t *testing.T) {
	tests := map[string]struct {
		change func(*server.Options)
		why    string
	}{
		"no such driver":                       {func(o *server.Options) { delete(o.Drivers, domain.DriverHTTP) }, "no driver"},
		"a definition that the driver refuses": {func(o *server.Options) { o.Devices[1].Address = "ftp://127.0.0.1" }, "scheme"},
		"the same, warm": {func(o *server.Options) {
			o.Devices[1].Address, o.Devices[1].StandbyPolling = "ftp://127.0.0.1", false
		}, "scheme"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			a := s.startWith("A", test.change)
			s.primary(a)
			r, err := a.Submit(s.ctx, httpapi.Command{
				Device: "gate-1", UID: "p", Payload: domain.Invoke{Verb: "pulse"}, Created: time.Now(), ValidFor: 300 * time.Millisecond,
			}, 5*time.Second)
			must(t, err)
			if r.Outcome != domain.Expired || !strings.Contains(r.Detail, test.why) {
				t.Errorf("it ended %q %q, want expired because of %q", r.Outcome, r.Detail, test.why)
			}
			d, err := a.Device(s.ctx, "gate-1")
			if err != nil || d.Connected || !strings.Contains(d.ConnectionDetail, test.why) {
				t.Errorf("its connection is told as %t %q, %v", d.Connected, d.ConnectionDetail, err)
			}
		})
	}
}
