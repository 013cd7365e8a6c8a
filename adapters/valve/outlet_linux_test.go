package valve_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/adapters/valve"
)

// checked makes a valve that looks at packets too, or skips the test where that
// cannot be had.
func checked(t *testing.T) *valve.Valve {
	t.Helper()
	v := open(t)
	err := v.Packets()
	switch {
	case err == nil:
	case os.Getenv("CI") != "" && os.Getuid() == 0:
		t.Fatalf("NOT TESTED, and root in CI can: %v", err)
	default:
		t.Skipf("NOT TESTED: %v", err)
	}
	return v
}

// slow is a device whose buffer is small, so that much waits in ours.
func slow(t *testing.T) *device {
	t.Helper()
	d := listen(t)
	raw, err := d.l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fill writes until the buffers are full, and gives how much that was.
func fill(t *testing.T, c net.Conn) (n int) {
	t.Helper()
	text := strings.Repeat("x", 8<<20)
	for n == 0 { // a busy machine may need longer than that to begin
		if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		var err error
		if n, err = io.WriteString(c, text); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes were written, %v; the buffers should have been full", n, err)
		}
	}
	_ = c.SetWriteDeadline(time.Time{})
	return n
}

// drain reads what arrives until nothing has for a while.
func drain(t *testing.T, c net.Conn, while time.Duration) (n int) {
	t.Helper()
	buf := make([]byte, 1<<16)
	for {
		_ = c.SetReadDeadline(time.Now().Add(while))
		got, err := c.Read(buf)
		n += got
		if err != nil {
			return n
		}
	}
}

// G2 behind the write: what waits in a buffer when the lease ends stays there.
func TestWhatWaitsInABufferDoesNotLeaveAfterTheEndOfTheLease(t *testing.T) {
	for name, end := range map[string]func(*valve.Valve){
		"it runs out":   func(v *valve.Valve) { v.Extend(boot()) },
		"a term's end":  (*valve.Valve).Shut,
		"it is revoked": func(v *valve.Valve) { v.Extend(0) },
	} {
		t.Run(name, func(t *testing.T) {
			v, d, n := checked(t), slow(t), 0
			ours, theirs := d.dial(t, line(t, v, valve.Kind{}))
			v.Extend(boot() + time.Minute)
			for block := strings.Repeat("x", 1000); n < 1<<20; n += len(block) { // bytes are counted from the first one on
				passes(t, ours, block)
				read(t, theirs, block)
			}
			written := fill(t, ours)
			end(v)
			arrived := drain(t, theirs, time.Second)
			if arrived >= written/2 {
				t.Errorf("%d bytes of %d arrived, most of them after the end of the lease", arrived, written)
			}
			if v.HeldBack() == 0 {
				t.Error("nothing was held back")
			}
		})
	}
}

// The control: with a lease that lives, and in the valve of a process, all of it
// arrives.
func TestWhatWaitsInABufferLeavesUnderTheLease(t *testing.T) {
	for name, v := range map[string]*valve.Valve{"with a lease": checked(t), "without a kernel's valve": valve.Plain()} {
		t.Run(name, func(t *testing.T) {
			d := slow(t)
			ours, theirs := d.dial(t, line(t, v, valve.Kind{}))
			v.Extend(boot() + time.Minute)
			written := fill(t, ours)
			if arrived := drain(t, theirs, time.Second); arrived != written {
				t.Errorf("%d bytes of %d arrived", arrived, written)
			}
		})
	}
}

// A lease that comes back, in the same term, lets go on what waited.
func TestWhatWaitsLeavesWhenTheLeaseComesBack(t *testing.T) {
	v, d := checked(t), slow(t)
	ours, theirs := d.dial(t, line(t, v, valve.Kind{}))
	v.Extend(boot() + time.Minute)
	written := fill(t, ours)
	v.Extend(0)
	before := drain(t, theirs, time.Second)
	v.Extend(boot() + time.Minute)
	if after := drain(t, theirs, time.Second); before+after != written {
		t.Errorf("%d and %d bytes of %d arrived", before, after, written)
	}
}

// The kernel does not ask about what follows a send that it has taken only in part. Such
// a connection is not to be written to any more; if somebody does, nothing of it leaves.
func TestWhatTheKernelWasNotAskedAboutDoesNotLeaveWithoutALease(t *testing.T) {
	for range 10 {
		v, d := checked(t), slow(t)
		ours, theirs := d.dial(t, line(t, v, valve.Kind{Questions: []string{"PING:\n\n"}}))
		v.Extend(boot() + time.Minute)
		written, arrived := 0, 0
		for range 3 {
			written += fill(t, ours)
			arrived += drain(t, theirs, 200*time.Millisecond)
		}
		if arrived != written {
			t.Fatalf("%d bytes of %d arrived under the lease", arrived, written)
		}
		v.Extend(0)
		for range 20 {
			_, _ = io.WriteString(ours, strings.Repeat("late", 500))
		}
		if late := drain(t, theirs, 200*time.Millisecond); late > 0 {
			t.Fatalf("%d bytes arrived without a lease", late)
		}
		_, _ = ours.Close(), theirs.Close()
	}
}

// Who has acted under a lease may ask without one.
func TestAQuestionLeavesAfterAnAction(t *testing.T) {
	v, d := checked(t), listen(t)
	ours, theirs := d.dial(t, line(t, v, valve.Kind{Questions: []string{"PING:\n\n"}}))
	passes(t, ours, "PING:\n\n")
	read(t, theirs, "PING:\n\n")
	v.Extend(boot() + time.Minute)
	passes(t, ours, "VIDEO OUTPUT ROUTING:\n1 2\n\n")
	read(t, theirs, "VIDEO OUTPUT ROUTING:\n1 2\n\n")
	v.Extend(0)
	passes(t, ours, "PING:\n\n")
	read(t, theirs, "PING:\n\n")
	if n := v.HeldBack(); n != 0 {
		t.Errorf("%d packets were held back", n)
	}
}

func TestIPv6IsCheckedAsWell(t *testing.T) {
	v := checked(t)
	l, err := net.Listen("tcp", "[::1]:0")
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Skip("NOT TESTED: there is no IPv6 here")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ours, err := line(t, v, valve.Kind{Questions: []string{"PING:\n\n"}})(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	v.Extend(boot() + time.Minute)
	passes(t, ours, "VIDEO OUTPUT ROUTING:\n1 2\n\n")
	read(t, theirs, "VIDEO OUTPUT ROUTING:\n1 2\n\n")
	v.Extend(0)
	passes(t, ours, "PING:\n\n")
	read(t, theirs, "PING:\n\n")
	v.Extend(boot() + time.Minute)
	written := fill(t, ours)
	v.Shut()
	if arrived := drain(t, theirs, time.Second); arrived >= written {
		t.Errorf("all %d bytes arrived", arrived)
	}
}
