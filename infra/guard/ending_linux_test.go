package guard

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// play starts the test binary in a role of TestMain, and ends it with the test.
func playing(t *testing.T, role string) (pid int, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GUARD_TEST_ROLE="+role)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 64)); err != nil {
		t.Fatal("it does not say that it is ready: ", err)
	}
	return cmd.Process.Pid, func() { _ = cmd.Process.Kill() }
}

// identified names a process of the test, which may have ended and is not collected.
func identified(t testing.TB, pid int) Identity {
	t.Helper()
	st, err := readStat("/proc/" + strconv.Itoa(pid))
	if err != nil {
		t.Fatal(err)
	}
	return Identity{PID: pid, Started: st.identity()}
}

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(lookEvery) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("not within 10 s: ", what)
		}
	}
}

// ends tells whether all threads of a process are seen as ending.
func ends(t *testing.T, pid int) bool {
	t.Helper()
	all, err := allEnding(pid)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A witness that is mistaken here makes two servers act.
func TestAProcessThatCanStillActIsNotSeenAsEnding(t *testing.T) {
	t.Run("it runs", func(t *testing.T) {
		pid, kill := playing(t, "server")
		if ends(t, pid) {
			t.Error("seen as ending while it runs")
		}
		kill()
		within(t, "it is seen as ending", func() bool { return ends(t, pid) })
	})
	t.Run("it is paused", func(t *testing.T) {
		pid, _ := playing(t, "server")
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		within(t, "it stands still", func() bool {
			st, err := readStat("/proc/" + strconv.Itoa(pid))
			return err == nil && st.state == "T"
		})
		if ends(t, pid) {
			t.Error("seen as ending while it is paused")
		}
	})
	t.Run("its first thread has ended, others run", func(t *testing.T) {
		pid, _ := playing(t, "headless")
		within(t, "its first thread ends", func() bool {
			st, err := readStat("/proc/" + strconv.Itoa(pid))
			return err == nil && st.state == "Z"
		})
		if ends(t, pid) {
			t.Error("seen as ending while threads of it run")
		}
	})
	t.Run("the thread that is watched has ended, others run", func(t *testing.T) {
		pid, _ := playing(t, "server")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if exit, ok := awaitEnding(ctx, identified(t, pid)); ok {
			t.Errorf("seen as ending with %q while it runs", exit.Text)
		}
	})
}

// A fault of reading is no end: too many open files, say, or a kernel that writes
// something else.
func TestAThreadIsNotSeenAsEndingForAFaultOfReading(t *testing.T) {
	line := func(flags string) string {
		return "7 (server) S 1 1 1 0 -1 " + flags + strings.Repeat(" 0", 45)
	}
	for name, test := range map[string]struct {
		stat func(file string) error
		want bool
	}{
		"it cannot be read":    {func(file string) error { return os.Mkdir(file, 0o700) }, false},
		"it is cut short":      {text("7 (server) S 1"), false},
		"it is no number":      {text(line("many")), false},
		"it runs":              {text(line("0")), false},
		"it is gone":           {func(string) error { return nil }, true},
		"it says that it ends": {text(line(strconv.Itoa(flagExiting))), true},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(folder+"/exe", nil, 0o600); err != nil { // no link, so it may not be read
				t.Fatal(err)
			}
			if err := test.stat(folder + "/stat"); err != nil {
				t.Fatal(err)
			}
			if got := ending(folder); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func text(s string) func(file string) error {
	return func(file string) error { return os.WriteFile(file, []byte(s), 0o600) }
}

func TestTheEndingOfAProcessTellsHowItEnds(t *testing.T) {
	for role, want := range map[string]Exit{
		"server": {Status: -1, Text: "signal: killed"},
		"fails":  {Status: 3, Text: "exit status 3"},
		"ends":   {Status: 0, Text: "exit status 0"},
	} {
		t.Run(role, func(t *testing.T) {
			pid, kill := playing(t, role)
			id := identified(t, pid)
			if role == "server" {
				kill()
			}
			within(t, "it is seen as ending", func() bool { return ends(t, pid) })
			if got, ok := exitOf(id); !ok || got != want {
				t.Errorf("it ends with %+v, %v; want %+v", got, ok, want)
			}
		})
	}
}

// BenchmarkEnding is from kill -9 to the witness, for a process of 256 MB; the
// report of its end comes when its memory has been given back.
func BenchmarkEnding(b *testing.B) {
	var seen, reported time.Duration
	for b.Loop() {
		b.StopTimer()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "GUARD_TEST_ROLE=large")
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 64)); err != nil {
			b.Fatal(err)
		}
		ending := make(chan time.Time, 1)
		id := identified(b, cmd.Process.Pid)
		go func() {
			_, _ = awaitEnding(b.Context(), id)
			ending <- time.Now()
		}()
		time.Sleep(10 * time.Millisecond) // until it waits
		b.StartTimer()
		killed := time.Now()
		_ = unix.Kill(cmd.Process.Pid, unix.SIGKILL)
		seen += (<-ending).Sub(killed)
		_ = cmd.Wait()
		reported += time.Since(killed)
	}
	b.ReportMetric(seen.Seconds()*1e3/float64(b.N), "ms-seen")
	b.ReportMetric(reported.Seconds()*1e3/float64(b.N), "ms-reported")
}
