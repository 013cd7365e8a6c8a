package socket_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// pair is a connection over the loopback, and the device's end of it.
func pair(t *testing.T, o socket.Options) (*socket.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	conn, err := socket.New(near, o)
	if err != nil {
		t.Fatal(err)
	}
	return conn, far
}

func open() error { return nil }

func TestSocketOptionsAreSet(t *testing.T) {
	conn, _ := pair(t, socket.Options{UserTimeout: 321 * time.Millisecond, SendBuffer: 8192})
	raw, err := conn.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                string
		level, option, want int
	}{
		{"TCP_USER_TIMEOUT in ms", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 321},
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_SNDBUF, which the kernel doubles", unix.SOL_SOCKET, unix.SO_SNDBUF, 16384},
	} {
		var got int
		if err := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), c.level, c.option) }); err != nil || got != c.want {
			t.Errorf("%s = %d (%v), want %d", c.name, got, err, c.want)
		}
	}
}

func TestWhatTheGateRefusesDoesNotLeave(t *testing.T) {
	near, far := pair(t, socket.Options{})
	if n, err := near.Send([]byte("stale"), func() error { return domain.ErrFenced }); n != 0 || !errors.Is(err, domain.ErrFenced) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := near.Send([]byte("fresh"), open); n != 5 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	near.Close()
	if got, err := io.ReadAll(far); string(got) != "fresh" || err != nil {
		t.Errorf("the device has got %q, %v", got, err)
	}
}

// A device that does not read: what does not fit is an error at once, is never sent
// later, and what the kernel holds goes with the connection.
func TestWhatTheKernelDoesNotTakeAtOnceNeverLeaves(t *testing.T) {
	near, far := pair(t, socket.Options{SendBuffer: 4096})
	part, sent := []byte(strings.Repeat("x", 1<<10)), 0
	began := time.Now()
	for full := 0; full < 3; { // a device that has not read yet may make room once more
		n, err := near.Send(part, open)
		sent += n
		switch {
		case err == nil:
			full = 0
		case !errors.Is(err, socket.ErrFull) || time.Since(began) > 5*time.Second:
			t.Fatalf("%d of %d bytes: %v", n, len(part), err)
		default:
			if near.Unacknowledged() {
				full++
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	near.Abort()
	if n, err := io.Copy(io.Discard, far); int(n) > sent || !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the device has read %d of %d bytes, %v", n, sent, err)
	}
	if near.Unacknowledged() {
		t.Error("a connection that is gone holds something")
	}
}

// What is no socket of the system is asked for in the same way.
func TestAWriteToWhatIsNoSocketIsBounded(t *testing.T) {
	one, other := net.Pipe()
	defer other.Close()
	conn, err := socket.New(one, socket.Options{WriteTimeout: 20 * time.Millisecond, UserTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Send([]byte("x"), func() error { return domain.ErrFenced }); n != 0 || !errors.Is(err, domain.ErrFenced) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := conn.Send([]byte("x"), open); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if !conn.Unacknowledged() {
		t.Error("nobody can know what a pipe holds")
	}
}
