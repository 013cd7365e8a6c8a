package videohub

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// wellAfter serves nonsense on the first connection and a router on the others.
func wellAfter(t *testing.T, first func(net.Conn)) string {
	return peer(t, func(conn net.Conn, n int) {
		if n == 0 {
			first(conn)
			return
		}
		say(t, conn, newFirmware)
		toEnd(conn)
	})
}

func TestWhatAHostilePeerDoesEndsInDownAndANewConnection(t *testing.T) {
	endless := strings.Repeat("x", 32<<10)
	for _, c := range []struct {
		name, cause string
		options     func(*Options)
		first       func(net.Conn)
	}{
		{"closes at once", "closed the connection", nil, func(net.Conn) {}},
		{"resets", "connection reset", nil, func(c net.Conn) { say(t, c, preamble23); socket.Abort(c) }},
		{"says nothing", "no complete state came within 40ms", func(o *Options) { o.PreludeTimeout = 40 * time.Millisecond }, func(c net.Conn) { toEnd(c) }},
		{"is another service", "no complete state came", func(o *Options) { o.PreludeTimeout, o.AssemblyTimeout = 40*time.Millisecond, time.Hour }, func(c net.Conn) {
			say(t, c, "SSH-2.0-OpenSSH_9.9\r\n")
			toEnd(c)
		}},
		{"stops in a block", "half a block came", func(o *Options) { o.AssemblyTimeout = 40 * time.Millisecond }, func(c net.Conn) {
			say(t, c, preamble23+smallDevice+"VIDEO OUTPUT ROUTING:\n0 1\n")
			toEnd(c)
		}},
		{"stops in a line", "half a block came", func(o *Options) { o.AssemblyTimeout = 40 * time.Millisecond }, func(c net.Conn) {
			say(t, c, preamble23+smallDevice+smallState+"VIDEO OUT")
			toEnd(c)
		}},
		{"never ends a line", "a line without an end", nil, func(c net.Conn) {
			for range 1000 {
				if _, err := c.Write([]byte(endless)); err != nil {
					return
				}
			}
			t.Error("32 MB of one line were taken")
		}},
		{"never ends a block", "a block without an end", nil, func(c net.Conn) {
			for range 100_000 {
				if _, err := c.Write([]byte("VIDEO OUTPUT ROUTING:\n0 1\n0 2\n0 3\n0 4\n0 5\n0 6\n")); err != nil {
					return
				}
			}
			t.Error("an endless block was taken")
		}},
		{"never ends its prelude", "no complete state came", func(o *Options) { o.PreludeTimeout = 40 * time.Millisecond }, func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("VIDEO INPUT STATUS:\n0 BNC\n\n")); err != nil {
					return
				}
			}
		}},
		{"sends garbage", "bytes that are not text", nil, func(c net.Conn) { say(t, c, preamble23+"\x00\x01\xff\n"); toEnd(c) }},
		{"speaks another major version", "version 3.0 is not supported", nil, func(c net.Conn) {
			say(t, c, "PROTOCOL PREAMBLE:\nVersion: 3.0\n\n")
			toEnd(c)
		}},
		{"needs an update", "needs a firmware update", nil, func(c net.Conn) {
			say(t, c, preamble23+"VIDEOHUB DEVICE:\nDevice present: needs_update\n\n")
		}},
		{"has no router", "no router attached", nil, func(c net.Conn) {
			say(t, c, preamble23+"VIDEOHUB DEVICE:\nDevice present: false\n\n")
		}},
		{"restarts in the middle of a block", "closed the connection", nil, func(c net.Conn) {
			say(t, c, preamble23+smallDevice+"VIDEO OUTPUT ROUTING:\n0 ")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := quick()
			if c.options != nil {
				c.options(&o)
			}
			_, sink := link(t, wellAfter(t, c.first), o)
			sink.awaitDown(t, c.cause)
			sink.awaitUp(t)
			if got := sink.values[domain.CrosspointTarget("video", 1)]; got != "2" {
				t.Errorf("source %q, want 2 as the good peer says", got)
			}
			if len(sink.full) != 2+2+2+3 {
				t.Errorf("%d values, want 9 and none of the bad peer", len(sink.full))
			}
		})
	}
}

func TestAPeerThatStopsAnsweringIsFoundByPing(t *testing.T) {
	addr := wellAfter(t, func(c net.Conn) { say(t, c, newFirmware); toEnd(c) })
	o := quick()
	o.PingEvery, o.AnswerTimeout = 20*time.Millisecond, 30*time.Millisecond
	_, sink := link(t, addr, o)
	sink.awaitDown(t, "no answer to PING within 30ms")
}

