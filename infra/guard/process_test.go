package guard_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/guard"
)

// The test binary also plays the processes: envRole says which.
const (
	large    = 256 << 20 // bytes of the role "large"
	envRole  = "GUARD_TEST_ROLE"
	envReady = "GUARD_TEST_READY" // a file that "stubborn" writes once it ignores signals, "large" once it has its memory
)

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case "server":
		playServer()
	case "guard":
		playGuard()
	case "headless": // its first thread ends, the others live on
		go func() {
			fmt.Println("ready")
			for {
				time.Sleep(time.Hour)
			}
		}()
		runtime.LockOSThread()
		time.Sleep(10 * time.Millisecond)
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
	case "fails":
		fmt.Println("ready")
		os.Exit(3)
	case "ends":
		fmt.Println("ready")
		os.Exit(0)
	case "large":
		memory := make([]byte, large)
		for i := 0; i < len(memory); i += os.Getpagesize() {
			memory[i] = 1
		}
		fmt.Println("ready")
		if file := os.Getenv(envReady); file != "" {
			_ = os.WriteFile(file, nil, 0o600)
		}
		time.Sleep(time.Hour)
		runtime.KeepAlive(memory)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		_ = os.WriteFile(os.Getenv(envReady), nil, 0o600)
		for {
			time.Sleep(time.Hour)
		}
	}
}

// playServer says what it notices on stdout, and ends cleanly on SIGTERM or
// when its lifeline is cut.
func playServer() {
	line, err := guard.InheritLifeline()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	cut := make(chan struct{})
	line.Watch(context.Background(), func() { close(cut) })
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	guarded := guard.Watch(context.Background(), os.Getenv("GUARD_TEST_RUNFILE"), func(is bool) {
		fmt.Println(map[bool]string{true: "guarded", false: "unguarded"}[is], os.Getpid())
	})
	fmt.Println("server", os.Getpid(), os.Getenv(guard.EnvIncarnation), guarded)
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				os.Exit(0)
			}
			fmt.Println("got", s)
		case <-cut:
			os.Exit(0)
		}
	}
}

// playGuard guards a playServer, and says on stdout when it writes a death.
func playGuard() {
	line, err := guard.InheritLifeline()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	line.Watch(ctx, cancel)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP)
	fmt.Println("guard", os.Getpid())
	code, err := guard.Run(ctx, guard.Options{
		Command: func() (*exec.Cmd, error) {
			cmd := play("server")
			cmd.Stdout = os.Stdout
			line.Pass(cmd)
			return cmd, nil
		},
		Died: func(_ context.Context, incarnation, exit string) error {
			fmt.Println("died", incarnation, exit)
			return nil
		},
		RunFile: os.Getenv("GUARD_TEST_RUNFILE"),
		Signals: signals,
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
	}
	os.Exit(code)
}

func play(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

type deaths struct {
	mu   sync.Mutex
	at   []domain.Mono
	who  []string
	exit []string
	fail int // attempts that are to fail
	seen func()
}

func (d *deaths) died(_ context.Context, incarnation, exit string) error {
	now := clock.Boot()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail > 0 {
		d.fail--
		return fmt.Errorf("the log is away: %w", domain.ErrTransient)
	}
	if d.seen != nil {
		d.seen()
	}
	d.at, d.who, d.exit = append(d.at, now), append(d.who, incarnation), append(d.exit, exit)
	return nil
}

// last tells of the death that was written last.
func (d *deaths) last() (at domain.Mono, who, exit string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := len(d.at) - 1
	return d.at[i], d.who[i], d.exit[i]
}

func (d *deaths) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.at)
}

// inProcess runs a guard in this process over playServers.
func inProcess(t *testing.T, role string, d *deaths, limits guard.Limits) (runFile string, stop func() int) {
	t.Helper()
	runFile = filepath.Join(t.TempDir(), "guard.json")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		code, err := guard.Run(ctx, guard.Options{
			Command: func() (*exec.Cmd, error) { return play(role), nil },
			Died:    d.died, RunFile: runFile, Limits: limits,
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Error(err)
		}
		ended <- code
	}()
	var once sync.Once
	code := -1
	stop = func() int {
		once.Do(func() { cancel(); code = <-ended })
		return code
	}
	t.Cleanup(func() { stop() })
	return runFile, stop
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(200 * time.Microsecond) // the pace of the poll
	}
}

// running waits for a server other than the one with the last incarnation.
func running(t *testing.T, runFile, last string) guard.Running {
	t.Helper()
	var run guard.Running
	eventually(t, "a server runs", func() bool {
		var err error
		run, err = guard.ReadRunFile(runFile)
		return err == nil && run.Incarnation != last && run.Alive()
	})
	return run
}

