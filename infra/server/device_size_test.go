package server

import (
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
)

// idleDriver has links that are there at once, and do nothing.
type idleDriver struct{ domain.Link }

func (d idleDriver) Open(_ domain.Definition, sink domain.Sink) (domain.Link, error) {
	sink.Reported([]domain.Value{{Target: "parameter/level", Value: "1"}}, true)
	sink.Up("")
	return d, nil
}

func (idleDriver) Close() error { return nil }

// What the server keeps for a device that it has connected to, without its link:
// heap, and stacks of goroutines.
func BenchmarkDevicesAtRest(b *testing.B) {
	const devices = 10_000
	for range b.N {
		before, running := inUse(), runtime.NumGoroutine()
		c := &coreLoop{
			drivers: map[domain.DriverName]domain.Driver{domain.DriverHTTP: idleDriver{}}, logger: slog.New(slog.DiscardHandler),
			devices: make(map[string]*deviceLoop), closing: make(map[string]<-chan struct{}),
		}
		for i := range devices {
			c.openDevice(device.Settings{Definition: &domain.Definition{
				Device: "device-" + strconv.Itoa(i), Driver: domain.DriverHTTP, StandbyPolling: true,
			}})
		}
		for until := time.Now().Add(time.Minute); runtime.NumGoroutine() > running+devices/100; time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				b.Fatal("they do not come to rest")
			}
		}
		b.ReportMetric(float64(runtime.NumGoroutine()-running)/devices, "goroutines/device")
		b.ReportMetric(float64(inUse()-before)/devices, "bytes/device")
		c.closeDevices()
		c.awaitDevices()
	}
}

// inUse is the memory of what lives, and of the stacks.
func inUse() int64 {
	for range 2 { // what the first one finds unused, the second one frees
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// A device that is idle has no goroutine: there may be thousands.
func TestADeviceAtRestHasNoGoroutine(t *testing.T) {
	d := newDevice(device.Settings{Definition: &domain.Definition{
		Device: "gate", Driver: domain.DriverHTTP, StandbyPolling: true,
	}}, idleDriver{}, func(core.Input) {}, slog.New(slog.DiscardHandler))
	d.begin(nil)
	rests := func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return !d.running && len(d.inbox) == 0
	}
	for until := time.Now().Add(5 * time.Second); !rests() || d.away.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it does not come to rest")
		}
	}
	<-d.stop()
	<-d.stop() // once more does no harm
}
