package guard_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/infra/guard"
)

// A step is one line of a scenario: when, what happened, and what must follow.
type step struct {
	at   time.Duration
	in   guard.Input
	want string
}

func exited(status int, text string) guard.Input {
	return guard.Exited{Exit: guard.Exit{Status: status, Text: text}}
}

func ending(incarnation string, status int, text string) guard.Input {
	return guard.Ending{Incarnation: incarnation, Exit: guard.Exit{Status: status, Text: text}}
}

func TestMachine(t *testing.T) {
	const ms = time.Millisecond
	killed := exited(-1, "signal: killed")
	tests := map[string][]step{
		"a killed server is mourned first and started again after the wait": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{50 * ms, killed, "write i1 signal: killed"},
			{51 * ms, guard.Written{Incarnation: "i1"}, ""},
			{149 * ms, guard.Timer{}, ""},
			{150 * ms, guard.Timer{}, "start"},
		},
		"a server whose threads have all ended is mourned at once, and once": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{50 * ms, ending("i1", -1, "signal: killed"), "write i1 signal: killed"},
			{51 * ms, guard.Written{Incarnation: "i1"}, ""},
			{60 * ms, killed, ""},
			{160 * ms, guard.Timer{}, "start"},
			{161 * ms, guard.Started{Incarnation: "i2"}, ""},
			{162 * ms, killed, "write i2 signal: killed"},
		},
		"the end of a server that was followed already means nothing": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{50 * ms, killed, "write i1 signal: killed"},
			{51 * ms, guard.Written{Incarnation: "i1"}, ""},
			{52 * ms, ending("i1", -1, "signal: killed"), ""},
			{150 * ms, guard.Timer{}, "start"},
			{151 * ms, guard.Started{Incarnation: "i2"}, ""},
			{152 * ms, ending("i1", -1, "signal: killed"), ""},
		},
		"a clean end that is seen early is a goodbye too": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{8 * ms, ending("i1", 0, "exit status 0"), ""},
			{9 * ms, exited(0, "exit status 0"), "finish 0"},
		},
		"a pause is no death": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{time.Hour, guard.Timer{}, ""},
		},
		"a clean end is a goodbye, so nothing is written and the guard ends": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{9 * ms, exited(0, "exit status 0"), "finish 0"},
		},
		"a request to stop is passed on and the clean end ends the guard": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{5 * ms, guard.Signalled{Signal: syscall.SIGTERM}, "forward terminated"},
			{9 * ms, exited(0, "exit status 0"), "finish 0"},
		},
		"other signals are passed on and stop nothing": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{2 * ms, guard.Signalled{Signal: syscall.SIGHUP}, "forward hangup"},
			{3 * ms, guard.Signalled{Signal: syscall.SIGUSR1}, "forward user defined signal 1"},
			{4 * ms, killed, "write i1 signal: killed"},
			{5 * ms, guard.Signalled{Signal: syscall.SIGHUP}, ""},
			{104 * ms, guard.Timer{}, "start"},
		},
		"a server that does not stop in time is killed, and its death is written before the guard ends": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{0 * ms, guard.Stop{}, "forward interrupt"},
			{9999 * ms, guard.Timer{}, ""},
			{10 * time.Second, guard.Timer{}, "forward killed"},
			{10001 * ms, killed, "write i1 signal: killed"},
			{10002 * ms, guard.Written{Incarnation: "i1"}, "finish 1"},
		},
		"a guard that should end does not wait for a lost log for ever": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{2 * ms, guard.Stop{}, "forward interrupt"},
			{3 * ms, killed, "write i1 signal: killed"},
			{4 * ms, guard.NotWritten{Incarnation: "i1"}, ""},
			{6 * ms, guard.Timer{}, "write i1 signal: killed"},
			{2003 * ms, guard.Timer{}, "finish 1"},
		},
		"a death is written again until it is in the log, with growing waits, while the next server runs": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{10 * ms, killed, "write i1 signal: killed"},
			{10 * ms, guard.NotWritten{Incarnation: "i1"}, ""},
			{11 * ms, guard.Timer{}, ""},
			{12 * ms, guard.Timer{}, "write i1 signal: killed"},
			{12 * ms, guard.NotWritten{Incarnation: "i1"}, ""},
			{15 * ms, guard.Timer{}, ""},
			{16 * ms, guard.Timer{}, "write i1 signal: killed"},
			{110 * ms, guard.Timer{}, "start"},
			{111 * ms, guard.Started{Incarnation: "i2"}, ""},
			{112 * ms, guard.NotWritten{Incarnation: "i1"}, ""},
			{120 * ms, guard.Timer{}, "write i1 signal: killed"},
			{121 * ms, guard.Written{Incarnation: "i1"}, ""},
			{time.Hour, guard.Timer{}, ""},
		},
		"deaths are written in the order in which they happened": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{10 * ms, killed, "write i1 signal: killed"},
			{110 * ms, guard.Timer{}, "start"},
			{111 * ms, guard.Started{Incarnation: "i2"}, ""},
			{120 * ms, exited(2, "exit status 2"), ""},
			{130 * ms, guard.Written{Incarnation: "i1"}, "write i2 exit status 2"},
			{131 * ms, guard.Written{Incarnation: "i2"}, ""},
		},
		"an answer about another incarnation changes nothing": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{10 * ms, killed, "write i1 signal: killed"},
			{11 * ms, guard.Written{Incarnation: "i0"}, ""},
			{12 * ms, guard.NotWritten{Incarnation: "i1"}, ""},
			{14 * ms, guard.Timer{}, "write i1 signal: killed"},
		},
		"a request to stop while the server waits for its restart ends the guard": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{10 * ms, killed, "write i1 signal: killed"},
			{11 * ms, guard.Written{Incarnation: "i1"}, ""},
			{12 * ms, guard.Stop{}, "finish 0"},
			{time.Hour, guard.Timer{}, ""},
		},
		"a request to stop that comes while the server is being started reaches it": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Stop{}, ""},
			{2 * ms, guard.Started{Incarnation: "i1"}, "forward terminated"},
			{3 * ms, exited(0, "exit status 0"), "finish 0"},
		},
		"a server that finds its configuration unusable is not started again": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.Started{Incarnation: "i1"}, ""},
			{2 * ms, exited(guard.ExitUnusable, "exit status 78"), "write i1 exit status 78"},
			{3 * ms, guard.Written{Incarnation: "i1"}, "finish 78"},
		},
		"a server that cannot be started is tried again": {
			{0, guard.Begin{}, "start"},
			{1 * ms, guard.NotStarted{}, ""},
			{101 * ms, guard.Timer{}, "start"},
			{102 * ms, guard.NotStarted{}, ""},
			{301 * ms, guard.Timer{}, ""},
			{302 * ms, guard.Timer{}, "start"},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			m := guard.NewMachine(guard.Limits{})
			for i, s := range steps {
				if got := say(m.Step(time.Hour+s.at, s.in)); got != s.want {
					t.Fatalf("step %d, %T at %v: got %q, want %q", i, s.in, s.at, got, s.want)
				}
			}
		})
	}
}

