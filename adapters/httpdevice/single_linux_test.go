package httpdevice

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

// narrow stands before a device that takes one connection at a time, and counts those
// that come while another one stands, as the kernel sees it.
type narrow struct {
	net.Listener
	last     net.Conn
	calls    atomic.Int64
	overlaps atomic.Int64
}

func (n *narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err != nil {
		return nil, err
	}
	n.calls.Add(1)
	if n.last != nil && stands(n.last) {
		n.overlaps.Add(1)
	}
	n.last = c
	return c, nil
}

func startNarrow(t *testing.T) *narrow {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	line := &narrow{Listener: l}
	web := &http.Server{Handler: NewSimulator(SimOptions{}).Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = web.Serve(line) }() // until it is closed
	t.Cleanup(func() { _ = web.Close() })
	return line
}

// stands says whether the other side has not ended a connection yet.
func stands(c net.Conn) (yes bool) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	const established = 1
	_ = raw.Control(func(fd uintptr) { // fails only for a closed one
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		yes = err == nil && info.State == established
	})
	return yes
}

// V25: with a device that only the primary connects to, readings and actions take turns
// on one connection at a time.
func TestADeviceThatTakesOneConnectionHasOne(t *testing.T) {
	line := startNarrow(t)
	for name, def := range map[string]domain.Definition{"that is read": definition(line.Addr().String()), "that has nothing to read": pulses(line.Addr().String())} {
		t.Run(name, func(t *testing.T) {
			def.StandbyPolling = false
			def.PollEvery = 10 * time.Millisecond
			if name == "that has nothing to read" {
				def.PollEvery = 0
			}
			link, r := open(t, Options{Dial: anyDial, ProbeEvery: 5 * time.Millisecond}, def)
			r.waitUp(t)
			ref := uint64(0)
			for until := time.Now().Add(500 * time.Millisecond); time.Now().Before(until); {
				ref++
				a := pulse(ref)
				if name == "that is read" && ref%2 == 0 {
					a = level(ref, "7")
				}
				if err := link.Emit(t.Context(), a, pass); err != nil {
					t.Fatal(err)
				}
				if got := r.answer(t, ref); got.Verdict >= domain.Rejected {
					t.Fatalf("action %d: %+v", ref, got)
				}
				if ref%8 == 0 {
					time.Sleep(20 * time.Millisecond) // it is looked at
				}
			}
			if n := line.overlaps.Load(); n > 0 {
				t.Errorf("%d of %d connections came while another one stood", n, line.calls.Load())
			}
		})
	}
	if n := line.calls.Load(); n < 4 {
		t.Errorf("%d connections were made, nothing is shown by that", n)
	}
}

// doorkept is a sink that says whether a connection may be made.
type doorkept struct {
	*recorder
	shut  atomic.Bool
	asked atomic.Int64
}

func (d *doorkept) MayConnect() error {
	d.asked.Add(1)
	if d.shut.Load() {
		return errors.New("no lease")
	}
	return nil
}

// V25: a server that may not act opens no connection to such a device, neither to read
// it nor for an action.
func TestNoConnectionIsMadeWithoutAsking(t *testing.T) {
	line := startNarrow(t)
	for name, def := range map[string]domain.Definition{"that is read": definition(line.Addr().String()), "that has nothing to read": pulses(line.Addr().String())} {
		t.Run(name, func(t *testing.T) {
			def.StandbyPolling = false
			door := &doorkept{recorder: newRecorder()}
			door.shut.Store(true)
			before := line.calls.Load()
			link, err := New(Options{Dial: anyDial, BackoffMin: time.Millisecond, BackoffMax: 2 * time.Millisecond}).Open(def, door)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = link.Close() }()
			door.waitDown(t)
			door.wait(t, "it to ask some more", func() bool { return door.asked.Load() > 5 })
			if err := link.Emit(t.Context(), pulse(1), pass); !errors.Is(err, domain.ErrNotSent) {
				t.Errorf("an action: %v", err)
			}
			if n := line.calls.Load() - before; n > 0 {
				t.Errorf("%d connections were made", n)
			}
			door.shut.Store(false)
			door.waitUp(t)
		})
	}
}
