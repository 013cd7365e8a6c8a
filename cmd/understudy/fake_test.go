package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

// fakeServer is a server that remembers what it was asked and answers what it
// was told.
type fakeServer struct {
	mu       sync.Mutex
	name     string
	role     string
	status   httpapi.Status
	devices  []httpapi.Device
	doubts   []httpapi.Doubt
	result   httpapi.Result
	err      error
	commands []httpapi.Command
	verdicts []httpapi.Resolution
	moves    []string
	drift    httpapi.Drift
}

func (f *fakeServer) Status(context.Context) (httpapi.Status, error) {
	s := f.status
	s.Server.Name, s.Server.Role, s.Server.Ready = f.name, f.role, true
	return s, nil
}

func (f *fakeServer) Devices(context.Context) ([]httpapi.Device, error) { return f.devices, f.err }

func (f *fakeServer) Device(_ context.Context, id string) (httpapi.Device, error) {
	for _, d := range f.devices {
		if d.ID == id {
			d.Server = f.name
			return d, f.err
		}
	}
	return httpapi.Device{}, fmt.Errorf("no device %q is configured; `understudy state list` shows those that are: %w", id, domain.ErrNotFound)
}

func (f *fakeServer) Submit(_ context.Context, c httpapi.Command, _ time.Duration) (httpapi.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, c)
	r := f.result
	r.UID, r.Device, r.User = c.UID, c.Device, c.User
	return r, f.err
}

func (f *fakeServer) Command(_ context.Context, device, uid string) (httpapi.Result, error) {
	r := f.result
	r.UID, r.Device, r.User = uid, device, "anna"
	return r, f.err
}

func (f *fakeServer) Doubts(context.Context) ([]httpapi.Doubt, error) { return f.doubts, f.err }

func (f *fakeServer) Resolve(_ context.Context, user string, v httpapi.Resolution) (httpapi.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verdicts = append(f.verdicts, v)
	return httpapi.Result{UID: "resolution-1", Device: "gate-1", Outcome: domain.Confirmed, User: user}, f.err
}

func (f *fakeServer) Switchover(_ context.Context, user, to string) (httpapi.Move, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.role != httpapi.RolePrimary {
		return httpapi.Move{}, &httpapi.NotPrimary{Primary: f.status.Primary, Address: f.status.PrimaryAddress}
	}
	f.moves = append(f.moves, fmt.Sprintf("switchover by %s to %q", user, to))
	return httpapi.Move{From: f.name, To: "C", Epoch: 8, Took: 3.25}, f.err
}

func (f *fakeServer) Takeover(_ context.Context, user, reason, to string) (httpapi.Move, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves = append(f.moves, fmt.Sprintf("takeover by %s to %q: %s", user, to, reason))
	return httpapi.Move{From: "A", To: to, Epoch: 8, Took: 61.5}, f.err
}

// fakeLandscape is a folder with an up.json that names fake servers A (the
// primary) and B.
type fakeLandscape struct {
	dir  string
	a, b *fakeServer
	hide *strings.Replacer // what differs from run to run
}

const fakeToken = "7e57"

func newLandscape(t *testing.T) *fakeLandscape {
	t.Helper()
	before := programName
	programName = func() string { return "understudy" }
	t.Cleanup(func() { programName = before })

	l := &fakeLandscape{
		dir: t.TempDir(),
		a:   &fakeServer{name: "A", role: httpapi.RolePrimary},
		b:   &fakeServer{name: "B", role: httpapi.RoleSecondary},
	}
	verify := func(token string) (string, bool) { return "anna", token == fakeToken }
	addressA := serveFake(t, l.a, verify)
	addressB := serveFake(t, l.b, verify)
	l.a.fill(addressA, addressB)
	l.b.fill(addressA, addressB)
	l.hide = strings.NewReplacer(l.dir, "DIR", addressA, "http://127.0.0.1:AAAAA", addressB, "http://127.0.0.1:BBBBB")

	l.write(t, "token", "anna "+fakeToken+"\n")
	run := up.Run{
		Landscape: "main", Dir: l.dir, TokenFile: filepath.Join(l.dir, "token"), Kafka: []string{"127.0.0.1:1"},
		Servers: []up.Server{{Name: "A", Address: addressA}, {Name: "B", Address: addressB}},
	}
	b, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	l.write(t, up.FileName, string(b))
	return l
}

func serveFake(t *testing.T, f *fakeServer, verify func(string) (string, bool)) string {
	t.Helper()
	s := httptest.NewServer(httpapi.New(f, httpapi.Options{Verify: verify, Configuration: fakeConfiguration{server: f}}))
	t.Cleanup(s.Close)
	return s.URL
}

