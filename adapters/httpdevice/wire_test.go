package httpdevice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// What leaves is compared with a request written by hand.
func TestARequestOnTheWire(t *testing.T) {
	dev := newByteDevice(t)
	def := pulses("http://" + dev.address() + "/base/")
	def.Verbs[0] = domain.Verb{
		Name: "pulse", Effect: domain.OneShot, Method: "PUT", Args: []string{"n", "v"},
		URL: "/gates/{{path .n}}?by={{query .uid}}", Body: `{"v":{{literal .v}}}`,
	}
	l, sink := open(t, Options{}, def)
	sink.waitUp(t)
	a := domain.Action{Ref: 1, UID: "p 1%", Payload: domain.Invoke{Verb: "pulse", Args: map[string]string{"n": "a/b", "v": "7", "more": "ignored"}}}
	if err := l.Emit(t.Context(), a, pass); err != nil {
		t.Fatal(err)
	}
	r := dev.request(t)
	h := r.request.Header
	if r.request.Method != http.MethodPut || r.request.RequestURI != "/base/gates/a%2Fb?by=p+1%25" || r.body != `{"v":7}` ||
		r.request.Host != dev.address() || h.Get("Idempotency-Key") != "p%201%25" || h.Get("Content-Type") != "application/json" {
		t.Errorf("received %s %s, host %s, header %v, body %s", r.request.Method, r.request.RequestURI, r.request.Host, h, r.body)
	}
	r.reply(t, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	if got := sink.answer(t, 1); got.Verdict != domain.Done {
		t.Errorf("answer %+v", got)
	}
}

func TestAnswersThatADeviceMayGive(t *testing.T) {
	tests := map[string]struct {
		answer  string
		verdict domain.Verdict
		detail  string
		ends    bool // the device closes the connection behind it
	}{
		"no content":                      {"HTTP/1.1 204 No Content\r\n\r\n", domain.Done, "204", false},
		"accepted":                        {"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", domain.Done, "202", false},
		"chunked":                         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", domain.Done, "200", false},
		"HTTP/1.0, body to the end":       {"HTTP/1.0 200 OK\r\n\r\nhello", domain.Done, "200", true},
		"an error with a text":            {"HTTP/1.1 422 No\r\nContent-Length: 9\r\n\r\ntoo loud\n", domain.Rejected, "422: too loud", false},
		"an error with a text too long":   {"HTTP/1.1 500 No\r\nContent-Length: 5000\r\n\r\n" + strings.Repeat("x", 5000), domain.Rejected, "500: " + strings.Repeat("x", maxDetail), false},
		"an error, cut":                   {"HTTP/1.1 500 No\r\nContent-Length: 50\r\n\r\nhalf", domain.Rejected, "500: half", true},
		"interim answers without end":     {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50), domain.NoAnswer, "interim answers only", false},
		"half a header":                   {"HTTP/1.1 200 OK\r\nContent-", domain.NoAnswer, "not HTTP", true},
		"a header larger than the limit":  {"HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 2*MaxHeader) + "\r\n\r\n", domain.NoAnswer, "header is larger", false},
		"nothing at all":                  {"", domain.NoAnswer, "closed the connection", true},
		"a body larger than the limit":    {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 2*MaxAnswer, strings.Repeat("x", 2*MaxAnswer)), domain.Done, "200", false},
		"an answer and something unasked": {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 No\r\n\r\n", domain.Done, "204", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dev := newByteDevice(t)
			l, sink := open(t, Options{}, pulses(dev.address()))
			sink.waitUp(t)
			if err := l.Emit(t.Context(), pulse(1), pass); err != nil {
				t.Fatal(err)
			}
			r := dev.request(t)
			_, _ = r.conn.Write([]byte(test.answer)) // the driver may have heard enough before the end
			if test.ends {
				_ = r.conn.(*net.TCPConn).CloseWrite()
			}
			if got := sink.answer(t, 1); got.Verdict != test.verdict || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("answer %+v, want verdict %d and %q", got, test.verdict, test.detail)
			}
			if err := l.Emit(t.Context(), pulse(2), pass); err != nil {
				t.Fatal(err)
			}
			dev.request(t).reply(t, "HTTP/1.1 204 No Content\r\n\r\n")
			if got := sink.answer(t, 2); got.Verdict != domain.Done {
				t.Errorf("the next action: %+v", got)
			}
		})
	}
}

