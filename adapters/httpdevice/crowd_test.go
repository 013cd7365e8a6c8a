package httpdevice

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// dials counts the connections that links have asked for. They are pipes, so
// that time can be simulated.
type dials struct {
	mu    sync.Mutex
	count int
	fault error
}

func (d *dials) dial(context.Context, string, string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	if d.fault != nil {
		return nil, d.fault
	}
	near, far := net.Pipe()
	return near, far.Close()
}

// since gives the count, and begins anew.
func (d *dials) since() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.count
	d.count = 0
	return n
}

// crowd opens links to many devices that have nothing to read.
func crowd(t *testing.T, n int, d *dials) {
	t.Helper()
	driver := New(Options{Dial: d.dial})
	for i := range n {
		l, err := driver.Open(pulses("device-"+strconv.Itoa(i)+":80"), newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAFewDevicesAreProbedEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dials
		crowd(t, 10, &d)
		time.Sleep(10500 * time.Millisecond)
		if n := d.since(); n != 10*11 {
			t.Errorf("10 devices were looked at %d times within 10 s, want 110", n)
		}
	})
}

func TestManyDevicesAreProbedInTurn(t *testing.T) {
	const devices, seconds = 2000, 50
	synctest.Test(t, func(t *testing.T) {
		var d dials
		crowd(t, devices, &d)
		time.Sleep(devices / probesPerSecond * time.Second)
		d.since()
		time.Sleep(seconds * time.Second)
		if n := d.since(); n > seconds*probesPerSecond+devices/100 || n < seconds*probesPerSecond*9/10 {
			t.Errorf("%d devices were probed %d times within %d s, want %d a second", devices, n, seconds, probesPerSecond)
		}
	})
}

func TestManyLostDevicesAreTriedInTurn(t *testing.T) {
	const devices, seconds = 2000, 50
	synctest.Test(t, func(t *testing.T) {
		d := dials{fault: errors.New("no route")}
		crowd(t, devices, &d)
		time.Sleep(10 * time.Second)
		d.since()
		time.Sleep(seconds * time.Second)
		if n := d.since(); n > seconds*retriesPerSecond+devices/100 || n < seconds*retriesPerSecond*8/10 {
			t.Errorf("%d lost devices were tried %d times within %d s, want %d a second", devices, n, seconds, retriesPerSecond)
		}
	})
}

// The readers of devices that hang must not keep others from being read.
func TestDevicesThatHangKeepNoOtherFromBeingRead(t *testing.T) {
	hung := make(chan struct{})
	device := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/good/parameters/level" {
			<-hung
		}
		_, _ = w.Write([]byte(`{"value": 1}`))
	}))
	defer device.Close()
	defer close(hung)
	driver := New(Options{Dial: anyDial, ReadTimeout: time.Minute})
	for i := range 2 * maxInside {
		l, err := driver.Open(definition(device.URL+"/hung/"+strconv.Itoa(i)), newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
	}
	sink := newRecorder()
	l, err := driver.Open(definition(device.URL+"/good"), sink)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	sink.waitUp(t)
}