func TestPingKeepsAHealthyConnection(t *testing.T) {
	sim := simulator(t, SimOptions{})
	o := quick()
	o.PingEvery = 2 * time.Millisecond
	_, sink := link(t, sim.Addr(), o)
	sink.awaitUp(t)
	for end := time.Now().Add(patience); len(sim.Writes(0, 100)) < 20; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no 20 PINGs")
		}
	}
	for _, w := range sim.Writes(0, 20) {
		if w.Text != "PING:\n\n" {
			t.Errorf("a link by itself wrote %q", w.Text)
		}
	}
	if n := sink.count("down"); n != 0 {
		t.Errorf("%d Downs", n)
	}
}

func TestActionsUnderWayGetNoAnswerAfterDown(t *testing.T) {
	written := make(chan struct{})
	addr := wellAfter(t, func(c net.Conn) { say(t, c, newFirmware); when(t, written) })
	l, sink := link(t, addr, quick())
	sink.awaitUp(t)
	emit(t, l, take(1, 1, 1))
	emit(t, l, take(2, 2, 1))
	close(written)
	for _, ref := range []uint64{1, 2} {
		if got := sink.awaitAnswer(t, ref); got.Verdict != domain.NoAnswer {
			t.Errorf("%d: %+v, want NoAnswer", ref, got)
		}
	}
	order := strings.Join(sink.log[2:5], ",")
	if !strings.HasPrefix(order, "down ") || !strings.HasSuffix(order, "answered,answered") {
		t.Errorf("heard %q, want Down and then both answers", order)
	}
}

func TestNotConnectedIsNotSentAtOnce(t *testing.T) {
	addr := peer(t, func(c net.Conn, _ int) { say(t, c, preamble23); toEnd(c) })
	l, _ := link(t, addr, quick())
	err := l.Emit(t.Context(), take(1, 1, 1), func() error { t.Error("the gate was asked"); return nil })
	if !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("error %v, want ErrNotSent", err)
	}
	if err := l.Refresh(t.Context(), 7); !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("refresh: error %v, want ErrNotSent", err)
	}
}

func TestACancelledSendingIsNotSent(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Emit(ctx, take(1, 1, 2), pass); !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("error %v, want ErrNotSent", err)
	}
	sink.awaitDown(t, "called off")
	sink.awaitUp(t) // so that it can be tried again
}

// faulty is a connection whose writes fail as told.
type faulty struct {
	net.Conn
	armed *atomic.Bool
	n     int
	err   error
}

func (f faulty) Write(p []byte) (int, error) {
	if !f.armed.Load() {
		return f.Conn.Write(p)
	}
	f.armed.Store(false)
	n, _ := f.Conn.Write(p[:f.n])
	return n, f.err
}

func TestAFailedWriteTellsWhatMayHaveLeft(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		err  error
		want error
	}{
		{"nothing", 0, os.ErrDeadlineExceeded, domain.ErrNotSent},
		{"a part", 9, os.ErrDeadlineExceeded, domain.ErrUnknownFate},
		{"all but an end", 25, nil, domain.ErrUnknownFate},
		{"nothing, by the kernel's own check", 0, os.ErrPermission, domain.ErrFenced},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim := simulator(t, SimOptions{})
			o := quick()
			armed := new(atomic.Bool)
			o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				return faulty{conn, armed, c.n, c.err}, err
			}
			l, sink := link(t, sim.Addr(), o)
			sink.awaitUp(t)
			if err := l.Emit(t.Context(), take(1, 5, 3), func() error { return domain.ErrFenced }); !errors.Is(err, domain.ErrFenced) {
				t.Errorf("the gate refused, and the error is %v", err)
			}
			if n := len(sim.Writes(0, 10)); n != 0 {
				t.Errorf("%d requests passed the gate", n)
			}
			armed.Store(true)
			err := l.Emit(t.Context(), take(1, 5, 3), pass)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			sink.awaitDown(t, "write: ")
			sink.awaitUp(t)
			emit(t, l, take(2, 5, 4))
			if got := sink.awaitAnswer(t, 2); got.Verdict != domain.Acknowledged {
				t.Errorf("answer %+v", got)
			}
			if len(sink.answers) != 1 {
				t.Errorf("answers %+v: what Emit has told is told again", sink.answers)
			}
		})
	}
}

