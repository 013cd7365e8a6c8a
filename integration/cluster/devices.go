package cluster

import (
	"context"
	"fmt"
	"net/http"

	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/infra/up"
)

// maxWrites is how many writes are read of a simulator at most.
const maxWrites = 10_000

// control is the URL of a simulator's control.
func (l *Landscape) control(device string) string {
	for _, d := range l.Run.Devices {
		if d.ID == device {
			return d.Control
		}
	}
	return "http://" + device + ".invalid"
}

// Hub is the simulated router as it is.
func (l *Landscape) Hub(ctx context.Context) (videohub.SimState, error) {
	var s videohub.SimState
	return s, ask(ctx, http.MethodGet, l.control(up.VideohubID)+"/state", "", "", &s)
}

// HubWrites are the requests that the router has received after the one with
// that sequence.
func (l *Landscape) HubWrites(ctx context.Context, since uint64) ([]videohub.Write, error) {
	var page struct{ Writes []videohub.Write }
	return page.Writes, ask(ctx, http.MethodGet, fmt.Sprintf("%s/writes?since=%d&limit=%d", l.control(up.VideohubID), since, maxWrites), "", "", &page)
}

// HubPost steers the router: "/faults", "/route", "/clear".
func (l *Landscape) HubPost(ctx context.Context, path, body string) error {
	return ask(ctx, http.MethodPost, l.control(up.VideohubID)+path, "", body, nil)
}

// Gate is the simulated HTTP device as it is.
func (l *Landscape) Gate(ctx context.Context) (httpdevice.SimState, error) {
	var s httpdevice.SimState
	return s, ask(ctx, http.MethodGet, l.control(up.GateID)+"/sim/state", "", "", &s)
}

// GateWrites are the requests that the HTTP device has received and that could
// change it.
func (l *Landscape) GateWrites(ctx context.Context, since uint64) ([]httpdevice.Write, error) {
	var page struct{ Writes []httpdevice.Write }
	return page.Writes, ask(ctx, http.MethodGet, fmt.Sprintf("%s/sim/writes?since=%d&limit=%d", l.control(up.GateID), since, maxWrites), "", "", &page)
}

// GateFault makes the HTTP device misbehave: {"mode": "silent"}; {} ends it.
func (l *Landscape) GateFault(ctx context.Context, fault string) error {
	return ask(ctx, http.MethodPost, l.control(up.GateID)+"/sim/faults", "", fault, nil)
}

// Pulses counts the pulses that the HTTP device has received, by UID.
func (l *Landscape) Pulses(ctx context.Context) (map[string]int, error) {
	writes, err := l.GateWrites(ctx, 0)
	if err != nil {
		return nil, err
	}
	n := make(map[string]int)
	for _, w := range writes {
		if w.Path == "/pulse" {
			n[w.UID]++
		}
	}
	return n, nil
}