func (l *fakeLandscape) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// cli runs a command line against the landscape.
func (l *fakeLandscape) cli(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	return l.bare(t, in, append(args, "--dir", l.dir)...)
}

// bare runs a command line as it is.
func (l *fakeLandscape) bare(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(in), &o, &e)
	return code, l.hide.Replace(o.String()), l.hide.Replace(e.String())
}

// fill gives a server the same things to tell in every test.
func (f *fakeServer) fill(addressA, addressB string) {
	text := func(s string) *string { return &s }
	at := func(o int64) *domain.Position { return &domain.Position{Partition: 3, Offset: o} }
	take, _ := httpapi.WishOf(domain.Take{Destination: 10, Source: 7})
	pulse, _ := httpapi.WishOf(domain.Invoke{Verb: "pulse", Args: map[string]string{"ms": "200"}})
	f.result = httpapi.Result{
		Position: domain.Position{Partition: 3, Offset: 812}, OutcomeAt: at(815), Outcome: domain.Confirmed,
		Epoch: 7, Server: "A", Source: "/understudy/cli", Accepted: time.Date(2026, 1, 31, 20, 14, 7, 120e6, time.UTC),
		Steps: &httpapi.Steps{Sent: 0.41, Answered: 0.93, Confirmed: 1.27},
	}
	f.devices = []httpapi.Device{{
		ID: "gate-1", Driver: domain.DriverHTTP, Address: "http://127.0.0.1:17512", Position: domain.Position{Partition: 1, Offset: 40}, Doubts: 1,
	}, {
		ID: "videohub-1", Driver: domain.DriverVideohub, Address: "127.0.0.1:17510", Connected: true, ConnectionDetail: "Videohub 40x40",
		Inputs: 40, Outputs: 40, Position: domain.Position{Partition: 3, Offset: 900}, Epoch: 7,
		Cells: []httpapi.Cell{
			{Target: "crosspoint/video/10", Desired: text("7"), Reported: text("10"), Pending: true, Age: 2500, ReportedAt: at(20), DesiredUID: "u-10"},
			{Target: "crosspoint/video/2", Desired: text("2"), Reported: text("4"), Foreign: true, Age: 90, ReportedAt: at(30)},
			{Target: "label/input/1", Desired: text(""), Reported: text("")},
			{Target: "label/input/2", Desired: text("Cam\t3"), Reported: text("Cam\t3"), ReportedAt: at(31)},
			{Target: "lock/video/1", Reported: text(domain.LockOpen), ReportedAt: at(21)},
			{Target: "lock/video/2", Desired: text(domain.LockOwned), Reported: text(domain.LockOwned), ReportedAt: at(22), DesiredUID: "u-2"},
			{Target: "lock/video/3", Reported: text(domain.LockForeign), ReportedAt: at(23)},
			{Target: "lock/video/4"},
		},
		Pending: []httpapi.Pending{{UID: "u-10", Wish: take, Position: domain.Position{Partition: 3, Offset: 899}, Age: 150, ValidFor: 60_000, User: "anna"}},
	}}
	f.doubts = []httpapi.Doubt{{
		UID: "show7-cue12", Device: "gate-1", Wish: pulse, Position: domain.Position{Partition: 1, Offset: 30},
		At: domain.Position{Partition: 1, Offset: 33}, Since: time.Date(2026, 1, 31, 20, 14, 8, 0, time.UTC), Epoch: 6, Detail: "the connection ended",
	}}
	server := func(name, address, role string, seniority int64) httpapi.ServerStatus {
		return httpapi.ServerStatus{
			Name: name, Address: address, Role: role, State: "hot", Position: 940, HashOK: domain.HashOK,
			Seniority: seniority, Uptime: 3_723_000, Ready: true, Guarded: true, LastHeard: 12.5,
		}
	}
	primary := server("A", addressA, httpapi.RolePrimary, 4)
	primary.State, primary.Epoch = "primary", 7
	second := server("B", addressB, httpapi.RoleSecondary, 9)
	third := server("C", "http://127.0.0.1:9", httpapi.RoleSecondary, 11)
	third.HashOK, third.Guarded, third.Lag, third.LastHeard = domain.HashDiffers, false, 17, 4000
	f.status = httpapi.Status{
		Landscape: "main", Primary: "A", PrimaryAddress: addressA, Next: "B", Epoch: 7, LeaseTTL: 60, Valve: "process",
		ValveWhy: "no permission for BPF", Guarded: true, Servers: []httpapi.ServerStatus{primary, second, third},
		Counters: httpapi.Counters{Records: 940, Accepted: 200, Refused: 3, Duplicates: 2, DeadLetters: 1},
		Server:   httpapi.Self{State: "hot", Build: "0.1.0", Time: time.Date(2026, 1, 31, 20, 14, 9, 0, time.Local)},
	}
}
