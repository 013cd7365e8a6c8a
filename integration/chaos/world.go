package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/integration/cluster"
)

// world is a landscape with the faults that are on it.
type world struct {
	*cluster.Landscape
	token    string
	embedded bool
	disk     *disk   // the broker's; nil where none can be made
	net      *packet // drops packets; nil where that is not possible
	random   *rand.Rand
	say      func(format string, args ...any)
	flood    func(context.Context) // much for the router to do

	mu      sync.Mutex
	primary string // as last seen
	faults  []*Fault
	active  map[string]*active // by what each keeps busy
	wg      sync.WaitGroup
}

// active is a fault that has not ended.
type active struct {
	fault *Fault
	lift  func(context.Context) error
	once  sync.Once
	timer *time.Timer
}

// errBusy is a fault that cannot be made now.
var errBusy = errors.New("another fault is on it")

// errUnable is a fault that cannot be made here at all.
var errUnable = errors.New("not possible here")

func newWorld(l *cluster.Landscape, seed uint64, say func(string, ...any)) (*world, error) {
	token, err := l.Token()
	if err != nil {
		return nil, err
	}
	return &world{
		Landscape: l, token: token, embedded: l.Run.Embedded(), say: say,
		random: rand.New(rand.NewPCG(seed, 1)), active: make(map[string]*active),
	}, nil
}

func (w *world) client(server string) *httpapi.Client {
	s, _ := w.Run.Server(server)
	return httpapi.NewClient([]string{s.Address}, w.token)
}

func (w *world) all() *httpapi.Client {
	var addresses []string
	for _, s := range w.Run.Servers {
		addresses = append(addresses, s.Address)
	}
	return httpapi.NewClient(addresses, w.token)
}

// sees remembers who is primary.
func (w *world) sees(server string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.primary = server
}

// victim is the server that a step is for.
func (w *world) victim(s step) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.primary && w.primary != "" {
		return w.primary
	}
	return w.Run.Servers[s.server].Name
}

// play carries one step out. It returns when the fault has been made.
func (w *world) play(ctx context.Context, s step) error {
	if s.aimed && !s.backlog && aims(s.kind) {
		w.aim(ctx)
	}
	server := w.victim(s)
	f := &Fault{Kind: s.kind, Target: server, Asked: clock.Boot()}
	key, inflict, lift := w.means(s, f)
	if s.aimed && s.backlog && loads(s.kind) && lift != nil {
		inflict, lift = w.backlog(inflict, lift)
	}
	if inflict == nil {
		return fmt.Errorf("%s: %w", s.kind, errUnable)
	}
	w.mu.Lock()
	if key != "" && w.active[key] != nil {
		w.mu.Unlock()
		return errBusy
	}
	a := &active{fault: f, lift: lift}
	if key != "" {
		w.active[key] = a
	}
	number := len(w.faults) + 1
	was := w.primary
	w.faults = append(w.faults, f)
	w.mu.Unlock()

	err := inflict(ctx)
	f.Held = clock.Boot()
	role := ""
	if f.Target == was {
		role = ", the primary"
	}
	if err != nil {
		f.Error = err.Error()
	}
	w.say("#%d %s: %s%s%s%s", number, f.Kind, f.Target, role, suffix(" ", f.Detail), suffix(": ", f.Error))
	if lift == nil {
		w.release(key, a)
		return nil
	}
	w.wg.Add(1)
	a.timer = time.AfterFunc(s.hold, func() { w.end(context.WithoutCancel(ctx), key, a) })
	return nil
}

// Aiming makes the gate late for some requests, and waits for the first.
const (
	aimWithin = time.Second
	aimFault  = `{"mode":"late","delay":"60ms","times":20}`
)

// aim waits until the gate has just received an action that it has not answered.
func (w *world) aim(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, aimWithin)
	defer cancel()
	before, err := w.Gate(ctx)
	if err == nil {
		err = w.GateFault(ctx, aimFault)
	}
	for err == nil {
		var now httpdevice.SimState
		if now, err = w.Gate(ctx); now.Writes > before.Writes || !pause(ctx, 2*time.Millisecond) {
			return
		}
	}
}

// lateRouter makes the router so late that a flood keeps it busy for longer than most
// leases.
const lateRouter = `{"mode":"late","delay":"900ms"}`

// backlog lets a fault fall upon a server that has much left to send: without the log,
// and after a pause, it may not, however much it has read before.
func (w *world) backlog(inflict, lift do) (do, do) {
	return func(ctx context.Context) error {
			err := w.HubPost(ctx, "/faults", lateRouter)
			w.flood(ctx)
			return errors.Join(err, inflict(ctx))
		}, func(ctx context.Context) error {
			return errors.Join(lift(ctx), w.HubPost(ctx, "/faults", `{"mode":"none"}`))
		}
}

