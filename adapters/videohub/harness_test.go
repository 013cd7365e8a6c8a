package videohub

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// patience bounds every wait of these tests.
const patience = 10 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && !nothingRuns() {
		os.Stderr.WriteString("goroutines of this package are left over:\n" + ourStacks() + "\n")
		code = 1
	}
	os.Exit(code)
}

// nothingRuns waits until no link, simulator or client of one is left.
func nothingRuns() bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ourStacks() == "" {
			return true
		}
	}
	return false
}

func ourStacks() string {
	buf := make([]byte, 4<<20)
	var ours []string
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, mark := range []string{"(*Link)", "(*session)", "(*Simulator)", "(*simClient)"} {
			if strings.Contains(g, "videohub."+mark) {
				ours = append(ours, g)
				break
			}
		}
	}
	return strings.Join(ours, "\n\n")
}

// listener is a sink that remembers.
type listener struct {
	mu      sync.Mutex
	log     []string // "up", "down <cause>", "full", "part"
	isUp    bool
	values  map[domain.Target]string
	full    []domain.Value
	answers []domain.Answered
	busy    bool
	overlap bool
}

func (l *listener) enter() func() {
	l.mu.Lock()
	l.overlap = l.overlap || l.busy
	l.busy = true
	l.mu.Unlock()
	for range 20 {
		runtime.Gosched() // room for a second one to come in
	}
	l.mu.Lock()
	return func() { l.busy = false; l.mu.Unlock() }
}

func (l *listener) Up(detail string) {
	defer l.enter()()
	l.log, l.isUp = append(l.log, "up "+detail), true
}

func (l *listener) Down(cause string) {
	defer l.enter()()
	l.log, l.isUp = append(l.log, "down "+cause), false
}

func (l *listener) Reported(values []domain.Value, full bool) {
	defer l.enter()()
	if full {
		l.values, l.full = map[domain.Target]string{}, slices.Clone(values)
		l.log = append(l.log, "full")
	} else {
		l.log = append(l.log, "part")
	}
	for _, v := range values {
		l.values[v.Target] = v.Value
	}
}

func (l *listener) Answered(a domain.Answered) {
	defer l.enter()()
	l.log, l.answers = append(l.log, "answered"), append(l.answers, a)
}

// await polls until the condition holds.
func (l *listener) await(t *testing.T, what string, ok func(*listener) bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Microsecond) {
		l.mu.Lock()
		done := ok(l)
		history := slices.Clone(l.log)
		l.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no %s; heard %q", what, history)
		}
	}
}

func (l *listener) awaitUp(t *testing.T) {
	t.Helper()
	l.await(t, "Up", func(l *listener) bool { return l.isUp })
}

func (l *listener) awaitDown(t *testing.T, cause string) {
	t.Helper()
	l.await(t, "Down with "+cause, func(l *listener) bool {
		return slices.ContainsFunc(l.log, func(e string) bool { return strings.HasPrefix(e, "down ") && strings.Contains(e, cause) })
	})
}

func (l *listener) awaitValue(t *testing.T, target domain.Target, value string) {
	t.Helper()
	l.await(t, string(target)+" = "+value, func(l *listener) bool { return l.values[target] == value })
}

func (l *listener) awaitAnswer(t *testing.T, ref uint64) domain.Answered {
	t.Helper()
	var a domain.Answered
	l.await(t, "answer", func(l *listener) bool {
		i := slices.IndexFunc(l.answers, func(a domain.Answered) bool { return a.Ref == ref })
		if i >= 0 {
			a = l.answers[i]
		}
		return i >= 0
	})
	return a
}

func (l *listener) count(prefix string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.log {
		if strings.HasPrefix(e, prefix) {
			n++
		}
	}
	return n
}

// anyDial has nothing between the driver and the device.
var anyDial = (&net.Dialer{}).DialContext

// quick are options with which a test does not wait long.
func quick() Options {
	return Options{Dial: anyDial, BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond, Settle: 50 * time.Millisecond}
}

// from dials from a local address, so that the router takes it for another client.
func from(host string) func(context.Context, string, string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	return d.DialContext
}

func link(t *testing.T, addr string, o Options) (*Link, *listener) {
	t.Helper()
	return linkOf(t, definition(addr), o)
}

func linkOf(t *testing.T, def domain.Definition, o Options) (*Link, *listener) {
	t.Helper()
	sink := &listener{values: map[domain.Target]string{}}
	l, err := New(o).Open(def, sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if sink.overlap {
			t.Error("the sink was called by two goroutines at a time")
		}
	})
	return l.(*Link), sink
}

func definition(addr string) domain.Definition {
	return domain.Definition{Device: "hub", Driver: domain.DriverVideohub, Address: addr}
}

// signal is a sink that tells of reports only.
type signal struct{ reported chan struct{} }

func (signal) Up(string)                       {}
func (signal) Down(string)                     {}
func (signal) Answered(domain.Answered)        {}
func (s signal) Reported([]domain.Value, bool) { s.reported <- struct{}{} }

func simulator(t *testing.T, o SimOptions) *Simulator {
	t.Helper()
	s, err := NewSimulator(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// peer is a hand-written server: handle is called with each connection and its
// number, and the connection is closed when it returns.
func peer(t *testing.T, handle func(conn net.Conn, n int)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	running.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			running.Go(func() { defer conn.Close(); handle(conn, n) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Logf("peer: %v", err)
	}
}

// hear reads until the text was received, or the connection ends.
func hear(conn net.Conn, text string) string {
	buf, got := make([]byte, 4096), ""
	for !strings.Contains(got, text) {
		n, err := conn.Read(buf)
		got += string(buf[:n])
		if err != nil {
			break
		}
	}
	return got
}

// when waits for the test's cue, or for the test's end.
func when(t *testing.T, cue <-chan struct{}) {
	select {
	case <-cue:
	case <-t.Context().Done():
	}
}

// cue lets a peer go on that waits for it.
func cue(t *testing.T, ch chan<- struct{}) {
	t.Helper()
	select {
	case ch <- struct{}{}:
	case <-time.After(patience):
		t.Fatal("the peer does not wait for a cue")
	}
}

// toEnd reads until the other side ends the connection.
func toEnd(conn net.Conn) string { return hear(conn, "\x00never") }

func pass() error { return nil }

func take(ref uint64, pairs ...int) domain.Action {
	a := domain.Action{Ref: ref, UID: "u", Effect: domain.Absolute}
	var salvo domain.Salvo
	for i := 0; i < len(pairs); i += 2 {
		salvo.Takes = append(salvo.Takes, domain.Take{Destination: pairs[i], Source: pairs[i+1]})
		a.Wishes = append(a.Wishes, domain.Value{
			Target: domain.CrosspointTarget("video", pairs[i]), Value: itoa(pairs[i+1]),
		})
	}
	a.Payload = salvo
	return a
}

func emit(t *testing.T, l *Link, a domain.Action) {
	t.Helper()
	if err := l.Emit(t.Context(), a, pass); err != nil {
		t.Fatal(err)
	}
}
