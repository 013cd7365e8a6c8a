package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

// envProgram makes the test binary be the program itself, for `up` and all that
// it starts.
const envProgram = "UNDERSTUDY_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(envProgram) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process is a running program.
type process struct {
	cmd   *exec.Cmd
	lines chan string
	ended chan error
}

// launch runs a command line and collects what it prints.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Env = append(os.Environ(), envProgram+"=1")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	p := &process{cmd: cmd, lines: make(chan string, 1000), ended: make(chan error, 1)}
	go func() {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			p.lines <- sc.Text()
		}
		close(p.lines)
	}()
	go func() { p.ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return p
}

func (p *process) hear(t *testing.T, part string) string {
	t.Helper()
	var all []string
	timeout := time.After(60 * time.Second)
	for {
		select {
		case l, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended without %q; it said:\n%s", part, strings.Join(all, "\n"))
			}
			all = append(all, l)
			if strings.Contains(l, part) {
				return l
			}
		case <-timeout:
			t.Fatalf("not within 60 s: %q; it said:\n%s", part, strings.Join(all, "\n"))
		}
	}
}

func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end within 30 s")
		return 0
	}
}

// landscape is an `up` under test.
type landscape struct {
	*process
	dir string
	run up.Run
}

func startUp(t *testing.T, dir string, base int) *landscape {
	t.Helper()
	l := &landscape{dir: dir}
	l.process = launch(t, exec.Command(os.Args[0], "up", "--dir", dir, "--port-base", fmt.Sprint(base)))
	l.hear(t, "is ready after")
	l.hear(t, "drill failover")
	var err error
	if l.run, err = up.Load(dir); err != nil {
		t.Fatal(err)
	}
	return l
}

func freeBase(t *testing.T) int {
	t.Helper()
next:
	for base := 22000 + os.Getpid()%89*100; base < 32000; base += 100 {
		for port := range 40 {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+port))
			if err != nil {
				continue next
			}
			_ = l.Close()
		}
		return base
	}
	t.Fatal("no free ports")
	return 0
}

func (l *landscape) server(t *testing.T, name string) guard.Running {
	t.Helper()
	s, _ := l.run.Server(name)
	r, err := guard.ReadRunFile(s.RunFile)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// primary waits until a server acts, other than not, and returns its name.
func (l *landscape) primary(t *testing.T, not string) string {
	t.Helper()
	name := ""
	within(t, "a primary acts", func() bool {
		for _, s := range l.run.Servers {
			res, err := http.Get(s.Address + "/primary")
			if err != nil {
				continue
			}
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK && s.Name != not {
				name = s.Name
				return true
			}
		}
		return false
	})
	return name
}

func (l *landscape) processes(t *testing.T) []guard.Identity {
	t.Helper()
	run, err := up.Load(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []guard.Identity
	for _, p := range run.Processes {
		out = append(out, p.Identity)
	}
	for _, s := range run.Servers {
		out = append(out, l.server(t, s.Name).Identity)
	}
	return out
}

func allEnded(processes []guard.Identity) bool {
	for _, p := range processes {
		if p.Alive() {
			return false
		}
	}
	return true
}

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond) // the pace of the poll
	}
}

// ask runs a client command of the landscape.
func (l *landscape) ask(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errOut strings.Builder
	code := run(t.Context(), append(args, "--dir", l.dir), strings.NewReader(""), &out, &errOut)
	if code != want {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), errOut.String())
	}
	return out.String()
}

func TestALandscapeFromStartToEnd(t *testing.T) {
	dir, base := t.TempDir(), freeBase(t)
	l := startUp(t, dir, base)

	l.ask(t, exitOK, "route", "set", up.VideohubID, "--dest", "5", "--source", "12")
	l.hear(t, "destination 5 ← source 12: confirmed")
	l.ask(t, exitOK, "command", "send", up.GateID, "pulse", "--uid", "cue1")
	if got := l.ask(t, exitOK, "command", "send", up.GateID, "pulse", "--uid", "cue1"); !strings.Contains(got, "before") {
		t.Errorf("the repeat does not say that it is one:\n%s", got)
	}
	l.ask(t, exitOK, "topics", "check")

	l.ask(t, exitRefused, "up") // the folder is in use

	// The guard reports the death, and the next server acts before the lease of
	// the old one could have run out unseen.
	old := l.primary(t, "")
	_ = l.server(t, old).Signal(syscall.SIGKILL)
	l.hear(t, old+" ended (signal: killed), as its guard saw")
	l.hear(t, "is primary, epoch")
	next := l.primary(t, old)

	// A server outlives its guard, and is not reported as dead.
	run, err := up.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	proper := l.server(t, next)
	for _, p := range run.Processes {
		if p.Name == "guard-"+next {
			_ = p.Signal(syscall.SIGKILL)
		}
	}
	l.hear(t, "guard-"+next+" ended (signal: killed); it is started again")
	within(t, "the guard runs again", func() bool {
		for _, p := range mustLoad(t, dir).Processes {
			if p.Name == "guard-"+next && p.Alive() {
				return true
			}
		}
		return false
	})
	if !proper.Alive() || l.server(t, next).Incarnation != proper.Incarnation {
		t.Error("the server did not outlive its guard")
	}

	processes := l.processes(t)
	_ = l.cmd.Process.Signal(syscall.SIGINT)
	if code := l.exit(t); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
	if !allEnded(processes) {
		t.Error("parts live on after the end of up")
	}

	// The next start continues: the same UID, the same answer.
	l = startUp(t, dir, base)
	if got := l.ask(t, exitOK, "command", "send", up.GateID, "pulse", "--uid", "cue1"); !strings.Contains(got, "before") {
		t.Errorf("the repeat after a restart does not say that it is one:\n%s", got)
	}

	// kill -9 ends everything, servers without a guard included.
	processes = l.processes(t)
	_ = l.cmd.Process.Kill()
	within(t, "everything ends with a killed up", func() bool { return allEnded(processes) })
}

