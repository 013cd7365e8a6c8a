package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/relay"
)

// defaultLandscape is the name of a landscape that was given none.
const defaultLandscape = "main"

// Up is a running landscape.
type Up struct {
	opts   Options
	folder *folder
	hold   *os.File // the lifeline's writing end
	line   *guard.Lifeline
	token  string
	relays map[string][]*relay.Relay // by server
	server controlServer

	mu       sync.Mutex // guards what follows
	run      Run
	out      map[string]bool // servers that stay out
	children []*child
	ending   bool
	restarts bool
	ready    domain.Instant

	failed chan error // a part could not be started; before all is ready
	done   chan struct{}
	wg     sync.WaitGroup
}

// Start starts a landscape and returns when it is ready. When a part cannot
// start, or ctx ends, it ends what it had started.
func Start(ctx context.Context, opts Options) (*Up, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	f, err := holdFolder(opts.Dir)
	if err != nil {
		return nil, err
	}
	u := &Up{
		opts: opts, folder: f, restarts: true, out: make(map[string]bool),
		relays: make(map[string][]*relay.Relay),
		failed: make(chan error, maxServers+4), done: make(chan struct{}),
	}
	if err := u.start(ctx); err != nil {
		return nil, errors.Join(err, u.Stop())
	}
	u.mu.Lock()
	u.ready = domain.InstantOf(time.Now().Truncate(time.Millisecond)) // brokers count milliseconds
	u.mu.Unlock()
	u.wg.Go(u.watchFaults)
	return u, nil
}

// readySince is when the landscape was ready.
func (u *Up) readySince() domain.Instant {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ready
}

func (u *Up) start(ctx context.Context) error {
	if err := u.clear(); err != nil {
		return err
	}
	var err error
	if u.line, u.hold, err = guard.NewLifeline(); err != nil {
		return err
	}
	if err := u.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("not ready within %v: %w", startWithin, domain.ErrTransient))
	defer cancel()
	if err := u.startLog(ctx); err != nil {
		return err
	}
	if err := u.startRest(); err != nil {
		return err
	}
	if err := u.awaitReady(ctx); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.run.Ready = true
	u.run.Servers = slices.DeleteFunc(u.run.Servers, func(s Server) bool { return u.out[s.Name] })
	return u.run.save()
}

// clear makes way: nothing of an earlier run lives on, and no port is taken.
func (u *Up) clear() error {
	old, err := Load(u.folder.path)
	switch {
	case errors.Is(err, domain.ErrNotFound):
	case err != nil:
		return err
	default:
		if u.opts.Landscape == "" {
			u.opts.Landscape = old.Landscape
		}
		if u.opts.Landscape != old.Landscape {
			return fmt.Errorf("folder %s holds landscape %q; start that one with --landscape %[2]s, or choose another folder with --dir: %w",
				u.folder.path, old.Landscape, domain.ErrConflict)
		}
		if err := u.sameLog(&old); err != nil {
			return err
		}
		if err := endLeftovers(&old, u.opts.Printf); err != nil {
			return err
		}
	}
	if u.opts.Landscape == "" {
		u.opts.Landscape = defaultLandscape
	}
	u.opts.warnOfPorts()
	return u.opts.checkPorts()
}

// sameLog keeps servers that have read one log from another one.
func (u *Up) sameLog(old *Run) error {
	own := old.OwnBroker()
	switch {
	case own == (len(u.opts.Kafka) == 0), !exists(u.folder.file("data", "server-"+serverName(0))):
		return nil
	case own:
		return fmt.Errorf("folder %s holds a landscape with a broker of its own; start it without --kafka, or choose another folder with --dir: %w",
			u.folder.path, domain.ErrConflict)
	}
	return fmt.Errorf("folder %s holds a landscape on another Kafka; start it with --kafka %s, or choose another folder with --dir: %w",
		u.folder.path, strings.Join(old.Kafka, ","), domain.ErrConflict)
}

