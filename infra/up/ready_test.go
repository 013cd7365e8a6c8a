package up_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/infra/up"
)

// said collects the lines of an up.
type said struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (s *said) printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.lines, format+"\n", args...)
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.String()
}

// A server that cannot listen, because somebody took its port after all had been found
// free, is named with its own words while the others wait for it.
func TestWhoIsWaitedForIsSaidWithWhatItSaidLast(t *testing.T) {
	t.Setenv(envMute, "B")
	opts := options(t.TempDir(), freeBase(t))
	var out said
	opts.Printf = out.printf
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		u, err := up.Start(ctx, opts)
		if err == nil {
			err = u.Stop()
		}
		ended <- err
	}()
	eventually(t, "it says for whom it waits", func() bool { return strings.Contains(out.text(), "still waiting") })
	cancel()
	if err := <-ended; err == nil {
		t.Error("it was ready without B")
	}
	for _, want := range []string{"still waiting: server B is not ready", "server B does not answer at http://127.0.0.1:", "address already in use"} {
		if !strings.Contains(out.text(), want) {
			t.Errorf("%q does not say %q", out.text(), want)
		}
	}
}

// A server that was removed for good stays out, and the others need not.
func TestItStartsWithoutTheServersThatStayOut(t *testing.T) {
	t.Setenv(envOut, "C")
	dir := t.TempDir()
	opts := options(dir, freeBase(t))
	var out said
	opts.Printf = out.printf
	u, err := up.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	run, err := up.Load(dir)
	if err := errors.Join(err, u.Stop()); err != nil {
		t.Fatal(err)
	}
	if len(run.Servers) != 2 || !strings.Contains(out.text(), "C was removed; it stays out") {
		t.Errorf("it runs %+v, and said %q", run.Servers, out.text())
	}

	t.Setenv(envOut, "ABC")
	if _, err := up.Start(t.Context(), options(t.TempDir(), freeBase(t))); err == nil || !strings.Contains(err.Error(), "no server is left") {
		t.Errorf("without any server: %v", err)
	}
}

// Ports that the system gives to outgoing connections are warned about, and never proposed.
func TestPortsThatMayBeTakenAreWarnedAbout(t *testing.T) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Skip("this system does not tell which ports it gives to outgoing connections: ", err)
	}
	var first, last int
	if _, err := fmt.Sscan(string(b), &first, &last); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // one of them
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	opts := options(t.TempDir(), min(l.Addr().(*net.TCPAddr).Port-1, 65435))
	var out said
	opts.Printf = out.printf
	_, err = up.Start(t.Context(), opts)
	if err == nil {
		t.Fatal("it started on a busy port")
	}
	if !strings.Contains(out.text(), fmt.Sprintf("warning: this machine gives the ports %d to %d to outgoing connections", first, last)) {
		t.Errorf("it warns with %q", out.text())
	}
	_, after, _ := strings.Cut(err.Error(), "--port-base ")
	var base int
	if _, err := fmt.Sscan(strings.TrimRight(strings.Fields(after)[0], ":"), &base); err != nil || base <= last && base+100 > first {
		t.Errorf("it proposes %d, %v", base, err)
	}
}

func TestALeaseOfLessThanNothingIsRefused(t *testing.T) {
	o := up.Options{Dir: t.TempDir(), PortBase: 17500, Servers: 3, MinTTL: -5 * time.Millisecond}
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "--min-ttl -5ms") {
		t.Errorf("%v", err)
	}
}