func mustLoad(t *testing.T, dir string) up.Run {
	t.Helper()
	run, err := up.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestADetachedUpTellsWhyItDidNotStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "broker"), []byte("no folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys"), codec.Generate().MarshalKeyFile(), 0o600); err != nil { // a folder in use has some
		t.Fatal(err)
	}
	p := launch(t, exec.Command(os.Args[0], "up", "--detach", "--dir", dir, "--port-base", fmt.Sprint(freeBase(t))))
	p.hear(t, "broker could not start (exit status 1). It said:")
	p.hear(t, "not a directory")
	p.hear(t, "it did not start, as it says above; this is in "+filepath.Join(dir, "logs", "up.log")+" too")
	if code := p.exit(t); code != exitError {
		t.Errorf("exit code %d, want 1", code)
	}
}

func TestADetachedUpTellsAllAndLeavesTheLogOfOneThatRuns(t *testing.T) {
	dir := t.TempDir()
	first := launch(t, exec.Command(os.Args[0], "up", "--detach", "--servers", "1", "--dir", dir, "--port-base", fmt.Sprint(freeBase(t))))
	first.hear(t, "is ready after")
	first.hear(t, "drill failover")
	first.hear(t, "It runs in the background as process")
	if code := first.exit(t); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
	running := mustLoad(t, dir).Up
	t.Cleanup(func() { _ = running.Signal(syscall.SIGKILL) })
	path := filepath.Join(dir, "logs", "up.log")
	if err := os.WriteFile(path, []byte("what the other one says\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, exec.Command(os.Args[0], "up", "--detach", "--dir", dir))
	p.hear(t, fmt.Sprintf("is in use by process %d", running.PID))
	if code := p.exit(t); code != exitRefused {
		t.Errorf("exit code %d, want 3", code)
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "what the other one says\n") {
		t.Errorf("%v, %q", err, b)
	}
	_ = running.Signal(syscall.SIGINT)
	within(t, "up has ended", func() bool { return !running.Alive() })
}

func TestUpEndsWithItsParent(t *testing.T) {
	dir := t.TempDir()
	// As with `go run`: a signal to the wrapper does not reach the program.
	l := &landscape{dir: dir}
	l.process = launch(t, exec.Command("sh", "-c", `"$0" "$@"; true`, os.Args[0], "up", "--dir", dir, "--port-base", fmt.Sprint(freeBase(t)), "--servers", "1"))
	l.hear(t, "drill failover")
	run := mustLoad(t, dir)
	l.run = run
	processes := append(l.processes(t), run.Up)
	_ = l.cmd.Process.Kill()
	within(t, "everything ends with the parent of up", func() bool { return allEnded(processes) })
}

func TestAServerWithAWrongConfigurationEndsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(path, []byte("server: {name: A}\nkeys_file: /nonexistent/keys\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, exec.Command(os.Args[0], "server", "--config", path))
	p.hear(t, "keys_file")
	if code := p.exit(t); code != exitError {
		t.Errorf("exit code %d, want 1", code)
	}
}

// A server that waits for its log has nothing to put in order: who ends it sees no fault.
func TestAServerThatWaitsForTheLogEndsInOrder(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // brokers that never answer
	try(t, err)
	defer func() { _ = mute.Close() }()
	dir := t.TempDir()
	try(t, os.WriteFile(filepath.Join(dir, "keys"), codec.Generate().MarshalKeyFile(), 0o600))
	path := filepath.Join(dir, "server.yaml")
	try(t, os.WriteFile(path, fmt.Appendf(nil, "server: {name: A}\ndir: %s/data\nkeys_file: %[1]s/keys\nhttp: {listen: \"127.0.0.1:0\"}\nkafka: {brokers: [%q], query_timeout: 500ms}\n", dir, mute.Addr()), 0o600))
	for _, alone := range []string{"--guard.enabled=false", "--guard.enabled=true"} {
		p := launch(t, exec.Command(os.Args[0], "server", "--config", path, alone))
		p.hear(t, "the log does not answer yet")
		try(t, p.cmd.Process.Signal(syscall.SIGTERM))
		if code := p.exit(t); code != exitOK {
			t.Errorf("%s: exit code %d", alone, code)
		}
	}
}

func TestExitCodesOfFaultyCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"}, {"version", "extra"}, {"version", "-o", "xml"}, {"up", "--nonsense"},
		{"up", "--port-base", "many"}, {"up", "--servers", "99"}, {"sim", "http", "extra"}, {"config", "explain", "-o", "xml"},
	} {
		var out, errOut strings.Builder
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errOut); code != exitUsage {
			t.Errorf("%v: exit code %d, want 2; it said %s", args, code, errOut.String())
		}
		if !strings.Contains(errOut.String(), "--help") {
			t.Errorf("%v: %q does not say where the help is", args, errOut.String())
		}
	}
}

func TestVersionAsJSON(t *testing.T) {
	var out, errOut strings.Builder
	if code := run(t.Context(), []string{"version", "-o", "json"}, strings.NewReader(""), &out, &errOut); code != exitOK {
		t.Fatal(code, errOut.String())
	}
	for _, want := range []string{`"version"`, `"go"`, `"platform"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s lacks %s", out.String(), want)
		}
	}
}
