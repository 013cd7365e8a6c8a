package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/broker"
	"github.com/understudy-io/understudy/infra/server"
)

// stage is a landscape inside the test: an embedded broker, two simulated
// devices, and as many servers as a test starts.
type stage struct {
	t       *testing.T
	ctx     context.Context
	broker  *broker.Broker
	hub     *videohub.Simulator
	gate    *httpdevice.Simulator
	gateURL string
	codec   *codec.Codec
	logger  *slog.Logger
}

const partitions = 4

func newStage(t *testing.T) *stage {
	t.Helper()
	level := slog.LevelError
	if os.Getenv("UNDERSTUDY_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	s := &stage{
		t: t, ctx: t.Context(), codec: codec.New("test", codec.Generate()),
		logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
	var err error
	s.broker, err = broker.Start(s.ctx, broker.Config{
		Folder: t.TempDir(), Landscape: "test", Listen: "127.0.0.1:0", Partitions: partitions, Unsynced: true,
	}, s.logger)
	must(t, err)
	t.Cleanup(func() { _ = s.broker.Close() })
	s.hub, err = videohub.NewSimulator(videohub.SimOptions{Addr: ownAddress(), Inputs: 40, Outputs: 40})
	must(t, err)
	t.Cleanup(func() { _ = s.hub.Close() })
	s.gate = httpdevice.NewSimulator(httpdevice.SimOptions{})
	web := httptest.NewServer(s.gate.Handler())
	t.Cleanup(web.Close)
	s.gateURL = web.URL
	return s
}

// ownAddress is one of the loopback that nobody else has: a server of another test, in
// another process, may still look for a router that had the same port before.
func ownAddress() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1:0" // the only one
	}
	return fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
}

func (s *stage) devices() []domain.Definition {
	return []domain.Definition{
		{
			Device: "videohub-1", Driver: domain.DriverVideohub, Address: s.hub.Addr(), Inputs: 40, Outputs: 40,
			ConfirmWithin: time.Second, StandbyPolling: true, OnReconnect: domain.Adopt,
		},
		{
			Device: "gate-1", Driver: domain.DriverHTTP, Address: s.gateURL, ConfirmWithin: time.Second,
			StandbyPolling: true, OnReconnect: domain.Adopt,
			Verbs: []domain.Verb{{Name: "pulse", Effect: domain.OneShot, Method: "POST", URL: "/pulse"}},
		},
	}
}

// member is a running server of the stage.
type member struct {
	*server.Server
	name string
	stop context.CancelFunc
	done chan error
}

func (s *stage) start(name string) *member {
	s.t.Helper()
	return s.startWith(name, func(*server.Options) {})
}

func (s *stage) startWith(name string, change func(*server.Options)) *member {
	s.t.Helper()
	open := func() *kafka.Log {
		l, err := kafka.Open(kafka.Config{Brokers: []string{s.broker.Address()}, ClientID: name}, s.logger)
		must(s.t, err)
		s.t.Cleanup(func() { _ = l.Close() })
		return l
	}
	m := &member{name: name, done: make(chan error, 1)}
	dial := (&net.Dialer{}).DialContext
	options := server.Options{
		Landscape: "test", Partitions: partitions, Devices: s.devices(),
		Election: election.Config{Member: name, Incarnation: uuid.NewString(), Address: "http://127.0.0.1:1"},
		Control:  open(), Data: open(), Codec: s.codec,
		Drivers: map[domain.DriverName]domain.Driver{
			domain.DriverVideohub: videohub.New(videohub.Options{Logger: s.logger, Dial: dial}),
			domain.DriverHTTP:     httpdevice.New(httpdevice.Options{Dial: dial}),
		},
		Logger: s.logger.With("server", name),
	}
	change(&options)
	m.Server = server.New(options)
	ctx, cancel := context.WithCancel(s.ctx)
	m.stop = cancel
	go func() { m.done <- m.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		select {
		case <-m.done:
		case <-time.After(20 * time.Second):
			stacks := make([]byte, 1<<20)
			s.t.Errorf("%s does not end:\n%s", name, stacks[:runtime.Stack(stacks, true)])
		}
	})
	return m
}

// primary waits until one of the servers acts and all are ready.
func (s *stage) primary(members ...*member) *member {
	s.t.Helper()
	var found *member
	s.eventually("a primary acts and all servers are ready", func() error {
		found = nil
		for _, m := range members {
			st, err := m.Status(s.ctx)
			if err != nil {
				return err
			}
			if !st.Server.Ready {
				return fmt.Errorf("%s is %s: %v", m.name, st.Server.State, st.Server.Reasons)
			}
			if len(st.Servers) < len(members) {
				return fmt.Errorf("%s sees %d servers", m.name, len(st.Servers))
			}
			for _, other := range st.Servers {
				if !other.Ready {
					return fmt.Errorf("%s sees %s as %s", m.name, other.Name, other.State)
				}
			}
			if st.Server.Role == httpapi.RolePrimary {
				found = m
			}
		}
		if found == nil {
			return fmt.Errorf("no primary")
		}
		return nil
	})
	return found
}

func (s *stage) eventually(what string, check func() error) {
	s.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-s.ctx.Done():
			s.t.Fatal(s.ctx.Err())
		}
	}
}

// end waits until a server has ended by itself, and gives its error.
func (s *stage) end(m *member) error {
	s.t.Helper()
	select {
	case err := <-m.done:
		m.done <- nil
		return err
	case <-time.After(15 * time.Second):
		s.t.Fatalf("%s goes on", m.name)
		return nil
	}
}

func (s *stage) submit(m *member, device, uid string, p domain.Payload) httpapi.Result {
	s.t.Helper()
	r, err := m.Submit(s.ctx, httpapi.Command{Device: device, UID: uid, Payload: p, Created: time.Now()}, 5*time.Second)
	must(s.t, err)
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