func TestAKilledServerIsReportedWithinAMillisecond(t *testing.T) {
	const kills = 20
	var d deaths
	runFile, _ := inProcess(t, "server", &d, guard.Limits{RestartMin: time.Millisecond, RestartMax: time.Millisecond})
	var took []time.Duration
	last := ""
	for i := range kills {
		run := running(t, runFile, last)
		if run.Incarnation == last {
			t.Fatalf("incarnation %s was used twice", last)
		}
		last = run.Incarnation
		killed := clock.Boot()
		if err := run.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the death is written", func() bool { return d.count() > i })
		at, who, exit := d.last()
		took = append(took, at-killed)
		if who != last || exit != "signal: killed" {
			t.Fatalf("wrote the death of %s (%s), want %s (signal: killed)", who, exit, last)
		}
	}
	slices.Sort(took)
	t.Logf("kill -9 to Died: p50 %v, max %v", took[kills/2], took[kills-1])
	// Includes what the kernel takes to end the process. Generous: the machine
	// may be busy with other tests.
	if took[kills/2] > 20*time.Millisecond {
		t.Errorf("p50 from kill -9 to Died is %v, want some milliseconds at most", took[kills/2])
	}
}

// The next primary must not wait until a large process has given its memory
// back. Whether the process was still there when its death was written depends
// on the scheduler, so one of some deaths is enough.
func TestADeathIsWrittenBeforeTheMemoryIsGivenBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of the end of a thread")
	}
	const kills = 5
	ready := filepath.Join(t.TempDir(), "ready")
	t.Setenv(envReady, ready)
	var d deaths
	var alive atomic.Pointer[guard.Running]
	early := 0
	d.seen = func() {
		if alive.Load().Alive() {
			early++
		}
	}
	runFile, stop := inProcess(t, "large", &d, guard.Limits{RestartMin: time.Millisecond, RestartMax: time.Millisecond})
	last := ""
	for i := range kills {
		run := running(t, runFile, last)
		last = run.Incarnation
		alive.Store(&run)
		eventually(t, "it has its memory", func() bool { return os.Remove(ready) == nil })
		if err := run.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the death is written", func() bool { return d.count() > i })
	}
	stop()
	t.Logf("%d of %d deaths were written while the memory was still held", early, kills)
	if early == 0 {
		t.Error("every death was written after the memory had been given back")
	}
}

func TestAPausedServerIsNotReported(t *testing.T) {
	var d deaths
	runFile, stop := inProcess(t, "server", &d, guard.Limits{})
	run := running(t, runFile, "")
	if err := run.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// Nothing to poll for: something must not happen.
	select {
	case <-time.After(300 * time.Millisecond):
	case <-t.Context().Done():
	}
	if n := d.count(); n != 0 {
		t.Fatalf("%d deaths written for a paused server", n)
	}
	if err := run.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server's handler stands", func() bool { return run.Alive() })
	stop()
}

func TestADeathIsWrittenAgainUntilTheLogHasIt(t *testing.T) {
	d := deaths{fail: 4}
	runFile, _ := inProcess(t, "server", &d, guard.Limits{})
	run := running(t, runFile, "")
	_ = run.Signal(syscall.SIGKILL)
	eventually(t, "the death is written", func() bool { return d.count() == 1 })
	if d.who[0] != run.Incarnation {
		t.Fatalf("wrote the death of %s, want %s", d.who[0], run.Incarnation)
	}
}

func TestAServerThatIgnoresTheRequestToStopIsKilledAndReported(t *testing.T) {
	var d deaths
	ready := filepath.Join(t.TempDir(), "ready")
	t.Setenv(envReady, ready)
	runFile, stop := inProcess(t, "stubborn", &d, guard.Limits{StopWithin: 100 * time.Millisecond})
	run := running(t, runFile, "")
	eventually(t, "the server ignores signals", func() bool {
		_, err := os.Stat(ready)
		return err == nil
	})
	if code := stop(); code != 1 {
		t.Errorf("the guard's status is %d, want 1", code)
	}
	if d.count() != 1 || run.Alive() {
		t.Errorf("%d deaths written, server alive %v; want 1 and false", d.count(), run.Alive())
	}
}

// spawned is a guard in a process of its own, with the lines that it and its
// server say.
type spawned struct {
	cmd     *exec.Cmd
	lines   chan string
	hold    *os.File
	servers []int // process ids of those that were heard of
}