func suffix(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}

func (w *world) release(key string, a *active) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active[key] == a {
		delete(w.active, key)
	}
}

// end ends a fault, once.
func (w *world) end(ctx context.Context, key string, a *active) {
	a.once.Do(func() {
		defer w.wg.Done()
		a.fault.Lifted = clock.Boot()
		if err := a.lift(ctx); err != nil && !errors.Is(err, domain.ErrNotFound) {
			w.say("   %s of %s cannot be ended: %v", a.fault.Kind, a.fault.Target, err)
		}
		w.release(key, a)
	})
}

// endAll ends all faults.
func (w *world) endAll(ctx context.Context) {
	w.mu.Lock()
	left := make(map[string]*active, len(w.active))
	for key, a := range w.active {
		left[key] = a
	}
	w.mu.Unlock()
	for key, a := range left {
		if a.timer != nil && a.timer.Stop() {
			w.end(ctx, key, a)
		}
	}
	w.wg.Wait()
}

// wholeWithin bounds the wait for everybody to be whole again.
const wholeWithin = 60 * time.Second

// heal ends all faults and waits until the landscape is whole, and says what is not.
func (w *world) heal(ctx context.Context) error {
	w.endAll(ctx)
	ctx, cancel := context.WithTimeout(ctx, wholeWithin)
	defer cancel()
	for {
		err := w.startAll(ctx)
		if err == nil {
			_, err = w.Settled(ctx)
		}
		if err == nil {
			err = w.devicesUp(ctx)
		}
		if err == nil || !pause(ctx, 50*time.Millisecond) {
			return err
		}
	}
}

// startAll starts what does not run.
func (w *world) startAll(ctx context.Context) error {
	err := w.Steer(ctx, "/restarts", `{"on":true}`)
	if w.embedded {
		err = errors.Join(err, w.Steer(ctx, "/processes/broker/start", ""))
	}
	for _, s := range w.Run.Servers {
		err = errors.Join(err, w.Steer(ctx, "/processes/guard-"+s.Name+"/start", ""))
	}
	return err
}

