package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// watch collects what the simulated devices have received.
type watch struct {
	client    *http.Client
	servers   map[string]string // by the address from which a server reaches devices
	received  []Received
	hub, gate source
}

// source is one simulator's record and how far it has been read.
type source struct {
	device  string
	control string // URL
	since   uint64
}

func newWatch(hub, gate source, servers map[string]string) *watch {
	return &watch{
		client: &http.Client{Timeout: 5 * time.Second}, servers: servers, hub: hub, gate: gate,
	}
}

// skip forgets what was received before the drill.
func (w *watch) skip(ctx context.Context) error {
	for _, s := range []*source{&w.hub, &w.gate} {
		var state struct {
			Writes uint64 `json:"writes"`
		}
		if err := w.get(ctx, s.control+statePath(s), &state); err != nil {
			return err
		}
		s.since = state.Writes
	}
	return nil
}

func statePath(s *source) string {
	if s.device == gateDevice {
		return "/sim/state"
	}
	return "/state"
}

// poll reads what is new. It ends with a page that is not full: while a stream
// runs, something new has come with every look.
func (w *watch) poll(ctx context.Context) error {
	for {
		n, err := w.pollHub(ctx)
		if err != nil {
			return err
		}
		m, err := w.pollGate(ctx)
		if err != nil {
			return err
		}
		if n < pollLimit && m < pollLimit {
			return nil
		}
	}
}

const pollLimit = 10_000

func (w *watch) pollHub(ctx context.Context) (int, error) {
	var page struct {
		Writes []struct {
			Sequence uint64      `json:"seq"`
			At       domain.Mono `json:"at"`
			Client   string      `json:"client"`
			Changes  []struct {
				Destination int `json:"dest"`
				Source      int `json:"source"`
			} `json:"changes"`
		} `json:"writes"`
	}
	url := fmt.Sprintf("%s/writes?since=%d&limit=%d", w.hub.control, w.hub.since, pollLimit)
	if err := w.get(ctx, url, &page); err != nil {
		return 0, err
	}
	for _, x := range page.Writes {
		if x.Sequence != w.hub.since+1 {
			return 0, fmt.Errorf("the router's record skips from %d to %d: the drill reads it too slowly: %w", w.hub.since, x.Sequence, domain.ErrCorrupt)
		}
		w.hub.since = x.Sequence
		for _, c := range x.Changes {
			t := domain.CrosspointTarget("", c.Destination)
			w.received = append(w.received, Received{
				At: x.At, Server: w.server(x.Client), Device: hubDevice, Target: t, Source: c.Source,
			})
		}
	}
	return len(page.Writes), nil
}

func (w *watch) pollGate(ctx context.Context) (int, error) {
	var page struct {
		Writes []struct {
			Sequence uint64      `json:"seq"`
			At       domain.Mono `json:"time_ns"`
			Client   string      `json:"client"`
			UID      string      `json:"uid"`
		} `json:"writes"`
	}
	url := fmt.Sprintf("%s/sim/writes?since=%d&limit=%d", w.gate.control, w.gate.since, pollLimit)
	if err := w.get(ctx, url, &page); err != nil {
		return 0, err
	}
	for _, x := range page.Writes {
		w.gate.since = x.Sequence
		w.received = append(w.received, Received{
			At: x.At, Server: w.server(x.Client), Device: gateDevice, UID: x.UID,
		})
	}
	return len(page.Writes), nil
}

// server names the server that a client of a device is; empty for anybody else.
func (w *watch) server(client string) string {
	host, _, err := net.SplitHostPort(client)
	if err != nil {
		host = client
	}
	return w.servers[host]
}

func (w *watch) get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the simulator %s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// took is how long a run took to move primacy, as the judge will count it, for
// whoever looks on; NoTakeover if it did not.
func (w *watch) took(fault Fault) time.Duration {
	since := len(w.received)
	for since > 0 && w.received[since-1].At > fault.At-time.Second {
		since--
	}
	gaps := Judge(History{Received: w.received[since:], Faults: []Fault{fault}}).Gaps
	if len(gaps) == 0 {
		return NoTakeover
	}
	return gaps[0]
}

// first tells when the first action of another server than old arrived after at.
func (w *watch) first(old string, at domain.Mono) (Received, bool) {
	var first Received
	for i := len(w.received) - 1; i >= 0; i-- {
		r := w.received[i]
		if r.At > at && r.Server != "" && r.Server != old && (first.At == 0 || r.At < first.At) {
			first = r
		}
		if r.At < at-time.Second {
			break
		}
	}
	return first, first.At > 0
}

// The shape of the stream: routes go round the destinations, and the sources of
// one destination go round too, so that a crosspoint tells which turn it is.
const (
	hubDevice    = "videohub-1"
	gateDevice   = "gate-1"
	destinations = 40
	sources      = 40
	gateVerb     = "pulse"
)

func sourceOf(turn int) int { return turn%sources + 1 }

func uidOf(run string, n int) string { return "drill-" + run + "-" + strconv.Itoa(n) }
