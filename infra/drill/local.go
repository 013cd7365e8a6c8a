package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

// Local is a landscape that `understudy up` runs on this machine.
type Local struct {
	run     up.Run
	joined  []up.Server // members that up does not run: they take over, and nothing is done to them
	token   string
	http    *http.Client
	servers map[string]*httpapi.Client // by name; one each, so that a look opens no connection
	freezer *freezer                   // nil: servers are paused by signals
	policy  []httpapi.PolicyChange     // bring back the one that was before Favour
}

var _ Landscape = (*Local)(nil)

// NewLocal takes the landscape that a run file tells of, with the servers that have joined
// it since. The token is the folder's.
func NewLocal(run up.Run, joined []up.Server, token string) (*Local, error) {
	if !run.Alive() {
		return nil, fmt.Errorf("the landscape in %s does not run: %w", run.Dir, domain.ErrNotFound)
	}
	for _, s := range run.Servers {
		if s.DeviceSource == "" {
			return nil, fmt.Errorf("drills need Linux: only there do servers of one machine reach devices from addresses of their own: %w", domain.ErrConflict)
		}
	}
	l := &Local{run: run, joined: joined, token: token, http: &http.Client{Timeout: 10 * time.Second}, servers: make(map[string]*httpapi.Client)}
	for _, s := range l.all() {
		l.servers[s.Name] = httpapi.NewClient([]string{s.Address}, token)
	}
	return l, nil
}

// all are the servers of up, and those that have joined.
func (l *Local) all() []up.Server { return slices.Concat(l.run.Servers, l.joined) }

// usualSource is the address from which a server of this machine reaches devices of it
// that was given none.
const usualSource = "127.0.0.1"

// Servers are the server names by the address from which each reaches devices. Those that
// have joined share one, and count as one there.
func (l *Local) Servers() map[string]string {
	names := make(map[string]string, len(l.run.Servers)+1)
	for _, s := range l.run.Servers {
		names[s.DeviceSource] = s.Name
	}
	var joined []string
	for _, s := range l.joined {
		joined = append(joined, s.Name)
	}
	if len(joined) > 0 {
		names[usualSource] = strings.Join(joined, "+")
	}
	return names
}

// readyLimit bounds the wait for all servers to be ready again between two runs.
const readyLimit = 30 * time.Second

// Primary implements Landscape. Where a server that has joined is primary, primacy is moved
// to one of up's: to no other can all be done that a drill does.
func (l *Local) Primary(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		name, err := l.settled(ctx)
		if _, own := l.run.Server(name); err == nil && own {
			return name, nil
		}
		if err == nil {
			_, err = l.servers[name].Switchover(ctx, l.run.Servers[0].Name)
		}
		if sleep(ctx, 10*time.Millisecond) != nil {
			return "", fmt.Errorf("the landscape was not whole again within %s: %w", readyLimit, err)
		}
	}
}

// Successor implements Landscape. While failover is paused nobody takes over by itself,
// whoever could.
func (l *Local) Successor(ctx context.Context, planned bool) (string, error) {
	st, err := l.servers[l.run.Servers[0].Name].Status(ctx)
	if err != nil || st.Paused != nil && !planned {
		return "", err
	}
	return st.Next, nil
}

// settled names the primary if all servers agree on it and are ready.
func (l *Local) settled(ctx context.Context) (string, error) {
	primary := ""
	all := l.all()
	for _, s := range all {
		st, err := l.servers[s.Name].Status(ctx)
		if err != nil {
			return "", err
		}
		if !st.Server.Ready || len(st.Servers) < len(all) {
			return "", fmt.Errorf("server %s is %s: %s", s.Name, st.Server.State, strings.Join(st.Server.Reasons, ", "))
		}
		for _, other := range st.Servers {
			if !other.Ready {
				return "", fmt.Errorf("server %s sees %s as %s", s.Name, other.Name, other.State)
			}
		}
		if primary != "" && st.Primary != primary {
			return "", fmt.Errorf("servers do not yet agree on the primary")
		}
		primary = st.Primary
		if s.Name == primary && st.Server.Role != httpapi.RolePrimary {
			return "", fmt.Errorf("%s does not act yet", primary)
		}
	}
	if primary == "" {
		return "", fmt.Errorf("nobody acts")
	}
	return primary, nil
}

