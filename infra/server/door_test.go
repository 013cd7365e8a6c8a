package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/infra/clock"
)

// V25: a device that takes one connection is not connected to without a lease: a server
// that was frozen while another one took over would turn out that one's connection.
func TestAWarmDeviceIsNotConnectedToWithoutALease(t *testing.T) {
	for name, test := range map[string]struct {
		hot, leased, may bool
	}{
		"warm, no lease": {false, false, false},
		"warm, a lease":  {false, true, true},
		"hot, no lease":  {true, false, true},
	} {
		d := newDevice(device.Settings{Definition: &domain.Definition{Device: "router", StandbyPolling: test.hot}}, nil, func(core.Input) {}, slog.New(slog.DiscardHandler))
		d.lease = newLease(nil, nil)
		if test.leased {
			d.lease.Extend(1, clock.Boot()+time.Minute)
		}
		if err := (sink{device: d}).MayConnect(); (err == nil) != test.may {
			t.Errorf("%s: %v", name, err)
		}
		d.lease.Revoke()
		if err := (sink{device: d}).MayConnect(); (err == nil) != test.hot {
			t.Errorf("%s, revoked: %v", name, err)
		}
	}
}