func (w *world) devicesUp(ctx context.Context) error {
	for _, s := range w.Run.Servers {
		c := w.client(s.Name)
		devices, err := c.Devices(ctx)
		c.Close()
		if err != nil {
			return err
		}
		for _, d := range devices {
			if !d.Connected {
				return fmt.Errorf("server %s does not reach %s: %s", s.Name, d.ID, d.ConnectionDetail)
			}
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// signal sends a signal to all of some processes, and gives those that got it.
func (w *world) signal(s syscall.Signal, names ...string) ([]guard.Identity, error) {
	var got []guard.Identity
	var faults []error
	for _, name := range names {
		p, err := w.Process(name)
		if err == nil {
			err = p.Signal(s)
		}
		if err == nil {
			got = append(got, p)
		} else {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return got, errors.Join(faults...)
}

type do = func(context.Context) error

// means gives how a fault is made and ended, and what it keeps busy meanwhile; no way
// to make it if that is not possible here.
func (w *world) means(s step, f *Fault) (key string, inflict, lift do) {
	server, host := "server-"+f.Target, []string{"guard-" + f.Target, "server-" + f.Target}
	kill := func(names ...string) do {
		return func(context.Context) error { _, err := w.signal(syscall.SIGKILL, names...); return err }
	}
	switch s.kind {
	case kindKillServer:
		return "", kill(server), nil
	case kindKillGuard:
		return "", kill(host[0]), nil
	case kindKillHost:
		return "", kill(host...), nil
	case kindPauseServer:
		return w.pausing("process/"+f.Target, server)
	case kindPauseHost:
		return w.pausing("process/"+f.Target, host...)
	case kindCutLog:
		f.Detail = s.mode
		return "log/" + f.Target, w.steer("/relay/"+f.Target, `{"mode":"`+s.mode+`"}`), w.steer("/relay/"+f.Target, `{"mode":"heal"}`)
	case kindSlowLog:
		f.Detail = slowness(s).String()
		return "log/" + f.Target, w.steer("/relay/"+f.Target, `{"mode":"slow","delay":"`+f.Detail+`"}`), w.steer("/relay/"+f.Target, `{"mode":"heal"}`)
	case kindCutDevices:
		if w.net == nil {
			return "", nil, nil
		}
		from, _ := w.Run.Server(f.Target)
		return "devices/" + f.Target, func(context.Context) error { return w.net.drop(from.DeviceSource) },
			func(context.Context) error { return w.net.pass(from.DeviceSource) }
	case kindLateDevices:
		f.Target, f.Detail = "devices", lateness(s).String()
		late := `{"mode":"late","delay":"` + f.Detail + `"}`
		return "devices", w.devices(late, late), w.devices(`{"mode":"none"}`, `{}`)
	case kindLeave:
		return "process/" + f.Target, w.steer("/processes/guard-"+f.Target+"/stop", ""), w.steer("/processes/guard-"+f.Target+"/start", "")
	case kindSwitchover, kindTakeover:
		return "operator", w.move(s, f), nil
	}
	if !w.embedded {
		return "", nil, nil
	}
	f.Target = "broker"
	switch s.kind {
	case kindPauseBroker:
		return w.pausing("broker", "broker")
	case kindKillBroker:
		return "broker", w.killBroker, w.steer("/processes/broker/start", "")
	case kindFullDisk:
		if w.disk == nil {
			return "", nil, nil
		}
		return "broker", func(context.Context) error { return w.disk.fill() }, func(context.Context) error { return w.disk.empty() }
	case kindKillAll:
		f.Target = "everybody"
		names := []string{"broker"}
		for _, s := range w.Run.Servers {
			names = append(names, "guard-"+s.Name, "server-"+s.Name)
		}
		return "broker", kill(names...), nil
	}
	return "", nil, nil
}

// slowness is how late each piece is on a slow link.
func slowness(s step) time.Duration { return (5*time.Millisecond + s.hold/50).Round(time.Millisecond) }

// lateness is how late devices answer.
func lateness(s step) time.Duration { return time.Duration(20+10*s.server) * time.Millisecond }

// devices makes the simulated ones misbehave, or behave again.
func (w *world) devices(hub, gate string) do {
	return func(ctx context.Context) error {
		return errors.Join(w.HubPost(ctx, "/faults", hub), w.GateFault(ctx, gate))
	}
}

func (w *world) steer(path, body string) do {
	return func(ctx context.Context) error { return w.Steer(ctx, path, body) }
}

// pausing stops processes, and lets exactly those go on.
func (w *world) pausing(key string, names ...string) (string, do, do) {
	var stopped []guard.Identity
	stop := func(context.Context) (err error) {
		stopped, err = w.signal(syscall.SIGSTOP, names...)
		return err
	}
	lift := func(context.Context) error {
		var faults []error
		for _, p := range stopped {
			faults = append(faults, p.Signal(syscall.SIGCONT))
		}
		return errors.Join(faults...)
	}
	return key, stop, lift
}

// downWithin bounds the wait for up to hear of a death.
const downWithin = 5 * time.Second

// killBroker kills it and keeps up from starting it again at once.
func (w *world) killBroker(ctx context.Context) error {
	if err := w.Steer(ctx, "/restarts", `{"on":false}`); err != nil {
		return err
	}
	killed, err := w.signal(syscall.SIGKILL, "broker")
	for _, p := range killed {
		for p.Alive() && pause(ctx, 5*time.Millisecond) {
		}
	}
	// up must hear of it before it may start anything again.
	for until := time.Now().Add(downWithin); w.Runs(ctx, "broker") && time.Now().Before(until) && pause(ctx, 20*time.Millisecond); {
	}
	pause(ctx, 100*time.Millisecond)
	return errors.Join(err, w.Steer(context.WithoutCancel(ctx), "/restarts", `{"on":true}`))
}

// moveWithin bounds what an operator waits for.
const moveWithin = 3 * time.Second

func (w *world) move(s step, f *Fault) do {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, moveWithin)
		defer cancel()
		c := w.all()
		if s.kind == kindTakeover { // asked of one that is not the primary
			c.Close()
			i := s.server
			if w.Run.Servers[i].Name == f.Target {
				i = (i + 1) % len(w.Run.Servers)
			}
			c = w.client(w.Run.Servers[i].Name)
		}
		defer c.Close()
		var m httpapi.Move
		var err error
		if s.kind == kindSwitchover {
			m, err = c.Switchover(ctx, "")
		} else {
			m, err = c.Takeover(ctx, "chaos", "")
		}
		if err != nil { // refused or not heard, in a broken landscape
			return fmt.Errorf("not done: %s", firstLine(err.Error()))
		}
		f.Detail = fmt.Sprintf("%s to %s, epoch %d", m.From, m.To, m.Epoch)
		return nil
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// brokerData is where the broker keeps the log.
func brokerData(dir string) string { return filepath.Join(dir, "data", "broker") }
