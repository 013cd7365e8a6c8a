package relay_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/relay"
)

// silence is how long nothing must come through a cut.
const silence = 50 * time.Millisecond

// target hands out the connections that arrive behind the relay.
type target struct {
	net.Listener
	conns chan net.Conn
}

func newTarget(t *testing.T) *target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tg := &target{l, make(chan net.Conn, 10)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tg.conns <- c
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return tg
}

func (tg *target) next(t *testing.T) net.Conn {
	t.Helper()
	select {
	case c := <-tg.conns:
		t.Cleanup(func() { _ = c.Close() })
		return c
	case <-time.After(5 * time.Second):
		t.Fatal("no connection reached the target within 5 s")
		return nil
	}
}

func setUp(t *testing.T) (*relay.Relay, *target) {
	t.Helper()
	tg := newTarget(t)
	r, err := relay.New("127.0.0.1:0", tg.Addr().String(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, tg
}

func dial(t *testing.T, r *relay.Relay) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatalf("write %q: %v", s, err)
	}
}

func receive(t *testing.T, c net.Conn, want string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("received %q, %v; want %q", b, err, want)
	}
}

// quiet checks that nothing comes: no byte, no end, no reset.
func quiet(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(silence))
	n, err := c.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("received %d bytes and %v, want silence", n, err)
	}
}

func isReset(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v, want a reset", err)
	}
}

// refused checks that a new connection is reset, be it during its making.
func refused(t *testing.T, r *relay.Relay) {
	t.Helper()
	c, err := net.Dial("tcp", r.Address())
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	isReset(t, c)
}

func TestUncutItPassesBytesAndEndsBothWays(t *testing.T) {
	r, tg := setUp(t)
	c := dial(t, r)
	s := tg.next(t)
	send(t, c, "hello")
	receive(t, s, "hello")
	send(t, s, "world")
	receive(t, c, "world")

	_ = c.(*net.TCPConn).CloseWrite()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the client's end arrived as %v, want EOF", err)
	}
	send(t, s, "bye")
	receive(t, c, "bye")
}

func TestACutLosesWhatItsModeSays(t *testing.T) {
	for mode, passes := range map[relay.Mode]struct{ out, in bool }{
		relay.Drop: {false, false},
		relay.In:   {true, false},
		relay.Out:  {false, true},
	} {
		t.Run(string(mode), func(t *testing.T) {
			r, tg := setUp(t)
			c := dial(t, r)
			s := tg.next(t)
			send(t, c, "before")
			receive(t, s, "before")
			if err := r.Cut(mode); err != nil {
				t.Fatal(err)
			}

			one := func(from, to net.Conn, passes bool) {
				t.Helper()
				send(t, from, "x")
				if passes {
					receive(t, to, "x")
				} else {
					quiet(t, to)
				}
			}
			one(c, s, passes.out)
			one(s, c, passes.in)

			r.Heal()
			isReset(t, c)
			isReset(t, s)

			c = dial(t, r)
			s = tg.next(t)
			send(t, c, "after")
			receive(t, s, "after")
		})
	}
}

func TestTheEndOfAConnectionIsLostWithItsBytes(t *testing.T) {
	r, tg := setUp(t)
	c := dial(t, r)
	s := tg.next(t)
	if err := r.Cut(relay.Drop); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	quiet(t, s)
	r.Heal()
	isReset(t, s)
}

func TestANewConnectionDuringADropLeadsNowhere(t *testing.T) {
	r, tg := setUp(t)
	if err := r.Cut(relay.Drop); err != nil {
		t.Fatal(err)
	}
	c := dial(t, r)
	send(t, c, "lost")
	quiet(t, c)
	if len(tg.conns) != 0 {
		t.Fatal("the target was reached")
	}
	r.Heal()
	isReset(t, c)
	if len(tg.conns) != 0 {
		t.Fatal("the target was reached after the heal by a connection from before")
	}
}

func TestALossIsForGoodUntilTheConnectionIsReset(t *testing.T) {
	r, tg := setUp(t)
	c := dial(t, r)
	s := tg.next(t)
	if err := r.Cut(relay.Drop); err != nil {
		t.Fatal(err)
	}
	send(t, c, "lost")
	quiet(t, s)
	if err := r.Cut(relay.In); err != nil { // out is whole again, for others
		t.Fatal(err)
	}
	send(t, c, "more")
	quiet(t, s)
}

func TestAResetEndsAllAndRefusesNewOnes(t *testing.T) {
	r, tg := setUp(t)
	c := dial(t, r)
	s := tg.next(t)
	if err := r.Cut(relay.Reset); err != nil {
		t.Fatal(err)
	}
	isReset(t, c)
	isReset(t, s)
	refused(t, r)
	r.Heal()
	c = dial(t, r)
	send(t, c, "after")
	receive(t, tg.next(t), "after")
}

func TestATargetThatIsAwayResetsTheClient(t *testing.T) {
	r, tg := setUp(t)
	_ = tg.Close()
	refused(t, r)
}

func TestASlowRelayIsLateAndLosesNothing(t *testing.T) {
	r, tg := setUp(t)
	c := dial(t, r)
	s := tg.next(t)
	if err := r.Slow(silence * 2); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	send(t, c, "late")
	receive(t, s, "late")
	if took := time.Since(began); took < silence*2 {
		t.Errorf("it took %v", took)
	}
	r.Heal()
	send(t, c, "again")
	receive(t, s, "again") // on the same connection
	if err := r.Slow(relay.MaxDelay + 1); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a delay beyond the limit: %v", err)
	}
}

func TestModesThatAreNoneAreRefused(t *testing.T) {
	r, _ := setUp(t)
	for _, m := range []relay.Mode{"", "both", relay.Forward} {
		if err := r.Cut(m); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("cut %q: %v, want invalid", m, err)
		}
	}
	if r.Mode() != relay.Forward {
		t.Errorf("mode is %s after refusals", r.Mode())
	}
}

func TestCloseEndsWhatACutHeldOpen(t *testing.T) {
	r, tg := setUp(t)
	c := dial(t, r)
	s := tg.next(t)
	if err := r.Cut(relay.Drop); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	quiet(t, s)
	done := make(chan error, 1)
	go func() { done <- r.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Close hangs")
	}
}

// The price of the relay, to be seen beside the broker's round trip.
func BenchmarkRoundTrip(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	r, err := relay.New("127.0.0.1:0", l.Addr().String(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for name, addr := range map[string]string{"direct": l.Addr().String(), "relayed": r.Address()} {
		b.Run(name, func(b *testing.B) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			buf := make([]byte, 200)
			for b.Loop() {
				if _, err := c.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