// prepare writes the files that the parts need, and says in up.json what will
// run.
func (u *Up) prepare() error {
	if err := u.folder.signingKey(u.opts.Landscape); err != nil {
		return err
	}
	if _, err := u.folder.keys(); err != nil {
		return err
	}
	var err error
	if u.token, err = u.folder.token(u.opts.User); err != nil {
		return err
	}
	u.run = u.opts.plan(u.folder)
	if u.run.Up, err = guard.Identify(os.Getpid()); err != nil {
		return err
	}
	for i := range u.run.Servers {
		if err := u.opts.writeConfig(&u.run, i); err != nil {
			return err
		}
	}
	// Nothing of an earlier run lives on, so nothing of it is to be undone.
	if err := errors.Join(u.run.save(), ForgetFault(u.folder.path)); err != nil {
		return explain(u.folder.path, err)
	}
	return nil
}

// plan lays the landscape out.
func (o *Options) plan(f *folder) Run {
	run := Run{
		Version: o.Version, Landscape: o.Landscape, Dir: f.path, PortBase: o.PortBase,
		Kafka:    o.Kafka,
		Control:  "http://" + o.address(portControl),
		KeysFile: f.file(keysName), SigningKeyFile: f.file(signingName), TokenFile: f.file(tokenName),
		Started: time.Now().UTC(),
		Devices: []Device{
			{ID: VideohubID, Driver: domain.DriverVideohub, Address: o.address(portVideohub), Control: "http://" + o.address(portVideohubUI)},
			{ID: GateID, Driver: domain.DriverHTTP, Address: "http://" + o.address(portGate), Control: "http://" + o.address(portGateUI)},
		},
	}
	if len(run.Kafka) == 0 {
		run.Kafka = []string{o.address(portBroker)}
	}
	for i := range o.Servers {
		name := serverName(i)
		s := Server{
			Name:    name,
			Address: "http://" + o.address(portServer+i),
			Config:  f.file("server-" + name + ".yaml"),
			Data:    f.file("data", "server-"+name),
			Log:     f.file(logsName, "server-"+name+".log"),
			RunFile: filepath.Join(f.file("data", "server-"+name), guard.RunFileName),
		}
		if runtime.GOOS == "linux" { // all of 127.0.0.0/8 is this machine
			s.DeviceSource = fmt.Sprintf("127.0.0.%d", firstDeviceSource+i)
		}
		for b := range run.Kafka {
			s.Relays = append(s.Relays, o.address(portRelay+10*b+i))
		}
		run.Servers = append(run.Servers, s)
	}
	return run
}

// Run tells what runs.
func (u *Up) Run() Run {
	u.mu.Lock()
	defer u.mu.Unlock()
	run := u.run
	run.Processes = slices.Clone(run.Processes)
	return run
}

// spawn starts a part and watches over it.
func (u *Up) spawn(name string, kind Kind, log string, args ...string) error {
	c := &child{
		name: name, kind: kind, args: args, log: log,
		program: u.opts.Program, line: u.line, onEnd: u.onEnd,
	}
	u.mu.Lock()
	u.children = append(u.children, c)
	u.mu.Unlock()
	if err := c.start(); err != nil {
		return err
	}
	return u.record()
}

// record writes up.json anew: which processes there are.
func (u *Up) record() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.run.Dir == "" {
		return nil // it ends before it has a folder
	}
	u.run.Processes = u.run.Processes[:0]
	for _, c := range u.children {
		if p, running := c.process(); running {
			u.run.Processes = append(u.run.Processes, p)
		}
	}
	return u.run.save()
}

// endedUnusable is how a guard ends whose server another start would not mend: one that
// was removed, for example.
var endedUnusable = fmt.Sprintf("exit status %d", guard.ExitUnusable)