// Note implements Landscape.
func (l *Local) Note(server string) error {
	running, err := l.process(server)
	if err != nil {
		return err
	}
	drill, err := guard.Identify(os.Getpid())
	if err != nil {
		return err
	}
	return up.NoteFault(l.run.Dir, up.Fault{Server: server, Process: running, Drill: drill})
}

// Forget implements Landscape.
func (l *Local) Forget() error { return up.ForgetFault(l.run.Dir) }

// Kill implements Landscape.
func (l *Local) Kill(server string, host bool) error {
	var guardian guard.Identity
	if host {
		g, err := l.guardian(server)
		if err != nil {
			return err
		}
		guardian = g
	}
	running, err := l.process(server)
	if err != nil {
		return err
	}
	if host {
		err = guardian.Signal(syscall.SIGKILL)
	}
	return errors.Join(err, running.Signal(syscall.SIGKILL))
}

// Pause implements Landscape.
func (l *Local) Pause(server string) error {
	if l.freezer == nil {
		return l.signal(server, syscall.SIGSTOP)
	}
	guardian, err := l.guardian(server)
	if err != nil {
		return err
	}
	running, err := l.process(server)
	if err != nil {
		return err
	}
	return l.freezer.freeze(guardian, running)
}

// Continue implements Landscape.
func (l *Local) Continue(server string) error {
	if l.freezer != nil {
		return l.freezer.thaw()
	}
	return l.signal(server, syscall.SIGCONT)
}

// freezeLimit bounds the wait for the write at which a server stops itself.
const freezeLimit = 5 * time.Second

// Freeze implements Landscape.
func (l *Local) Freeze(ctx context.Context, server string) error {
	running, err := l.process(server)
	if err != nil {
		return err
	}
	if err := running.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, freezeLimit)
	defer cancel()
	for !running.Stopped() {
		if sleep(ctx, time.Millisecond) != nil {
			return fmt.Errorf("server %s did not stop itself within %s: is it of this build, and is there a stream of commands? %w", server, freezeLimit, domain.ErrConflict)
		}
	}
	return nil
}

// Valve implements Landscape.
func (l *Local) Valve(ctx context.Context) (string, error) {
	for _, s := range l.all() {
		st, err := l.servers[s.Name].Status(ctx)
		if err != nil || st.Valve != "kernel" {
			return st.Valve, err
		}
	}
	return "kernel", nil
}

func (l *Local) signal(server string, s syscall.Signal) error {
	running, err := l.process(server)
	if err != nil {
		return err
	}
	return running.Signal(s)
}

// process is the server's own process now.
func (l *Local) process(server string) (guard.Identity, error) {
	s, ok := l.run.Server(server)
	if !ok {
		return guard.Identity{}, fmt.Errorf("no server %q: %w", server, domain.ErrNotFound)
	}
	running, err := guard.ReadRunFile(s.RunFile)
	if err != nil {
		return guard.Identity{}, fmt.Errorf("find the process of server %s: %w", server, err)
	}
	return running.Identity, nil
}

// guardian is the process of the server's guard.
func (l *Local) guardian(server string) (guard.Identity, error) {
	run, err := up.Load(l.run.Dir)
	if err != nil {
		return guard.Identity{}, err
	}
	for _, p := range run.Processes {
		if p.Kind == up.KindGuard && p.Name == "guard-"+server {
			return p.Identity, nil
		}
	}
	return guard.Identity{}, fmt.Errorf("no guard of server %s: %w", server, domain.ErrNotFound)
}

// Cut implements Landscape.
func (l *Local) Cut(ctx context.Context, server, mode string) error {
	return l.control(ctx, "/relay/"+server, map[string]any{"mode": mode})
}

// Heal implements Landscape.
func (l *Local) Heal(ctx context.Context, server string) error { return l.Cut(ctx, server, "heal") }

// Revive implements Landscape.
func (l *Local) Revive(ctx context.Context, server string) error {
	return l.control(ctx, "/processes/guard-"+server+"/start", nil)
}

// Switchover implements Landscape.
func (l *Local) Switchover(ctx context.Context, from string) error {
	s, ok := l.run.Server(from)
	if !ok {
		return fmt.Errorf("no server %q: %w", from, domain.ErrNotFound)
	}
	_, err := l.servers[s.Name].Switchover(ctx, "")
	return err
}

// control asks the running `up`.
func (l *Local) control(ctx context.Context, path string, body any) error {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.run.Control+path, &payload)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	resp, err := l.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask up to steer %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("up does not do %s: %s: %s", path, resp.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
