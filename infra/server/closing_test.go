package server

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/device"
)

// clingingDriver has links that take their time to close, and one at a time.
type clingingDriver struct {
	mu     sync.Mutex
	open   int
	most   int
	opened chan struct{}
	letGo  chan struct{}
}

type clingingLink struct {
	domain.Link
	driver *clingingDriver
}

func (c *clingingDriver) Open(domain.Definition, domain.Sink) (domain.Link, error) {
	c.mu.Lock()
	c.open++
	c.most = max(c.most, c.open)
	c.mu.Unlock()
	c.opened <- struct{}{}
	return &clingingLink{driver: c}, nil
}

func (l *clingingLink) Close() error {
	<-l.driver.letGo
	l.driver.mu.Lock()
	defer l.driver.mu.Unlock()
	l.driver.open--
	return nil
}

// A device that does not let go must not hold up the core, with all other devices
// and the log. Nor may it be connected to twice.
func TestADeviceThatIsClosedHoldsUpNothingButItsSuccessor(t *testing.T) {
	const driver = domain.DriverVideohub
	slow := &clingingDriver{opened: make(chan struct{}, 10), letGo: make(chan struct{})}
	c := &coreLoop{
		drivers: map[domain.DriverName]domain.Driver{driver: slow}, logger: slog.New(slog.DiscardHandler),
		devices: make(map[string]*deviceLoop), closing: make(map[string]<-chan struct{}),
	}
	s := device.Settings{Definition: &domain.Definition{Device: "router", Driver: driver, StandbyPolling: true}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.openDevice(s)
		<-slow.opened
		for range 3 { // configured anew, again and again
			c.closeDevice("router")
			c.openDevice(s)
		}
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("the core waits for the device")
	}
	select {
	case <-slow.opened:
		t.Error("it is connected to before it has let go")
		close(slow.letGo)
	case <-time.After(50 * time.Millisecond):
		close(slow.letGo)
		<-slow.opened
	}
	c.closeDevices()
	c.awaitDevices()
	if slow.most != 1 || slow.open != 0 {
		t.Errorf("%d connections at once, and %d are left", slow.most, slow.open)
	}
}