func TestRestartsBackOffAndForgetAfterALife(t *testing.T) {
	m := guard.NewMachine(guard.Limits{})
	now := time.Hour
	m.Step(now, guard.Begin{})
	live := func(lived time.Duration) time.Duration {
		m.Step(now, guard.Started{Incarnation: "i"})
		now += lived
		m.Step(now, exited(1, "exit status 1"))
		m.Step(now, guard.Written{Incarnation: "i"})
		wait := m.NextWake() - now
		now = m.NextWake()
		if got := say(m.Step(now, guard.Timer{})); got != "start" {
			t.Fatalf("got %q at the end of the wait, want a start", got)
		}
		return wait
	}
	for i, millis := range []int{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		want := time.Duration(millis) * time.Millisecond
		if got := live(time.Second); got != want {
			t.Fatalf("restart %d waits %v, want %v", i, got, want)
		}
	}
	if got := live(10 * time.Second); got != 100*time.Millisecond {
		t.Fatalf("after a settled life the wait is %v, want 100ms", got)
	}
}

func TestTheOldestDeathsAreKeptWhileTheLogIsAway(t *testing.T) {
	m := guard.NewMachine(guard.Limits{})
	now := time.Hour
	m.Step(now, guard.Begin{})
	for i := range 100 {
		m.Step(now, guard.Started{Incarnation: fmt.Sprint("i", i)})
		m.Step(now, exited(1, "exit status 1"))
		now += time.Minute
		m.Step(now, guard.Timer{})
	}
	written := 0
	for i := range 100 {
		if say(m.Step(now, guard.Written{Incarnation: fmt.Sprint("i", i)})) != "" {
			written++
		}
	}
	if written != 63 { // the first was under way already
		t.Fatalf("%d deaths followed the first, want 63", written)
	}
}

func say(effects []guard.Effect) string {
	var out []string
	for _, e := range effects {
		switch e := e.(type) {
		case guard.Start:
			out = append(out, "start")
		case guard.Write:
			out = append(out, "write "+e.Incarnation+" "+e.Exit)
		case guard.Forward:
			out = append(out, "forward "+signalName(e.Signal))
		case guard.Finish:
			out = append(out, fmt.Sprint("finish ", e.Status))
		}
	}
	return strings.Join(out, "; ")
}

func signalName(s os.Signal) string { return s.String() }