// onEnd deals with a part that ended by itself: before all is ready that is the
// end of the start, later it is started again.
func (u *Up) onEnd(c *child, how string) {
	u.mu.Lock()
	ready, ending, restarts := u.run.Ready, u.ending, u.restarts
	if !ending {
		u.wg.Add(1) // under the lock, so that Stop waits for it
		defer u.wg.Done()
	}
	u.mu.Unlock()
	switch {
	case ending:
	case !ready && how == endedUnusable && c.kind == KindGuard:
		u.without(c, how)
	case !ready:
		u.failed <- fmt.Errorf("%s could not start (%s). It said:\n  %s\nMore is in %s", c.name, how, c.lastWords(), c.log)
	case how == endedUnusable:
		u.opts.Printf("%s ended for good (%s); its last lines say why:\n  %s", c.name, how, c.lastWords())
	case !restarts:
		u.opts.Printf("%s ended (%s)", c.name, how)
	default:
		u.opts.Printf("%s ended (%s); it is started again", c.name, how)
		u.restart(c)
	}
}

func (u *Up) restart(c *child) {
	for {
		select {
		case <-u.done:
			return
		case <-time.After(restartAfter):
		}
		err := errors.Join(c.startAgain(), u.record())
		if err == nil {
			return
		}
		u.opts.Logger.Error("part cannot be started; it is tried again", "part", c.name, "cause", err)
	}
}

// Stop ends the landscape: servers first, while everything that they need is
// still there, then the rest. It is bounded, and may be called more than once.
func (u *Up) Stop() error {
	u.mu.Lock()
	if u.ending {
		u.mu.Unlock()
		<-u.done
		return nil
	}
	u.ending = true
	children := slices.Clone(u.children)
	u.mu.Unlock()

	faults := []error{u.server.close()}
	for _, kind := range []Kind{KindGuard, KindSimulator, KindBroker} {
		faults = append(faults, stopAll(children, kind))
		if kind == KindGuard {
			u.killServers()
		}
	}
	for _, rs := range u.relays {
		for _, r := range rs {
			faults = append(faults, r.Close())
		}
	}
	close(u.done)
	u.wg.Wait()
	if u.hold != nil {
		faults = append(faults, u.hold.Close(), u.line.Close(), u.record())
	}
	faults = append(faults, u.folder.release())
	return errors.Join(faults...)
}

// stopAll ends all parts of a kind at once.
func stopAll(children []*child, kind Kind) error {
	var wg sync.WaitGroup
	faults := make([]error, len(children))
	for i, c := range children {
		if c.kind == kind {
			wg.Go(func() { faults[i] = c.stop() })
		}
	}
	wg.Wait()
	return errors.Join(faults...)
}

// killServers ends servers that outlived their guards.
func (u *Up) killServers() {
	run := u.Run()
	var left []Process
	for _, s := range run.Servers {
		if r, err := guard.ReadRunFile(s.RunFile); err == nil && r.Alive() {
			left = append(left, Process{Name: s.Name, Kind: KindServer, Identity: r.Identity})
		}
	}
	run = Run{Processes: left}
	if err := endLeftovers(&run, u.opts.Printf); err != nil {
		u.opts.Logger.Error("server does not end", "cause", err)
	}
}

// Program is the executable for the child processes: this one, also when its
// file has been removed meanwhile, as `go run` does at its end.
func Program() (string, error) {
	path, err := os.Executable()
	if err == nil {
		if _, err = os.Stat(path); err == nil {
			return path, nil
		}
	}
	if self := "/proc/self/exe"; exists(self) {
		return self, nil
	}
	return "", fmt.Errorf("find this program's own file: %w", err)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// CommandLine is how this program is called from a shell here.
func CommandLine() string {
	if _, err := exec.LookPath("understudy"); err == nil {
		return "understudy"
	}
	if _, err := os.Stat(filepath.Join("cmd", "understudy", "main.go")); err == nil {
		return "go run ./cmd/understudy"
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "understudy"
}
