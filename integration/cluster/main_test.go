package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

var folder string // for all that the tests write

// brokersVariable names an Apache Kafka to run the landscapes on, as host:port,...,
// instead of the embedded broker.
const brokersVariable = "UNDERSTUDY_KAFKA"

// onKafka are the arguments with which up uses it, each time for a new landscape.
func onKafka() []string {
	named := os.Getenv(brokersVariable)
	if named == "" {
		return nil
	}
	return []string{"--kafka", named, "--landscape", fmt.Sprintf("cluster-%d", time.Now().UnixNano())}
}

// needsEmbedded skips a test of the embedded broker: of what it does when it is
// stopped, or when its disk is full.
func needsEmbedded(t *testing.T) {
	t.Helper()
	if os.Getenv(brokersVariable) != "" {
		t.Skip("it stops the embedded broker or fills its disk, and " + brokersVariable + " names another")
	}
}

// program is the built one.
var program = sync.OnceValue(func() string {
	path, err := cluster.Build(context.Background(), folder)
	if err != nil {
		panic(err)
	}
	return path
})

// shared is the landscape of all tests that leave it as they found it.
var shared struct {
	once sync.Once
	l    *cluster.Landscape
	err  error
}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "understudy-cluster-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if shared.l != nil {
		if err := shared.l.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "the landscape of the tests did not end in good order:", err)
			code = max(code, 1)
		}
	}
	if code == 0 {
		err = os.RemoveAll(folder)
	} else {
		fmt.Fprintln(os.Stderr, "the landscapes' folders, with their logs, are kept in", folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// stage is a landscape with the test that plays on it.
type stage struct {
	*cluster.Landscape
	t        *testing.T
	producer *cluster.Producer
	began    int64
}

// common gives the shared landscape, whole and without faults.
func common(t *testing.T) *stage {
	t.Helper()
	shared.once.Do(func() {
		shared.l, shared.err = cluster.Start(context.Background(), program(), filepath.Join(folder, "shared"), onKafka()...)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	s := newStage(t, shared.l)
	s.heal()
	t.Cleanup(s.healAtEnd)
	return s
}

// own starts a landscape for one test alone.
func own(t *testing.T, more ...string) *stage {
	t.Helper()
	dir, err := os.MkdirTemp(folder, "own-")
	if err != nil {
		t.Fatal(err)
	}
	l, err := cluster.Start(t.Context(), program(), dir, append(onKafka(), more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop() })
	return newStage(t, l)
}

func newStage(t *testing.T, l *cluster.Landscape) *stage {
	s := &stage{Landscape: l, t: t, producer: l.NewProducer(), began: time.Now().UnixNano()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.Log(15))
		}
	})
	return s
}

// heal ends all faults and waits until everything is as at the start.
func (s *stage) heal() {
	s.t.Helper()
	s.no(s.healFor(s.t.Context()))
}

func (s *stage) healAtEnd() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.healFor(ctx); err != nil {
		s.t.Errorf("the landscape is not whole again: %v", err)
	}
}

func (s *stage) healFor(ctx context.Context) error {
	err := errors.Join(
		s.Steer(ctx, "/restarts", `{"on":true}`),
		s.Steer(ctx, "/processes/"+up.VideohubID+"/start", ""),
		s.Steer(ctx, "/processes/"+up.GateID+"/start", ""),
	)
	for _, server := range s.Run.Servers {
		err = errors.Join(err, s.Steer(ctx, "/processes/guard-"+server.Name+"/start", ""), s.Steer(ctx, "/relay/"+server.Name, `{"mode":"heal"}`))
	}
	if err != nil {
		return err
	}
	for { // a simulator that has just been started takes a moment
		err = errors.Join(s.HubPost(ctx, "/faults", `{"mode":"none"}`), s.GateFault(ctx, `{}`))
		if err == nil {
			break
		}
		if !pause(ctx) {
			return err
		}
	}
	for {
		_, err = s.Settled(ctx)
		if err == nil {
			err = s.devicesUp(ctx)
		}
		if err == nil || !pause(ctx) {
			return err
		}
	}
}

func (s *stage) devicesUp(ctx context.Context) error {
	for _, server := range s.Run.Servers {
		devices, err := httpapi.NewClient([]string{server.Address}, "").Devices(ctx)
		if err != nil {
			return err
		}
		if len(devices) != len(s.Run.Devices) {
			return fmt.Errorf("server %s knows %d devices", server.Name, len(devices))
		}
		for _, d := range devices {
			if !d.Connected {
				return fmt.Errorf("server %s sees %s as not connected: %s", server.Name, d.ID, d.ConnectionDetail)
			}
		}
	}
	return nil
}

