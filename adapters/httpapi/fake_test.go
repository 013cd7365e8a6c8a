package httpapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// fake is a backend that remembers what it was asked and answers what it was told.
type fake struct {
	httpapi.Cluster
	httpapi.Letters
	mu       sync.Mutex
	name     string
	role     string
	ready    bool
	checks   []httpapi.SelfCheck
	err      error
	result   httpapi.Result
	commands []httpapi.Command
	waits    []time.Duration
	verdicts []httpapi.Resolution
	moves    []string
	hold     chan struct{} // if set, commands wait for it
	held     atomic.Int32  // commands that wait for it, or did
}

func newFake(name string) *fake {
	return &fake{name: name, role: httpapi.RoleSecondary, ready: true, result: httpapi.Result{Outcome: domain.Confirmed}}
}

func (f *fake) fail() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *fake) Status(context.Context) (httpapi.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := httpapi.Status{Landscape: "main", Valve: "process", Server: httpapi.Self{Name: f.name, Role: f.role, Ready: f.ready, Checks: f.checks}}
	if !f.ready {
		s.Server.Reasons = []string{"the log does not answer"}
	}
	return s, f.err
}

func (f *fake) Admit(_ context.Context, in httpapi.JoinRequest) (httpapi.Admission, error) {
	return httpapi.Admission{Landscape: "main", Secrets: []httpapi.Secret{{Name: httpapi.SecretKeys, Content: "of " + in.Server}}}, f.fail()
}

func (f *fake) Devices(context.Context) ([]httpapi.Device, error) { return nil, f.fail() }

func (f *fake) Device(_ context.Context, id string) (httpapi.Device, error) {
	if err := f.fail(); err != nil {
		return httpapi.Device{}, err
	}
	if id != "videohub-1" {
		return httpapi.Device{}, fmt.Errorf("device %s is not configured: state list shows all: %w", id, domain.ErrNotFound)
	}
	return httpapi.Device{ID: id, Driver: domain.DriverVideohub, Server: f.name}, nil
}

func (f *fake) Submit(ctx context.Context, c httpapi.Command, wait time.Duration) (httpapi.Result, error) {
	if f.hold != nil {
		f.held.Add(1)
		select {
		case <-f.hold:
		case <-ctx.Done():
			return httpapi.Result{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands, f.waits = append(f.commands, c), append(f.waits, wait)
	r := f.result
	r.UID, r.Device, r.User = c.UID, c.Device, c.User
	return r, f.err
}

func (f *fake) Command(_ context.Context, device, uid string) (httpapi.Result, error) {
	return httpapi.Result{UID: uid, Device: device, Outcome: domain.Confirmed}, f.fail()
}

func (f *fake) Doubts(context.Context) ([]httpapi.Doubt, error) { return nil, f.fail() }

func (f *fake) Resolve(_ context.Context, user string, v httpapi.Resolution) (httpapi.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verdicts = append(f.verdicts, v)
	r := f.result
	r.UID, r.User = v.ResolutionUID, user
	return r, f.err
}

func (f *fake) Switchover(_ context.Context, user, to string) (httpapi.Move, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves = append(f.moves, "switchover by "+user+" to "+to)
	return httpapi.Move{From: f.name, To: to, Epoch: 8}, f.err
}

func (f *fake) Takeover(_ context.Context, user, reason, to string) (httpapi.Move, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves = append(f.moves, "takeover by "+user+" because "+reason+" to "+to)
	return httpapi.Move{From: "A", To: f.name, Epoch: 9}, f.err
}

var _ httpapi.Backend = (*fake)(nil)

const goodToken = "s3cret"

func verify(token string) (string, bool) { return "anna", token == goodToken }

// later gives another time at each call, on whatever server.
func later() time.Time { return time.Unix(1_700_000_000+ticks.Add(1), 0).UTC() }

var ticks atomic.Int64

// serve puts the API of a backend on a loopback address.
func serve(t *testing.T, b httpapi.Backend) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(httpapi.New(b, httpapi.Options{
		Verify: verify, Logger: slog.New(slog.DiscardHandler), Build: "test",
		Now: later,
	}))
	t.Cleanup(s.Close)
	return s
}

// redirects is a server that is not the primary.
type redirects struct {
	*fake
	primary string
}

func (r redirects) Switchover(context.Context, string, string) (httpapi.Move, error) {
	return httpapi.Move{}, &httpapi.NotPrimary{Primary: "A", Address: r.primary}
}

// ready says that it is, whatever else fails.
type ready struct{ *fake }

func (r ready) Status(context.Context) (httpapi.Status, error) {
	return httpapi.Status{Server: httpapi.Self{Name: r.name, Role: r.role, Ready: true}}, nil
}
