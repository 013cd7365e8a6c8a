package httpdevice

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-io/understudy/domain"
)

// slowDevice accepts connections and takes only a few bytes of each until read
// is closed. It gives the number of bytes that the first one brought.
func slowDevice(t *testing.T, read <-chan struct{}) (address string, total <-chan int64) {
	t.Helper()
	small := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 2048) })
	}}
	l, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sum := make(chan int64, 10)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				<-read
				if n, _ := io.Copy(io.Discard, c); n > 0 { // a probe brings nothing
					sum <- n
				}
			}()
		}
	}()
	return l.Addr().String(), sum
}

// letter is a one-shot with a body of 30 kB.
func letter(address string) (domain.Definition, domain.Action) {
	def := pulses(address)
	def.Verbs[0] = domain.Verb{Name: "letter", Effect: domain.OneShot, Method: "POST", URL: "/letter", Body: strings.Repeat("x", 30_000), Timeout: 5 * time.Second}
	def.ConfirmWithin = 5 * time.Second
	return def, domain.Action{Ref: 1, UID: "l", Effect: domain.OneShot, Payload: domain.Invoke{Verb: "letter"}}
}

// G2: what the kernel does not take whole ends the connection, with what it has taken.
// Its valve would not be asked for the rest.
func TestAWriteThatTheKernelDoesNotTakeWholeEndsTheConnection(t *testing.T) {
	read := make(chan struct{})
	address, total := slowDevice(t, read)
	def, action := letter(address)
	l, sink := open(t, Options{Dial: func(ctx context.Context, network, to string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, to)
		if err == nil {
			err = c.(*net.TCPConn).SetWriteBuffer(4096)
		}
		return c, err
	}}, def)
	sink.waitUp(t)
	asked := 0
	if err := l.Emit(t.Context(), action, func() error { asked++; return nil }); !errors.Is(err, domain.ErrUnknownFate) || asked != 1 {
		t.Errorf("Emit = %v after %d questions, want an unknown fate after one", err, asked)
	}
	close(read)
	if n := <-total; n >= 30_000 {
		t.Errorf("all %d bytes arrived", n)
	}
}

func TestALapseResetsAConnectionOnlyIfBytesAreUnderWay(t *testing.T) {
	dev := newByteDevice(t)
	l, sink := open(t, Options{}, pulses(dev.address()))
	sink.waitUp(t)
	if err := l.Emit(t.Context(), pulse(1), pass); err != nil {
		t.Fatal(err)
	}
	r := dev.request(t)
	l.ResetUnacknowledged() // the device has all, and owes the answer
	r.reply(t, "HTTP/1.1 204 No Content\r\n\r\n")
	if a := sink.answer(t, 1); a.Verdict != domain.Done {
		t.Errorf("answer %+v", a)
	}
	read := make(chan struct{})
	address, total := slowDevice(t, read)
	def, action := letter(address)
	l, sink = open(t, Options{}, def)
	sink.waitUp(t)
	if err := l.Emit(t.Context(), action, pass); err != nil {
		t.Fatal(err)
	}
	l.ResetUnacknowledged()
	if a := sink.answer(t, 1); a.Verdict != domain.NoAnswer {
		t.Errorf("answer %+v, want none", a)
	}
	close(read)
	if n := <-total; n >= 30_000 {
		t.Errorf("all %d bytes arrived after the reset", n)
	}
	sink.wait(t, "the loss, before the answer, and the return", func() bool {
		down, answered := -1, -1
		for i, e := range sink.events {
			if strings.HasPrefix(e, "down") {
				down = i
			}
			if strings.HasPrefix(e, "answered") {
				answered = i
			}
		}
		return sink.up && down >= 0 && down < answered
	})
}

// What is reported before a Refresh is answered was read since, and nothing that
// was read before comes later.
func TestARefreshIsAnsweredByAReadingThatBeganAfterIt(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, definition(sim.Addr().String()))
	sink.waitUp(t)
	setFault(t, sim, Fault{Mode: FaultLate, Delay: 100 * time.Millisecond, Times: 1, Reads: true})
	reads := func() (n uint64) {
		for _, of := range sim.State().Reads {
			n += of
		}
		return n
	}
	before := reads()
	if err := l.Refresh(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	sink.wait(t, "a reading to be under way", func() bool { return reads() > before })
	if err := sim.Set("level", "9"); err != nil { // its answer is on the way, with the old value
		t.Fatal(err)
	}
	if err := l.Refresh(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	if a := sink.answer(t, 8); a.Verdict != domain.Fresh {
		t.Errorf("answer %+v", a)
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	last := ""
	for _, e := range sink.events {
		if strings.HasPrefix(e, "answered {Ref:8 ") {
			break
		}
		last = e
	}
	if !strings.HasPrefix(last, "reported [{parameter/level 9}]") {
		t.Errorf("before the answer came %q", last)
	}
}
