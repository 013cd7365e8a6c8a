package server_test

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/server"
)

// party stands before a router that takes one connection at a time, and counts
// those that come while another one still stands, as the kernel sees it: the
// router itself may notice the end of one later.
type party struct {
	listener net.Listener
	calls    atomic.Int64
	overlaps atomic.Int64
}

func newParty(t *testing.T, router string) *party {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	p := &party{listener: l}
	go func() {
		var last net.Conn
		for {
			in, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			p.calls.Add(1)
			if last != nil && stands(t, last) {
				p.overlaps.Add(1)
			}
			last = in
			out, err := net.Dial("tcp", router)
			if err != nil {
				t.Error(err)
				return
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out) }()
		}
	}()
	return p
}

// stands says whether the other side has not ended a connection yet.
func stands(t *testing.T, c net.Conn) (yes bool) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Error(err)
		return false
	}
	const established = 1
	_ = raw.Control(func(fd uintptr) { // fails only for a closed one
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		yes = err == nil && info.State == established
	})
	return yes
}

func TestAWarmDeviceIsConnectedToByThePrimaryAlone(t *testing.T) {
	s := newStage(t)
	line := newParty(t, s.hub.Addr())
	warm := func(o *server.Options) {
		o.Devices = s.devices()
		o.Devices[0].Address = line.listener.Addr().String()
		o.Devices[0].StandbyPolling = false
	}
	a := s.startWith("A", warm)
	s.primary(a)
	b := s.startWith("B", warm)
	for i := range 5 {
		p := s.primary(a, b)
		if r := s.submit(p, "videohub-1", fmt.Sprint("u", i), domain.Take{Destination: 1, Source: i + 2}); r.Outcome != domain.Confirmed {
			t.Errorf("route %d ended %s %s", i, r.Outcome, r.Detail)
		}
		_, err := p.Switchover(s.ctx, "test", "")
		must(t, err)
	}
	s.primary(a, b)
	if calls := line.calls.Load(); calls < 5 {
		t.Errorf("the router was called %d times, want one for each of 5 primaries at least", calls)
	}
	if n := line.overlaps.Load(); n > 0 {
		t.Errorf("the router was called %d times while another connection stood", n)
	}
	must(t, s.broker.Close())
	s.eventually("nobody is connected without a lease", func() error {
		if n := s.hub.Clients(); n != 0 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
}