func TestADeviceBehindTLSAndTheGateOverIt(t *testing.T) {
	sim := NewSimulator(SimOptions{})
	server := httptest.NewUnstartedServer(sim.Handler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it would tell of the probes
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	l, sink := open(t, Options{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}, definition(server.URL))
	sink.waitUp(t)
	if err := l.Emit(t.Context(), pulse(1), func() error { return domain.ErrFenced }); !errors.Is(err, domain.ErrFenced) {
		t.Errorf("Emit = %v, want fenced", err)
	}
	if err := l.Emit(t.Context(), level(2, "3"), pass); err != nil {
		t.Fatal(err)
	}
	sink.wait(t, "the value", func() bool { return sink.values["parameter/level"] == "3" })
	if n := sim.State().Writes; n != 1 {
		t.Errorf("the device received %d requests, want 1", n)
	}
	untrusting, deaf := open(t, Options{}, pulses(server.URL))
	deaf.waitUp(t) // a probe sees the connection alone
	if err := untrusting.Emit(t.Context(), pulse(3), pass); !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("Emit to an untrusted device = %v, want not sent", err)
	}
}

// valveConn is a connection under the kernel's valve.
type valveConn struct {
	net.Conn
	shut *atomic.Bool
}

func (c valveConn) Write(p []byte) (int, error) {
	if c.shut.Load() {
		return 0, &net.OpError{Op: "write", Err: syscall.EPERM}
	}
	return c.Conn.Write(p)
}

func TestAWriteThatTheKernelRefusesIsFencedAndTheNextDialsAnew(t *testing.T) {
	sim := startSimulator(t)
	var shut atomic.Bool
	shut.Store(true)
	o := Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return valveConn{c, &shut}, err
	}, DialRead: (&net.Dialer{}).DialContext}
	l, sink := open(t, o, pulses(sim.Addr().String()))
	sink.waitUp(t)
	if err := l.Emit(t.Context(), pulse(1), pass); !errors.Is(err, domain.ErrFenced) {
		t.Errorf("Emit = %v, want fenced", err)
	}
	shut.Store(false)
	if err := l.Emit(t.Context(), pulse(2), pass); err != nil {
		t.Fatal(err)
	}
	if a := sink.answer(t, 2); a.Verdict != domain.Done {
		t.Errorf("answer %+v", a)
	}
}

func TestTheKernelIsToldHowLongToTry(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{UserTimeout: 300 * time.Millisecond}, pulses(sim.Addr().String()))
	sink.waitUp(t)
	if err := l.Emit(t.Context(), pulse(1), pass); err != nil {
		t.Fatal(err)
	}
	sink.answer(t, 1)
}

func TestAReadThatFailsIsALossAndSaysWhere(t *testing.T) {
	tests := map[string]struct {
		change func(*domain.Definition)
		want   string
	}{
		"no such place":     {func(d *domain.Definition) { d.Verbs[1].ReadURL = "/parameters/none" }, "404"},
		"no such member":    {func(d *domain.Definition) { d.Verbs[1].ReadAt = "/none" }, `no member "none"`},
		"nobody is at home": {func(d *domain.Definition) { d.Address = "127.0.0.1:1" }, "refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sim := startSimulator(t)
			def := definition(sim.Addr().String())
			test.change(&def)
			_, sink := open(t, Options{}, def)
			sink.waitDown(t)
			sink.mu.Lock()
			defer sink.mu.Unlock()
			if !strings.Contains(sink.events[0], test.want) {
				t.Errorf("the sink heard %q, want %q", sink.events, test.want)
			}
		})
	}
}

