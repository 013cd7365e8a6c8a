package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/config"
)

// The devices of a landscape: one router, and any number of devices driven by
// HTTP.
const (
	hubDevice = "router"
	hubSize   = 288
	verbLevel = "set-level"
	verbPulse = "pulse"
	verbName  = "set-name" // never sent: so that a device has something to be read, once
	hubMemory = 1 << 18    // requests that the router remembers
	// devicesPerPort keeps the queue of one listener short when all devices are
	// connected to at the same time.
	devicesPerPort = 250
	lostDevice     = 10 * time.Second
)

// devices are all devices of a landscape, in this process: what reaches them is
// noted by the clock that the commands' times are read from.
type devices struct {
	hub    *videohub.Simulator
	server *http.Server
	ports  []string // host:port of each listener
	count  int      // driven by HTTP
	served chan error

	mu       sync.Mutex
	arrivals map[string]arrival // by UID, the first one
	next     arrival            // the first one of another client than old since expect
	old      string
	news     chan struct{} // closed and made anew with each arrival
	hung     map[string]chan struct{}
	held     int // requests that a device which hangs has not answered
}

// arrival is an action that a device has received.
type arrival struct {
	at     domain.Mono
	client string // the address of the server that sent it
}

// newDevices starts count devices; one of them is the router.
func newDevices(count int) (*devices, error) {
	hub, err := videohub.NewSimulator(videohub.SimOptions{Inputs: hubSize, Outputs: hubSize, Name: hubDevice, Writes: hubMemory, Now: clock.Boot})
	if err != nil {
		return nil, err
	}
	d := &devices{
		hub: hub, count: count - 1, served: make(chan error, 1+count/devicesPerPort),
		arrivals: make(map[string]arrival), news: make(chan struct{}), hung: make(map[string]chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{device}/name", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // it is read once
		_, _ = w.Write([]byte(`{"value": "a device"}`))
	})
	mux.HandleFunc("/{device}/{verb}", d.serve)
	d.server = &http.Server{Handler: mux, ReadHeaderTimeout: lostDevice}
	for range cap(d.served) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("simulate devices: %w", err), d.close())
		}
		d.ports = append(d.ports, l.Addr().String())
		go func() { d.served <- d.server.Serve(l) }()
	}
	return d, nil
}

// serve is a device: it does what it is told, unless it hangs.
func (d *devices) serve(w http.ResponseWriter, r *http.Request) {
	at := clock.Boot()
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	d.mu.Lock()
	hung := d.hung[r.PathValue("device")]
	if hung != nil {
		d.held++
	}
	if uid := r.Header.Get("Idempotency-Key"); uid != "" && hung == nil {
		if _, again := d.arrivals[uid]; !again {
			d.arrivals[uid] = arrival{at, host}
		}
		if d.next.at == 0 && host != d.old {
			d.next = arrival{at, host}
		}
		close(d.news)
		d.news = make(chan struct{})
	}
	d.mu.Unlock()
	if hung != nil {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// holds says how many requests were not answered since hang.
func (d *devices) holds() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

func (d *devices) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, hung := range d.hung {
		close(hung)
	}
	clear(d.hung)
}

// await waits until an action has arrived.
func (d *devices) await(ctx context.Context, uid string) (arrival, error) {
	ctx, cancel := context.WithTimeout(ctx, lostDevice)
	defer cancel()
	for {
		d.mu.Lock()
		a, ok := d.arrivals[uid]
		news := d.news
		d.mu.Unlock()
		if ok {
			return a, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return arrival{}, fmt.Errorf("command %s has not reached its device within %s: %w", uid, lostDevice, domain.ErrTransient)
		}
	}
}

// httpDevice names the n-th device that is driven by HTTP.
func httpDevice(n int) string { return "device-" + strconv.Itoa(n) }

// definitions are those of all devices, as a server's configuration has them.
func (d *devices) definitions() []domain.Definition {
	hub := config.DefaultDevice()
	hub.Device, hub.Driver, hub.Address, hub.Inputs, hub.Outputs = hubDevice, domain.DriverVideohub, d.hub.Addr(), hubSize, hubSize
	return append([]domain.Definition{hub}, d.httpDefinitions()...)
}

func (d *devices) httpDefinitions() []domain.Definition {
	var out []domain.Definition
	for n := range d.count {
		one := config.DefaultDevice()
		one.Device, one.Driver = httpDevice(n), domain.DriverHTTP
		one.Address = "http://" + d.ports[n%len(d.ports)] + "/" + one.Device
		one.Verbs = []domain.Verb{
			{Name: verbPulse, Effect: domain.OneShot, Method: http.MethodPost, URL: "/pulse"},
			{
				Name: verbLevel, Effect: domain.Absolute, Method: http.MethodPut, URL: "/level", Body: `{"value": {{json .level}}}`,
				Args: []string{"level"}, Target: "level", Value: "level",
			},
			{
				Name: verbName, Effect: domain.Absolute, Method: http.MethodPut, URL: "/name", Body: `{"value": {{json .name}}}`,
				Args: []string{"name"}, Target: "name", Value: "name", ReadURL: "/name", ReadAt: "/value",
			},
		}
		out = append(out, one)
	}
	return out
}

func setLevel(level string) domain.Invoke {
	return domain.Invoke{Verb: verbLevel, Args: map[string]string{"level": level}}
}

func (d *devices) close() error {
	d.heal()
	err := errors.Join(d.hub.Close(), d.server.Close())
	for range d.ports {
		if served := <-d.served; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
	}
	return err
}

// hang makes devices answer nothing until heal.
func (d *devices) hang(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = 0
	for _, name := range names {
		if d.hung[name] == nil {
			d.hung[name] = make(chan struct{})
		}
	}
}

// arrived gives the arrivals of some commands, and forgets all.
func (d *devices) arrived() map[string]arrival {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.arrivals
	d.arrivals = make(map[string]arrival)
	return all
}

// expect forgets who acted until now: the next one is who is not old.
func (d *devices) expect(old string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.old, d.next = old, arrival{}
}

// successor waits for the first action of another server than the one that
// expect was told.
func (d *devices) successor(ctx context.Context) (domain.Mono, error) {
	ctx, cancel := context.WithTimeout(ctx, takeoverWithin)
	defer cancel()
	for {
		d.mu.Lock()
		next, news := d.next, d.news
		d.mu.Unlock()
		if next.at > 0 {
			return next.at, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return 0, fmt.Errorf("nobody else acted within %s: %w", takeoverWithin, domain.ErrTransient)
		}
	}
}
