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
	"github.com/understudy-io/understudy/domain"
)

// open makes a valve, or skips the test where the kernel or the permission is
// missing. Root in CI must have both.
func open(t *testing.T) *valve.Valve {
	t.Helper()
	v, err := valve.Open()
	switch {
	case err == nil:
		t.Cleanup(v.Close)
		return v
	case os.Getenv("CI") != "" && os.Getuid() == 0:
		t.Fatalf("NOT TESTED, and root in CI can: %v", err)
	}
	t.Skipf("NOT TESTED: %v", err)
	return nil
}

// device is who is written to.
type device struct {
	l     net.Listener
	peers chan net.Conn
}

func listen(t *testing.T) *device {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &device{l, make(chan net.Conn, 16)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.peers <- c
		}
	}()
	return d
}

// dial connects, and gives both ends.
func (d *device) dial(t *testing.T, dial valve.DialFunc) (ours, theirs net.Conn) {
	t.Helper()
	ours, err := dial(t.Context(), "tcp", d.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs = <-d.peers
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return ours, theirs
}

func line(t *testing.T, v *valve.Valve, k valve.Kind) valve.DialFunc {
	t.Helper()
	dial, err := v.Dial((&net.Dialer{}).DialContext, k)
	if err != nil {
		t.Fatal(err)
	}
	return dial
}

func boot() domain.Mono {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}

// passes writes, and checks that it is let through.
func passes(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Errorf("%q did not pass: %v", text, err)
	}
}

func refused(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if n, err := io.WriteString(c, text); n != 0 || !errors.Is(err, syscall.EACCES) {
		t.Errorf("%q: %d bytes, %v; want it refused", text, n, err)
	}
}

// received closes our end and gives all that has arrived at the other.
func received(t *testing.T, ours, theirs net.Conn) string {
	t.Helper()
	time.AfterFunc(0, func() { _ = ours.Close() })
	_ = theirs.SetReadDeadline(time.Now().Add(5 * time.Second))
	got, err := io.ReadAll(theirs)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v, want a reset", err)
	}
	return string(got)
}

// read takes what is there within a moment.
func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("arrived: %q, %v; want %q", got, err, want)
	}
}

// G2 below the process: whatever it has checked, nothing leaves after the end.
func TestNotAByteLeavesAfterTheEndOfTheLease(t *testing.T) {
	v, d := open(t), listen(t)
	ours, theirs := d.dial(t, line(t, v, valve.Kind{}))
	end := boot() + 300*time.Millisecond
	v.Extend(end)
	passes(t, ours, "within")
	read(t, theirs, "within")
	time.Sleep(end - boot()) // the end of a lease is a moment
	refused(t, ours, "after")
	v.Extend(boot() + time.Minute)
	refused(t, ours, "a connection that was refused stays refused")
	if got := received(t, ours, theirs); got != "" {
		t.Errorf("%q arrived after the end", got)
	}
}

func TestALeaseThatIsShortenedEndsAtOnce(t *testing.T) {
	for name, shorten := range map[string]func(*valve.Valve){
		"a shorter TTL": func(v *valve.Valve) { v.Extend(boot()) },
		"none":          func(v *valve.Valve) { v.Extend(0) },
		"a term's end":  (*valve.Valve).Shut,
	} {
		t.Run(name, func(t *testing.T) {
			v, d := open(t), listen(t)
			ours, theirs := d.dial(t, line(t, v, valve.Kind{}))
			v.Extend(boot() + time.Minute)
			passes(t, ours, "a")
			shorten(v)
			refused(t, ours, "b")
			read(t, theirs, "a")
			if got := received(t, ours, theirs); got != "" {
				t.Errorf("%q arrived", got)
			}
		})
	}
}

// G6: what a standby's code does makes no difference.
func TestAStandbyCanAskAndNothingElse(t *testing.T) {
	v, d := open(t), listen(t)
	dial := line(t, v, valve.Kind{Questions: []string{"PING:\n\n", "VIDEO OUTPUT ROUTING:\n\n"}})
	ours, theirs := d.dial(t, dial)
	for _, question := range []string{"PING:\n\n", "VIDEO OUTPUT ROUTING:\n\n"} {
		passes(t, ours, question)
		read(t, theirs, question)
	}
	for _, text := range []string{"VIDEO OUTPUT ROUTING:\n1 2\n\n", "PING:\n\nVIDEO OUTPUT ROUTING:\n1 2\n\n", "PING:\n", "P", strings.Repeat("x", 1<<20)} {
		ours, theirs := d.dial(t, dial)
		refused(t, ours, text)
		if got := received(t, ours, theirs); got != "" {
			t.Errorf("%q arrived", got)
		}
	}
}