func TestAReadThatIsRedirectedOrTooLargeIsALoss(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /good", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"value": 1}`) })
	mux.Handle("GET /moved", http.RedirectHandler("/good", http.StatusFound))
	mux.HandleFunc("GET /large", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"value": 1%s}`, strings.Repeat(" ", MaxAnswer))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for place, want := range map[string]string{"/moved": "302", "/large": "larger than", "/good": ""} {
		def := definition(server.URL)
		def.Verbs[1].ReadURL = place
		_, sink := open(t, Options{}, def)
		sink.wait(t, "news", func() bool { return len(sink.events) > 0 })
		sink.mu.Lock()
		if first := sink.events[0]; strings.HasPrefix(first, "down") != (want != "") || !strings.Contains(first, want) {
			t.Errorf("%s: the sink heard %q, want %q", place, first, want)
		}
		sink.mu.Unlock()
	}
}

func TestADeviceThatSpeaksUnaskedIsConnectedAnew(t *testing.T) {
	dev := newByteDevice(t)
	l, sink := open(t, Options{}, pulses(dev.address()))
	sink.waitUp(t)
	if err := l.Emit(t.Context(), pulse(1), pass); err != nil {
		t.Fatal(err)
	}
	first := dev.request(t)
	first.reply(t, "HTTP/1.1 204 No Content\r\n\r\n")
	sink.answer(t, 1)
	first.reply(t, "HTTP/1.1 204 No Content\r\n\r\n")
	select {
	case <-first.gone:
	case <-time.After(5 * time.Second):
		t.Fatal("the connection was kept")
	}
	if err := l.Emit(t.Context(), pulse(2), pass); err != nil {
		t.Fatal(err)
	}
	dev.request(t).reply(t, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
	if got := sink.answer(t, 2); got.Verdict != domain.Rejected {
		t.Errorf("answer %+v, want the second request's own", got)
	}
}

func TestCloseWaitsForWhatStillRuns(t *testing.T) {
	var over atomic.Bool
	dialling := make(chan struct{})
	o := Options{DialRead: func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond) // a slow end, not a wait for anything
		over.Store(true)
		return nil, ctx.Err()
	}, DialTimeout: time.Minute}
	l, err := New(o).Open(pulses("127.0.0.1:1"), newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	<-dialling
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if !over.Load() {
		t.Error("Close returned before the probe had ended")
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	server := NewSimulator(SimOptions{})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []FaultMode{FaultNone, FaultSilent, FaultHalfOpen, FaultRefuse} {
		sink := newRecorder()
		def := definition(server.Addr().String())
		def.PollEvery = minPoll
		l, err := New(Options{Dial: anyDial}).Open(def, sink)
		if err != nil {
			t.Fatal(err)
		}
		sink.waitUp(t)
		if err := server.SetFault(Fault{Mode: mode, Reads: true}); err != nil {
			t.Fatal(err)
		}
		_ = l.Emit(t.Context(), pulse(1), pass) // whatever becomes of it
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		sink.mu.Lock()
		heard := len(sink.events)
		sink.mu.Unlock()
		if err := server.SetFault(Fault{}); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Emit(t.Context(), pulse(2), pass); !errors.Is(err, domain.ErrNotSent) {
			t.Errorf("Emit after Close = %v, want not sent", err)
		}
		sink.mu.Lock()
		if len(sink.events) != heard {
			t.Errorf("the sink was called after Close: %q", sink.events[heard:])
		}
		sink.mu.Unlock()
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(time.Millisecond)
	}
}

func BenchmarkEmitToAnswer(b *testing.B) {
	sim := NewSimulator(SimOptions{})
	if err := sim.Start("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sim.Close() }()
	sink := &chanSink{answers: make(chan domain.Answered, 1), up: make(chan struct{}, 1)}
	l, err := New(Options{Dial: anyDial}).Open(pulses(sim.Addr().String()), sink)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	<-sink.up
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		n++
		if err := l.Emit(b.Context(), pulse(n), pass); err != nil {
			b.Fatal(err)
		}
		<-sink.answers
	}
}

type chanSink struct {
	answers chan domain.Answered
	up      chan struct{}
}

func (s *chanSink) Up(string)                     { s.up <- struct{}{} }
func (s *chanSink) Down(string)                   {}
func (s *chanSink) Reported([]domain.Value, bool) {}
func (s *chanSink) Answered(a domain.Answered)    { s.answers <- a }