// pause is the pace of every poll; false if there is no time left.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(10 * time.Millisecond):
		return true
	}
}

// no fails the test if there is an error.
func (s *stage) no(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// eventually polls until check finds nothing any more.
func (s *stage) eventually(what string, check func() error) {
	s.t.Helper()
	patience := 20 * time.Second
	if !s.Run.Embedded() { // three brokers share the machine with three servers
		patience = time.Minute
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		if !pause(ctx) {
			s.t.Fatalf("%s: %v", what, err)
		}
	}
}

// cli runs a command line that must end with that exit code.
func (s *stage) cli(code int, args ...string) cluster.Said {
	s.t.Helper()
	said := s.CLI(s.t.Context(), args...)
	if said.Code != code {
		s.t.Fatalf("want exit code %d: %s", code, said)
	}
	return said
}

// result runs a command line that prints a result.
func (s *stage) result(code int, args ...string) httpapi.Result {
	s.t.Helper()
	return read[httpapi.Result](s, s.cli(code, append(args, "-o", "json")...))
}

func read[T any](s *stage, said cluster.Said) T {
	s.t.Helper()
	v, err := cluster.JSON[T](said)
	s.no(err)
	return v
}

// outcome waits until a command has its outcome, as any server tells it.
func (s *stage) outcome(device, uid string) httpapi.Result {
	s.t.Helper()
	client := s.client()
	var r httpapi.Result
	s.eventually("command "+uid+" has an outcome", func() (err error) {
		if r, err = client.Command(s.t.Context(), device, uid); err == nil && r.OutcomeAt == nil {
			err = fmt.Errorf("it has none: %+v", r)
		}
		return err
	})
	return r
}

func (s *stage) client() *httpapi.Client {
	s.t.Helper()
	token, err := s.Token()
	s.no(err)
	var all []string
	for _, server := range s.Run.Servers {
		all = append(all, server.Address)
	}
	return httpapi.NewClient(all, token)
}

// primary names the server that acts, once all are ready.
func (s *stage) primary() string {
	s.t.Helper()
	name, err := s.Settled(s.t.Context())
	s.no(err)
	return name
}

// device is what a server shows of a device, without what depends on the server
// and the moment.
func (s *stage) device(server, id string) string {
	s.t.Helper()
	d := read[map[string]any](s, s.cli(0, "state", "get", id, "--server", server, "-o", "json"))
	delete(d, "server")
	b, err := json.Marshal(d)
	s.no(err)
	return string(b)
}

// sameEverywhere waits until all servers show a device alike, and gives it.
func (s *stage) sameEverywhere(id string) httpapi.Device {
	s.t.Helper()
	var d httpapi.Device
	s.eventually("all servers show "+id+" alike", func() error {
		first := s.device(s.Run.Servers[0].Name, id)
		for _, other := range s.Run.Servers[1:] {
			if shown := s.device(other.Name, id); shown != first {
				return fmt.Errorf("%s shows\n%s\nand %s shows\n%s", s.Run.Servers[0].Name, first, other.Name, shown)
			}
		}
		return json.Unmarshal([]byte(first), &d)
	})
	return d
}

// proven checks that all servers hold the state that the log gives.
func (s *stage) proven() *cluster.Audit {
	s.t.Helper()
	var audit *cluster.Audit
	s.eventually("the servers hold the state that the log gives", func() error {
		running, err := s.Agreed(s.t.Context())
		if err != nil {
			return err
		}
		if audit, err = s.Audit(s.t.Context()); err != nil {
			return err
		}
		return audit.Proves(running)
	})
	return audit
}

// ended waits until every command has its outcome, and then checks what proven does.
func (s *stage) ended() *cluster.Audit {
	s.t.Helper()
	s.eventually("everything has its outcome", func() error {
		audit, err := s.Audit(s.t.Context())
		if err == nil && audit.Pending() > 0 {
			err = fmt.Errorf("%d are pending", audit.Pending())
		}
		return err
	})
	return s.proven()
}

func cell(d httpapi.Device, t domain.Target) (desired, reported string) {
	for _, c := range d.Cells {
		if c.Target != t {
			continue
		}
		if c.Desired != nil {
			desired = *c.Desired
		}
		if c.Reported != nil {
			reported = *c.Reported
		}
	}
	return desired, reported
}

// uid makes one that nobody else uses, also if the test runs again.
func (s *stage) uid(name string) string {
	test := strings.ReplaceAll(s.t.Name(), "/", "-")
	return fmt.Sprintf("%.70s-%x-%s", test, s.began, name)
}