func TestALinkThatRestsHasNeitherGoroutineNorConnection(t *testing.T) {
	const links = 100
	var connections atomic.Int64
	device := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"value": 1}`))
	}))
	device.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed, http.StateHijacked:
			connections.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
	device.Start()
	defer device.Close()
	running := runtime.NumGoroutine()
	for i := range links {
		l, sink := open(t, Options{restAfter: 10 * time.Millisecond}, definition(device.URL+"/"+strconv.Itoa(i)))
		sink.waitUp(t)
		if err := l.Emit(t.Context(), level(1, "1"), pass); err != nil {
			t.Fatal(err)
		}
		sink.answer(t, 1)
	}
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		more := runtime.NumGoroutine() - running
		if more < links/10 && connections.Load() == 0 {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%d links that rest have %d goroutines and %d connections", links, more, connections.Load())
		}
	}
}

// A request may begin at the very moment at which its connection has rested too long.
func TestNoRequestIsLostWithAConnectionThatRests(t *testing.T) {
	const rest = 2 * time.Millisecond
	sim := startSimulator(t)
	var opened atomic.Int64
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		opened.Add(1)
		return anyDial(ctx, network, address)
	}
	def := pulses(sim.Addr().String())
	def.ConfirmWithin = 10 * time.Second
	l, sink := open(t, Options{Dial: dial, DialRead: anyDial, restAfter: rest}, def)
	sink.waitUp(t)
	const pulses = 200
	for ref := range uint64(pulses) {
		if err := l.Emit(t.Context(), pulse(ref), pass); err != nil {
			t.Fatalf("number %d: %v", ref, err)
		}
		if a := sink.answer(t, ref); a.Verdict != domain.Done {
			t.Fatalf("number %d: %+v", ref, a)
		}
		time.Sleep(rest - rest/10 + rand.N(rest/5))
	}
	if n := opened.Load(); n < pulses/10 || n > pulses {
		t.Errorf("%d connections for %d requests: hardly one has rested, or one was opened in vain", n, pulses)
	}
}

func TestARequestThatHasJustBegunKeepsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		c := &connection{socket: &gatedConn{Conn: &socket.Conn{Conn: near}}}
		c.stream = c.socket
		e := &exchange{verb: &verb{timeout: time.Second}}
		if !c.begin(e) || c.rest() {
			t.Error("the connection of a request that has just begun was put away")
		}
		time.Sleep(time.Second)
		if !c.rest() {
			t.Error("the connection of a request that has no answer in time is kept")
		}
		c.take(e)
		if !c.rest() || c.begin(e) {
			t.Error("a connection without a request was not put away, or a request has begun on it after that")
		}
	})
}

func TestASeriesOfReadingsHasOneConnection(t *testing.T) {
	sim := startSimulator(t)
	var opened atomic.Int64
	dialRead := func(ctx context.Context, network, address string) (net.Conn, error) {
		opened.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	l, sink := open(t, Options{DialRead: dialRead, restAfter: time.Minute}, definition(sim.Addr().String()))
	sink.waitUp(t)
	for i := range uint64(5) {
		value := strconv.FormatUint(i, 10)
		if err := l.Emit(t.Context(), level(i+1, value), pass); err != nil {
			t.Fatal(err)
		}
		sink.wait(t, "the value read back", func() bool { return sink.values["parameter/level"] == value })
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("the device was read on %d connections, want one", n)
	}
}

func TestDevicesWithTheSameVerbsShareThem(t *testing.T) {
	first, second, other := definition("127.0.0.1:1"), definition("127.0.0.1:2"), definition("127.0.0.1:3")
	second.Device = "gate-2"
	other.ConfirmWithin++ // it is the timeout of verbs that have none
	var plans [3]plan
	for i, def := range []domain.Definition{first, second, other} {
		var err error
		if plans[i], err = compile(def); err != nil {
			t.Fatal(err)
		}
	}
	if plans[0].shape != plans[1].shape || plans[0].shape == plans[2].shape {
		t.Error("not those share their verbs whose verbs are the same")
	}
	if plans[0].authority == plans[1].authority {
		t.Error("they share their address")
	}
	runtime.KeepAlive(plans)
}

func TestVerbsThatNobodyHasAnyMoreAreForgotten(t *testing.T) {
	def := definition("127.0.0.1:1")
	def.Verbs[0].Name = "only here"
	known := func() int {
		shapes.Lock()
		defer shapes.Unlock()
		return len(shapes.known)
	}
	p, err := compile(def)
	if err != nil {
		t.Fatal(err)
	}
	before := known()
	runtime.KeepAlive(p.shape)
	for until := time.Now().Add(5 * time.Second); known() >= before; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d shapes are known, as before", known())
		}
		runtime.GC()
	}
}

// The turns of links that are closed go to those that are there: a lease that ran out
// some times in a row leaves no queue of the dead.
func TestALinkThatIsClosedKeepsNoTurn(t *testing.T) {
	const devices = 2000
	synctest.Test(t, func(t *testing.T) {
		var d dials
		driver := New(Options{Dial: d.dial})
		links := make([]domain.Link, devices)
		for range 10 {
			for i, l := range links {
				if l != nil {
					if err := l.Close(); err != nil {
						t.Fatal(err)
					}
				}
				var err error
				if links[i], err = driver.Open(pulses("device-"+strconv.Itoa(i)+":80"), newRecorder()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		d.since()
		time.Sleep(time.Second)
		if n := d.since(); n < probesPerSecond*9/10 {
			t.Errorf("%d devices were probed within a second, want %d", n, probesPerSecond)
		}
		for _, l := range links {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A turn that came too late, because somebody asked meanwhile, goes to another one.
func TestALinkThatWasLookedAtMeanwhileKeepsNoTurn(t *testing.T) {
	const devices = 1000
	synctest.Test(t, func(t *testing.T) {
		var d dials
		driver := New(Options{Dial: d.dial})
		links := make([]*link, devices)
		for i := range links {
			links[i], _ = openPulses(t, driver, "device-"+strconv.Itoa(i)+":80")
		}
		for range 10 {
			time.Sleep(time.Second)
			for _, l := range links {
				refresh(t, l)
			}
		}
		time.Sleep(time.Second)
		d.since()
		time.Sleep(time.Second)
		if n := d.since(); n < probesPerSecond*9/10 {
			t.Errorf("%d devices were probed within a second, want %d", n, probesPerSecond)
		}
	})
}