func TestAConnectionToReadIsOpenedByNoLease(t *testing.T) {
	v, d := open(t), listen(t)
	dial := line(t, v, valve.Kind{ReadOnly: true, Beginnings: []string{"GET "}})
	v.Extend(boot() + time.Minute)
	ours, theirs := d.dial(t, dial)
	passes(t, ours, "GET /level HTTP/1.1\r\n\r\n")
	read(t, theirs, "GET /level HTTP/1.1\r\n\r\n")
	v.Shut() // a term is over; readings go on
	passes(t, ours, "GET /again HTTP/1.1\r\n\r\n")
	read(t, theirs, "GET /again HTTP/1.1\r\n\r\n")
	refused(t, ours, "PUT /level HTTP/1.1\r\n\r\n")
	_ = ours.Close()
	if got, err := io.ReadAll(theirs); len(got) > 0 || err != nil {
		t.Errorf("%q arrived, and the end as %v", got, err)
	}
}

// A thread may be frozen alone, while the process loses a term and wins another.
func TestAConnectionDoesNotOutliveItsTerm(t *testing.T) {
	v, d := open(t), listen(t)
	dial := line(t, v, valve.Kind{})
	ours, theirs := d.dial(t, dial)
	v.Extend(boot() + time.Minute)
	passes(t, ours, "first term")
	read(t, theirs, "first term")
	v.Shut()
	v.Extend(boot() + time.Minute)
	next, far := d.dial(t, dial)
	refused(t, ours, "late")
	passes(t, next, "second term")
	read(t, far, "second term")
	if got := received(t, ours, theirs); got != "" {
		t.Errorf("%q arrived", got)
	}
}

func TestManyTermsLeaveNothingBehind(t *testing.T) {
	v, d := open(t), listen(t)
	dial := line(t, v, valve.Kind{})
	files := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	before := 0
	for i := range 30 {
		ours, err := dial(t.Context(), "tcp", d.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		v.Extend(boot() + time.Minute)
		passes(t, ours, "x")
		v.Shut()
		refused(t, ours, "y")
		_, _ = ours.Close(), (<-d.peers).Close()
		if i == 3 {
			before = files()
		}
	}
	if after := files(); after > before+4 {
		t.Errorf("%d open files after 3 terms, %d after 30", before, after)
	}
}

// Where the kernel does not check, what it still holds is dropped all the same.
func TestAPlainValveLetsEverythingThroughAndResets(t *testing.T) {
	v, d := valve.Plain(), listen(t)
	if v.Kernel() {
		t.Error("a plain valve is the kernel's")
	}
	ours, theirs := d.dial(t, line(t, v, valve.Kind{}))
	passes(t, ours, "a")
	v.Shut()
	passes(t, ours, "b")
	if got := received(t, ours, theirs); got != "ab" {
		t.Errorf("%q arrived", got)
	}
}

func TestWhatCannotBeHeldIsNotGivenOut(t *testing.T) {
	v := open(t)
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if c, err := line(t, v, valve.Kind{})(t.Context(), "udp", l.LocalAddr().String()); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a UDP connection was given out: %v, %v", c, err)
	}
	if _, err := v.Dial(nil, valve.Kind{Questions: []string{""}}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("an empty question: %v", err)
	}
}

// What a write costs, in the valve and beside it.
func BenchmarkWrite(b *testing.B) {
	v, err := valve.Open()
	if err != nil {
		b.Skip(err)
	}
	defer v.Close()
	held, err := v.Dial((&net.Dialer{}).DialContext, valve.Kind{Questions: []string{"PING:\n\n"}})
	if err != nil {
		b.Fatal(err)
	}
	v.Extend(boot() + time.Hour)
	for name, dial := range map[string]valve.DialFunc{"valve": held, "plain": (&net.Dialer{}).DialContext} {
		b.Run(name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			go func() {
				c, err := l.Accept()
				if err == nil {
					_, _ = io.Copy(c, c)
				}
			}()
			c, err := dial(b.Context(), "tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			block, answer := []byte("VIDEO OUTPUT ROUTING:\n1 2\n\n"), make([]byte, 28)
			for b.Loop() {
				if _, err := c.Write(block); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, answer[:len(block)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