func TestWhatTheKernelDoesNotTakeIsNeverSentLater(t *testing.T) {
	read, total := make(chan struct{}), make(chan string, 1)
	addr := peer(t, func(conn net.Conn, n int) {
		if n > 0 {
			return
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(2048)
		say(t, conn, newFirmware)
		when(t, read)
		total <- toEnd(conn)
	})
	o := quick()
	o.SendBuffer, o.AnswerTimeout, o.WriteTimeout = 4096, time.Hour, 8*time.Second
	o.UserTimeout = -1
	l, sink := link(t, addr, o)
	sink.awaitUp(t)
	var pairs []int
	for i := 1; i <= 288; i++ {
		pairs = append(pairs, i, 1)
	}
	var err error
	began, accepted := time.Now(), 0
	for ref := uint64(1); err == nil && ref < maxWaiting; ref++ {
		a := take(ref, pairs...)
		if err = l.Emit(t.Context(), a, pass); err == nil {
			block, _ := encode(nil, &a)
			accepted += len(block)
		}
	}
	if !errors.Is(err, domain.ErrUnknownFate) && !errors.Is(err, domain.ErrNotSent) {
		t.Fatalf("error %v, want ErrNotSent or ErrUnknownFate", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to find that the peer does not read", took)
	}
	close(read)
	if got := len(<-total); got >= accepted {
		t.Errorf("%d bytes arrived of %d: the reset left what this kernel held", got, accepted)
	}
}

func TestManyUnansweredRequestsAreBounded(t *testing.T) {
	addr := wellAfter(t, func(c net.Conn) { say(t, c, newFirmware); toEnd(c) })
	o := quick()
	o.AnswerTimeout = time.Hour
	l, sink := link(t, addr, o)
	sink.awaitUp(t)
	for ref := uint64(1); ; ref++ {
		if err := l.Emit(t.Context(), take(ref, 1, 1), pass); err != nil {
			if ref != maxWaiting+1 || !errors.Is(err, domain.ErrNotSent) {
				t.Errorf("number %d: %v", ref, err)
			}
			break
		}
	}
	sink.awaitAnswer(t, maxWaiting)
}

func TestRefusedConnectionsAreToldOnce(t *testing.T) {
	sim := simulator(t, SimOptions{})
	if err := sim.SetFault(Fault{Mode: FaultRefuse}); err != nil {
		t.Fatal(err)
	}
	var dials atomic.Int32
	o := quick()
	o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	_, sink := link(t, sim.Addr(), o)
	sink.awaitDown(t, "connection refused")
	for end := time.Now().Add(patience); dials.Load() < 5; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not try again")
		}
	}
	if n := sink.count("down"); n != 1 {
		t.Errorf("%d Downs for one cause", n)
	}
	if err := sim.SetFault(Fault{Mode: FaultNone}); err != nil {
		t.Fatal(err)
	}
	sink.awaitUp(t)
}

func TestThePauseBeforeANewConnectionGrowsToItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var dials []time.Duration
		o := Options{
			Now: func() domain.Mono { return time.Since(began) },
			Dial: func(context.Context, string, string) (net.Conn, error) {
				dials = append(dials, time.Since(began))
				return nil, errors.New("nobody there")
			},
		}
		l, _ := link(t, "127.0.0.1:1", o)
		time.Sleep(time.Minute) // of the bubble
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		different := map[time.Duration]bool{}
		for i := 1; i < len(dials); i++ {
			full := min(50*time.Millisecond<<min(i-1, 10), 2*time.Second)
			pause := dials[i] - dials[i-1]
			if pause < full/2-time.Millisecond || pause > full {
				t.Errorf("pause %d is %s, want %s to %s", i, pause, full/2, full)
			}
			different[pause] = true
		}
		if len(dials) < 30 || len(different) < 20 {
			t.Errorf("%d attempts in a minute with %d different pauses", len(dials), len(different))
		}
	})
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	dialling, returned := make(chan struct{}), new(atomic.Bool)
	o := quick()
	o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		for range 100 {
			runtime.Gosched()
		}
		returned.Store(true)
		return nil, ctx.Err()
	}
	l, sink := link(t, "127.0.0.1:1", o)
	<-dialling
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if !returned.Load() {
		t.Error("Close returned while a dial was under way")
	}
	if len(sink.log) != 0 {
		t.Errorf("heard %q after Close", sink.log)
	}
}

func TestCloseWhileItIsBusy(t *testing.T) {
	sim := simulator(t, SimOptions{})
	for name, addr := range map[string]string{"connected": sim.Addr(), "nobody there": "127.0.0.1:1", "silent": peer(t, func(c net.Conn, _ int) { toEnd(c) })} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				l, _ := link(t, addr, quick())
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				if err := l.Emit(t.Context(), take(1, 1, 1), pass); !errors.Is(err, domain.ErrNotSent) {
					t.Errorf("after Close: %v, want ErrNotSent", err)
				}
				l.Reset()
			}
		})
	}
}
