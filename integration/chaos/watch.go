package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/up"
)

// watch looks at servers and at the router while faults happen.
type watch struct {
	w       *world
	mu      sync.Mutex
	samples []Sample
	reads   []Read
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// The pace of the looks.
const (
	lookEvery   = 300 * time.Millisecond
	lookWithin  = 300 * time.Millisecond
	readEvery   = 250 * time.Millisecond
	keepSamples = 5 // of the looks, every so many-th is kept
)

func startWatch(ctx context.Context, w *world) *watch {
	ctx, cancel := context.WithCancel(ctx)
	o := &watch{w: w, cancel: cancel}
	for _, s := range w.Run.Servers {
		o.wg.Go(func() { o.server(ctx, s.Name) })
	}
	o.wg.Go(func() { o.router(ctx) })
	return o
}

func (o *watch) stop() ([]Sample, []Read) {
	o.cancel()
	o.wg.Wait()
	return o.samples, o.reads
}

func (o *watch) server(ctx context.Context, name string) {
	client := o.w.client(name)
	defer client.Close()
	for n := 0; pause(ctx, lookEvery); n++ {
		at := clock.Boot()
		st, err := o.status(ctx, client)
		if err != nil {
			continue
		}
		if st.Server.Role == httpapi.RolePrimary {
			o.w.sees(name)
		}
		if n%keepSamples == 0 {
			o.mu.Lock()
			o.samples = append(o.samples, samplesOf(at, st)...)
			o.mu.Unlock()
		}
	}
}

func (o *watch) status(ctx context.Context, client *httpapi.Client) (httpapi.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	return client.Status(ctx)
}

func samplesOf(at domain.Mono, st httpapi.Status) []Sample {
	var out []Sample
	for _, p := range st.Partitions {
		out = append(out, Sample{At: at, Server: st.Server.Name, Role: st.Server.Role, Partition: p.Partition, Next: p.Next, Hash: p.Hash})
	}
	return out
}

func (o *watch) router(ctx context.Context) {
	for pause(ctx, readEvery) {
		r := Read{Called: clock.Boot()}
		hub, err := o.w.Hub(ctx)
		if err != nil {
			continue
		}
		r.Returned = clock.Boot()
		for _, x := range hub.Routing {
			r.Sources = append(r.Sources, x.Source)
		}
		o.mu.Lock()
		o.reads = append(o.reads, r)
		o.mu.Unlock()
	}
}

// received reads what the devices have received since they began.
func (w *world) received(ctx context.Context) ([]Received, error) {
	names := make(map[string]string)
	for _, s := range w.Run.Servers {
		names[s.DeviceSource] = s.Name
	}
	server := func(client string) string {
		host, _, _ := net.SplitHostPort(client)
		return names[host]
	}
	var out []Received
	for since := uint64(0); ; {
		writes, err := w.HubWrites(ctx, since)
		if err != nil {
			return nil, err
		}
		if len(writes) == 0 {
			break
		}
		for _, x := range writes {
			if x.Sequence != since+1 {
				return nil, fmt.Errorf("the router's record skips from %d to %d: it has forgotten", since, x.Sequence)
			}
			since = x.Sequence
			for _, c := range x.Changes {
				out = append(out, Received{Device: up.VideohubID, At: x.At, Client: x.Client, Server: server(x.Client), Destination: c.Destination, Source: c.Source})
			}
		}
	}
	for since := uint64(0); ; {
		writes, err := w.GateWrites(ctx, since)
		if err != nil {
			return nil, err
		}
		if len(writes) == 0 {
			return out, nil
		}
		for _, x := range writes {
			if x.Seq != since+1 {
				return nil, fmt.Errorf("the gate's record skips from %d to %d: it has forgotten", since, x.Seq)
			}
			since = x.Seq
			out = append(out, Received{Device: up.GateID, At: x.Time, Client: x.Client, Server: server(x.Client), UID: x.UID, OneShot: x.Path == "/pulse"})
		}
	}
}
