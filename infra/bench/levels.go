package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// levels sends absolute commands to devices driven by HTTP, in turn and at a
// rate, and gives how long each took to its device. Those of one device that
// come faster than it takes them supersede each other, and count as sent.
func (t *traffic) levels(ctx context.Context, rate float64, during time.Duration, devices []string) ([]time.Duration, error) {
	t.devices.arrived()
	sent := make(map[string]domain.Mono)
	var mu sync.Mutex
	n := 0
	err := load(ctx, rate, during, func(ctx context.Context) error {
		mu.Lock()
		device := devices[n%len(devices)]
		n++
		mu.Unlock()
		uid := t.uid()
		began, err := t.send(ctx, device, uid, setLevel(uid))
		mu.Lock()
		sent[uid] = began
		mu.Unlock()
		return err
	})
	if err == nil {
		err = sleep(ctx, settleFor)
	}
	if err != nil {
		return nil, err
	}
	arrivals := t.devices.arrived()
	var out []time.Duration
	for uid, began := range sent {
		if a, ok := arrivals[uid]; ok {
			out = append(out, a.at-began)
		}
	}
	if len(out) < len(sent)/2 {
		return nil, fmt.Errorf("%d of %d commands have not reached their devices: %w", len(sent)-len(out), len(sent), domain.ErrTransient)
	}
	return out, nil
}

// httpDevices names the devices driven by HTTP.
func (l *landscape) httpDevices() []string {
	var names []string
	for _, d := range l.definitions {
		if d.Driver == domain.DriverHTTP {
			names = append(names, d.Device)
		}
	}
	return names
}
