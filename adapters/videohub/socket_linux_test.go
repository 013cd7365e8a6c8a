package videohub

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSocketOptionsAreSet(t *testing.T) {
	addr := peer(t, func(c net.Conn, _ int) { toEnd(c) })
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := Options{UserTimeout: 321 * time.Millisecond, SendBuffer: 8192}.withDefaults()
	if err := tune(conn, &o); err != nil {
		t.Fatal(err)
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
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

func BenchmarkEmitToReport(b *testing.B) {
	sim, err := NewSimulator(SimOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	reported := make(chan struct{}, 1)
	l, err := New(Options{Dial: anyDial}).Open(definition(sim.Addr()), signal{reported})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	<-reported
	n := 0
	for b.Loop() {
		n++
		if err := l.Emit(b.Context(), take(uint64(n), 1, 1+n%40), pass); err != nil {
			b.Fatal(err)
		}
		<-reported
	}
}
