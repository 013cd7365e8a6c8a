package server_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/valve"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/server"
)

// kernelValve is a valve of the kernel, or skips the test where there is none. Root in
// CI must have it.
func kernelValve(t *testing.T) *valve.Valve {
	t.Helper()
	v, err := valve.Open()
	switch {
	case err == nil:
		t.Cleanup(v.Close)
	case os.Getenv("CI") != "" && os.Getuid() == 0:
		t.Fatalf("NOT TESTED, and root in CI can: %v", err)
	default:
		t.Skipf("NOT TESTED: %v", err)
	}
	return v
}

// valved are drivers whose connections are in the valve.
func valved(t *testing.T, v *valve.Valve) map[domain.DriverName]domain.Driver {
	t.Helper()
	way := func(k valve.Kind) valve.DialFunc {
		dial, err := v.Dial((&net.Dialer{}).DialContext, k)
		must(t, err)
		return dial
	}
	return map[domain.DriverName]domain.Driver{
		domain.DriverVideohub: videohub.New(videohub.Options{Dial: way(valve.Kind{Questions: videohub.Questions()}), PingEvery: 20 * time.Millisecond}),
		domain.DriverHTTP: httpdevice.New(httpdevice.Options{
			Dial: way(valve.Kind{}), DialRead: way(valve.Kind{ReadOnly: true, Beginnings: []string{"GET "}}),
		}),
	}
}

// G2, G6: a server that holds no lease and writes all the same.
func TestOfAStandbyThatWritesNotAByteLeaves(t *testing.T) {
	v, s := kernelValve(t), newStage(t)
	drivers := valved(t, v)
	patched := func() error { return nil } // the check that somebody has taken out
	actions := map[domain.DriverName]domain.Action{
		domain.DriverVideohub: {
			Ref: 1, UID: "r", Payload: domain.Take{Destination: 3, Source: 7},
			Wishes: []domain.Value{{Target: domain.CrosspointTarget("", 3), Value: "7"}},
		},
		domain.DriverHTTP: {Ref: 1, UID: "p", Effect: domain.OneShot, Payload: domain.Invoke{Verb: "pulse"}},
	}
	for _, def := range s.devices() {
		heard := make(hearing, 64)
		link, err := drivers[def.Driver].Open(def, heard)
		must(t, err)
		defer func() { _ = link.Close() }()
		for range 3 {
			heard.up(t)
			if err := link.Emit(t.Context(), actions[def.Driver], patched); !errors.Is(err, domain.ErrFenced) {
				t.Errorf("%s: Emit = %v, want fenced", def.Driver, err)
			}
			if def.Driver == domain.DriverHTTP {
				break // it is not lost by that
			}
		}
	}
	if n, m := s.routed(), s.gate.State().Writes; n+m != 0 {
		t.Errorf("the devices received %d and %d actions", n, m)
	}
	v.Extend(clock.Boot() + time.Minute) // the same with a lease
	for _, def := range s.devices() {
		heard := make(hearing, 64)
		link, err := drivers[def.Driver].Open(def, heard)
		must(t, err)
		defer func() { _ = link.Close() }()
		heard.up(t)
		must(t, link.Emit(t.Context(), actions[def.Driver], patched))
	}
	s.eventually("both arrive", func() error {
		if n, m := s.routed(), s.gate.State().Writes; n+m != 2 {
			return fmt.Errorf("%d and %d actions; the router has received %+v", n, m, s.hub.Writes(0, 1000))
		}
		return nil
	})
}

// routed counts the routes that the router was sent; it is asked other things too.
func (s *stage) routed() (n uint64) {
	for _, w := range s.hub.Writes(0, 1000) {
		if len(w.Changes) > 0 {
			n++
		}
	}
	return n
}

// hearing is a sink that tells when the device is there.
type hearing chan struct{}

func (h hearing) Up(string)                   { h <- struct{}{} }
func (hearing) Down(string)                   {}
func (hearing) Reported([]domain.Value, bool) {}
func (hearing) Answered(domain.Answered)      {}

func (h hearing) up(t *testing.T) {
	t.Helper()
	select {
	case <-h:
	case <-time.After(10 * time.Second):
		t.Fatal("the device is not there")
	}
}

// Servers drive their devices through it over terms, and one that must have it and
// has not is a standby for good.
func TestPrimacyMovesWithTheValve(t *testing.T) {
	s := newStage(t)
	kernel := func(o *server.Options) {
		v := kernelValve(t)
		o.Valve, o.ValveWhy, o.Drivers = v, "test", valved(t, v)
	}
	a, b := s.startWith("A", kernel), s.startWith("B", kernel)
	c := s.startWith("C", func(o *server.Options) { o.Unfit = "it has no valve" })
	for i := range 6 {
		var p *member
		s.eventually("A or B acts, and the other is ready", func() error {
			for _, m := range []*member{a, b} {
				st, err := m.Status(s.ctx)
				if err != nil || !st.Server.Ready {
					return fmt.Errorf("%s is %v, %w", m.name, st.Server.Reasons, err)
				}
				if st.Valve != "kernel" {
					t.Fatalf("valve: %s", st.Valve)
				}
				if m.Acting() {
					p = m
				}
			}
			if p == nil {
				return errors.New("nobody acts")
			}
			return nil
		})
		if r := s.submit(p, "videohub-1", fmt.Sprint("r", i), domain.Take{Destination: 2, Source: i + 1}); r.Outcome != domain.Confirmed {
			t.Errorf("a route ended %s %s %s", r.Outcome, r.Reason, r.Detail)
		}
		if r := s.submit(p, "gate-1", fmt.Sprint("p", i), domain.Invoke{Verb: "pulse"}); r.Outcome != domain.Confirmed {
			t.Errorf("a pulse ended %s %s %s", r.Outcome, r.Reason, r.Detail)
		}
		if st, err := c.Status(s.ctx); err != nil || st.Server.Ready || st.Valve != "process" {
			t.Errorf("C is ready: %v, %v", st.Server.Reasons, err)
		}
		_, err := p.Switchover(s.ctx, "test", "")
		must(t, err)
	}
}