func spawn(t *testing.T, runFile string) *spawned {
	t.Helper()
	line, hold, err := guard.NewLifeline()
	if err != nil {
		t.Fatal(err)
	}
	cmd := play("guard")
	cmd.Env = append(cmd.Env, "GUARD_TEST_RUNFILE="+runFile)
	line.Pass(cmd)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	_ = line.Close()
	s := &spawned{cmd: cmd, lines: make(chan string, 100), hold: hold}
	go func() {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			s.lines <- sc.Text()
		}
		close(s.lines)
	}()
	t.Cleanup(func() {
		_ = hold.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, pid := range s.servers {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return s
}

// hear waits for a line with this beginning and returns it in words.
func (s *spawned) hear(t *testing.T, beginning string) []string {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case l, ok := <-s.lines:
			if !ok {
				t.Fatalf("everything ended without %q", beginning)
			}
			words := strings.Fields(l)
			if pid, err := strconv.Atoi(words[1]); err == nil && words[0] == "server" {
				s.servers = append(s.servers, pid)
			}
			if strings.HasPrefix(l, beginning) {
				return words
			}
		case <-timeout:
			t.Fatalf("not within 10 s: %q", beginning)
		}
	}
}

func (s *spawned) ended(t *testing.T) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case _, ok := <-s.lines:
			if !ok {
				return // the last writer of the pipe is gone
			}
		case <-timeout:
			t.Fatal("not within 10 s: guard and server end")
		}
	}
}

func TestAServerOutlivesItsGuardAndIsTakenOnByTheNext(t *testing.T) {
	runFile := filepath.Join(t.TempDir(), "guard.json")
	first := spawn(t, runFile)
	if words := first.hear(t, "server"); words[3] != "true" {
		t.Fatalf("the server does not know that it is guarded: %v", words)
	}
	run := running(t, runFile, "")
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.hear(t, "unguarded")
	if !run.Alive() {
		t.Fatal("the server ended with its guard")
	}

	second := spawn(t, runFile)
	second.hear(t, "guard")
	first.hear(t, "guarded") // by the next one; the server's output is still the first's pipe
	if err := second.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	first.hear(t, "got hangup")
	if err := run.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	words := second.hear(t, "died")
	if words[1] != run.Incarnation {
		t.Fatalf("wrote the death of %s, want %s", words[1], run.Incarnation)
	}
	if words := second.hear(t, "server"); words[2] == run.Incarnation {
		t.Fatal("the restarted server has the incarnation of the one that ended")
	}
}

// A second guard on the same folder would end the server when it ends itself.
func TestAServerThatHasAGuardIsTakenOnByNoOther(t *testing.T) {
	runFile := filepath.Join(t.TempDir(), "guard.json")
	first := spawn(t, runFile)
	first.hear(t, "server")
	run := running(t, runFile, "")

	second := spawn(t, runFile)
	second.hear(t, "guard")
	if said := strings.Join(second.hear(t, filepath.Dir(runFile)), " "); !strings.Contains(said, fmt.Sprintf("is in use: its server runs as process %d, and its guard as %d", run.PID, first.cmd.Process.Pid)) {
		t.Errorf("it says %q", said)
	}
	second.ended(t)

	// A copy of the folder is another server's.
	text, err := os.ReadFile(runFile)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "guard.json")
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	third := spawn(t, copied)
	if words := third.hear(t, "server"); words[2] == run.Incarnation {
		t.Error("the server of the original is taken for that of the copy")
	}
	if err := third.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !run.Alive() {
		t.Error("the server of the original has ended with the guard of the copy")
	}
}

func TestEverythingEndsWhenTheLifelineIsCut(t *testing.T) {
	s := spawn(t, "")
	s.hear(t, "server")
	_ = s.hold.Close()
	s.ended(t)
}

func TestAServerWithoutAGuardEndsWhenTheLifelineIsCut(t *testing.T) {
	s := spawn(t, "")
	s.hear(t, "server")
	_ = s.cmd.Process.Kill()
	s.hear(t, "unguarded")
	_ = s.hold.Close()
	s.ended(t)
}

func TestALifelineThatIsNoPipeIsRefused(t *testing.T) {
	for _, value := range []string{"x", "0", "9999"} {
		t.Setenv(guard.EnvLifeline, value)
		if _, err := guard.InheritLifeline(); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s=%s: got %v, want an invalid value", guard.EnvLifeline, value, err)
		}
	}
}

func TestAnIdentityIsOneProcessAndNoOther(t *testing.T) {
	self, err := guard.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !self.Alive() {
		t.Error("this process is not alive")
	}
	other := guard.Identity{PID: self.PID, Started: self.Started + "0"}
	if other.Alive() {
		t.Error("a process with the same id and another start is taken for this one")
	}
	if err := other.Signal(syscall.SIGKILL); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("signal to another process with the same id: %v, want not found", err)
	}
}
