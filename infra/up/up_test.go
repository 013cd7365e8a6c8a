package up_test

import (
	"encoding/json"
	"errors"
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

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

func start(t *testing.T, opts up.Options) *up.Up {
	t.Helper()
	u, err := up.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Stop(); err != nil {
			t.Error(err)
		}
	})
	return u
}

func allEnded(run up.Run) bool {
	for _, p := range run.Processes {
		if p.Alive() {
			return false
		}
	}
	return true
}

func TestItStartsEverythingAndEndsItAgain(t *testing.T) {
	dir, base := t.TempDir(), freeBase(t)
	u := start(t, options(dir, base))
	run, err := up.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !run.Ready || !run.Alive() || run.Landscape != "main" || len(run.Servers) != 3 || len(run.Processes) != 6 {
		t.Errorf("up.json tells of ready %v, alive %v, landscape %s, %d servers, %d processes", run.Ready, run.Alive(), run.Landscape, len(run.Servers), len(run.Processes))
	}
	for _, p := range run.Processes {
		if !p.Alive() {
			t.Errorf("%s (process %d) does not run", p.Name, p.PID)
		}
	}
	for _, secret := range []string{run.KeysFile, run.TokenFile} {
		if st, err := os.Stat(secret); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", secret, st, err)
		}
	}
	if u.Primary(t.Context()) != "A" {
		t.Errorf("primary %q, want A", u.Primary(t.Context()))
	}
	if err := u.Stop(); err != nil {
		t.Fatal(err)
	}
	if !allEnded(run) {
		t.Error("parts live on after Stop")
	}

	// The next start continues with the same secrets.
	before, _ := os.ReadFile(run.TokenFile)
	start(t, options(dir, base))
	if after, _ := os.ReadFile(run.TokenFile); string(after) != string(before) || !strings.HasPrefix(string(after), "tester ") {
		t.Errorf("token file %q became %q", before, after)
	}
}

func TestABusyPortIsNamedWithItsHolder(t *testing.T) {
	base := freeBase(t)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+2))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, err = up.Start(t.Context(), options(t.TempDir(), base))
	if !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	for _, want := range []string{fmt.Sprint("port ", base+2), "server B", fmt.Sprint("process ", os.Getpid()), "--port-base"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestManyBusyPortsAreAFewLines(t *testing.T) {
	base := freeBase(t)
	for _, port := range []int{1, 2, 10, 12} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+port))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
	}
	_, err := up.Start(t.Context(), options(t.TempDir(), base))
	if err == nil {
		t.Fatal("it started on busy ports")
	}
	lines := strings.Split(domain.Plain(err), "\n")
	if len(lines) != 4 || !strings.Contains(lines[2], "and 2 more") || !strings.Contains(lines[3], "--port-base") {
		t.Errorf("got\n%s", domain.Plain(err))
	}
	for _, line := range lines {
		if len(line) > 120 {
			t.Errorf("a line of %d: %s", len(line), line)
		}
	}
}

func TestWhatAKilledDrillLeavesIsUndone(t *testing.T) {
	dir := t.TempDir()
	u := start(t, options(dir, freeBase(t)))
	server := u.Run().Processes[3]
	if server.Name != "guard-A" {
		t.Fatalf("process 3 is %s", server.Name)
	}
	drill := exec.Command("sleep", "60")
	if err := drill.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := guard.Identify(drill.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := up.NoteFault(dir, up.Fault{Server: "A", Process: server.Identity, Drill: id}); err != nil {
		t.Fatal(err)
	}
	_ = server.Signal(syscall.SIGSTOP)
	eventually(t, "the server is stopped", server.Stopped)
	for deadline := time.Now().Add(1500 * time.Millisecond); time.Now().Before(deadline); {
		if !server.Stopped() {
			t.Fatal("the fault of a drill that runs was undone")
		}
		time.Sleep(20 * time.Millisecond) // the pace of the poll
	}
	_ = drill.Process.Kill()
	_ = drill.Wait()
	eventually(t, "the server goes on", func() bool { return !server.Stopped() })
	eventually(t, "the fault is forgotten", func() bool {
		_, err := os.Stat(filepath.Join(dir, "fault.json"))
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestThePolicyThatAKilledDrillHasReplacedIsRestored(t *testing.T) {
	dir := t.TempDir()
	start(t, options(dir, freeBase(t)))
	drill := exec.Command("sleep", "60")
	if err := drill.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := guard.Identify(drill.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	_ = drill.Process.Kill()
	_ = drill.Wait()
	if err := up.NoteFault(dir, up.Fault{Drill: id, Policy: []httpapi.PolicyChange{
		{FailBack: "auto", HoldDown: "10s"}, {Order: "longest-running", FailBack: "never"},
	}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the fault is forgotten", func() bool {
		_, err := os.Stat(filepath.Join(dir, "fault.json"))
		return errors.Is(err, os.ErrNotExist)
	})
	given, err := os.ReadFile(policiesOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	first, second := strings.Index(string(given), `"10s"`), strings.Index(string(given), `"longest-running"`)
	if first < 0 || second < first {
		t.Errorf("the servers were given %s", given)
	}
}

func TestAPartThatCannotStartEndsAllAndIsQuoted(t *testing.T) {
	for _, part := range []string{"broker", "sim", "server"} {
		t.Run(part, func(t *testing.T) {
			t.Setenv(envFail, part)
			dir := t.TempDir()
			_, err := up.Start(t.Context(), options(dir, freeBase(t)))
			if err == nil || !strings.Contains(err.Error(), "the planted fault") {
				t.Fatalf("got %v, want the last words of the %s", err, part)
			}
			run, err := up.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if !allEnded(run) || len(run.Processes) != 0 {
				t.Errorf("parts live on: %v", run.Processes)
			}
			// Its log goes on; what an earlier start said is not quoted again.
			_, err = up.Start(t.Context(), options(dir, freeBase(t)))
			if n := strings.Count(err.Error(), "the planted fault"); n != 1 {
				t.Errorf("it is quoted %d times: %v", n, err)
			}
		})
	}
}

func TestASecondUpInTheSameFolderIsToldWhoHoldsIt(t *testing.T) {
	dir, base := t.TempDir(), freeBase(t)
	start(t, options(dir, base))
	_, err := up.Start(t.Context(), options(dir, base))
	want := fmt.Sprintf("folder %s is in use by process %d;", dir, os.Getpid())
	if !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v, want a conflict: %s", err, want)
	}
}

func TestAFolderOfAnotherLandscapeIsRefused(t *testing.T) {
	opts := options(t.TempDir(), freeBase(t))
	opts.Landscape = "studio-1"
	if err := start(t, opts).Stop(); err != nil {
		t.Fatal(err)
	}
	opts.Landscape = "studio-2"
	_, err := up.Start(t.Context(), opts)
	if !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), `"studio-1"`) {
		t.Fatalf("got %v, want a conflict that names studio-1", err)
	}
	opts.Landscape = "" // the folder's
	if got := start(t, opts).Run().Landscape; got != "studio-1" {
		t.Errorf("landscape %q, want studio-1", got)
	}
}

func TestAFolderKeepsItsLog(t *testing.T) {
	dir, base := t.TempDir(), freeBase(t)
	opts := options(dir, base)
	if err := start(t, opts).Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data", "server-A"), 0o755); err != nil { // as a real server does
		t.Fatal(err)
	}
	opts.Kafka = []string{"127.0.0.1:1"}
	if _, err := up.Start(t.Context(), opts); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "without --kafka") {
		t.Errorf("another Kafka for a folder with its own broker: %v", err)
	}
	run, err := up.Load(dir)
	if err != nil || !run.OwnBroker() {
		t.Fatalf("%v, %v", run.Kafka, err)
	}
	run.Kafka = []string{"kafka-1:9092", "kafka-2:9092"}
	b, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, up.FileName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	opts.Kafka = nil
	if _, err := up.Start(t.Context(), opts); !errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "--kafka kafka-1:9092,kafka-2:9092") {
		t.Errorf("no Kafka for a folder that had one: %v", err)
	}
}

func TestAFolderThatTakesNoDataIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := up.Start(t.Context(), options(filepath.Join(file, "sub"), freeBase(t)))
	if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("got %v, want an invalid folder", err)
	}
}

func TestWrongOptionsAreAllNamed(t *testing.T) {
	opts := options(t.TempDir(), 80)
	opts.Servers, opts.Landscape, opts.Kafka, opts.TTL = 9, "A B", []string{"nowhere"}, "soon"
	_, err := up.Start(t.Context(), opts)
	if !errors.Is(err, domain.ErrInvalid) {
		t.Fatalf("got %v, want invalid", err)
	}
	for _, want := range []string{"--servers", "--port-base", "--landscape", "--kafka", "--ttl"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestEverythingEndsWithAKilledUp(t *testing.T) {
	dir := t.TempDir()
	cmd, said := spawnUp(t, dir, freeBase(t))
	if !strings.Contains(said, "ready") {
		t.Fatal(said)
	}
	run, err := up.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all parts end with their up", func() bool { return allEnded(run) })
}

func TestTheNextUpEndsALeftover(t *testing.T) {
	dir, base := t.TempDir(), freeBase(t)
	t.Setenv(envDeaf, "sim")
	cmd, said := spawnUp(t, dir, base)
	t.Setenv(envDeaf, "")
	run, err := up.Load(dir)
	if err != nil {
		t.Fatal(err, said)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	var left []up.Process
	for _, p := range run.Processes {
		if p.Kind == up.KindSimulator {
			left = append(left, p)
		}
	}
	for _, p := range left {
		if !p.Alive() {
			t.Fatalf("%s has ended; nothing is left over", p.Name)
		}
	}
	start(t, options(dir, base))
	for _, p := range left {
		if p.Alive() {
			t.Errorf("%s lives on", p.Name)
		}
	}
}

func TestAPartThatEndsByItselfIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	u := start(t, options(dir, freeBase(t)))
	gate := u.Run().Processes[2]
	if gate.Name != up.GateID {
		t.Fatalf("process 2 is %s", gate.Name)
	}
	_ = gate.Signal(syscall.SIGKILL)
	eventually(t, "the part runs again", func() bool {
		for _, p := range u.Run().Processes {
			if p.Name == up.GateID {
				return p.Identity != gate.Identity && p.Alive()
			}
		}
		return false
	})
}

func TestTheControlSteersPartsAndRelaysForHoldersOfTheToken(t *testing.T) {
	dir := t.TempDir()
	u := start(t, options(dir, freeBase(t)))
	run := u.Run()
	secret, err := os.ReadFile(run.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.Fields(string(secret))[1]
	post := func(path, body, token string) int {
		req, err := http.NewRequest(http.MethodPost, run.Control+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for _, c := range []struct {
		path, body, token string
		want              int
	}{
		{"/relay/A", `{"mode":"drop"}`, "wrong", 401},
		{"/relay/A", `{"mode":"drop"}`, token, 200},
		{"/relay/A", `{"mode":"heal"}`, token, 200},
		{"/relay/A", `{"mode":"most"}`, token, 400},
		{"/relay/Z", `{"mode":"drop"}`, token, 404},
		{"/processes/nobody/stop", "", token, 404},
		{"/processes/gate-1/explode", "", token, 400},
		{"/processes/guard-B/stop", "", token, 200},
		{"/restarts", `{"on":false}`, token, 200},
	} {
		if got := post(c.path, c.body, c.token); got != c.want {
			t.Errorf("POST %s %s: %d, want %d", c.path, c.body, got, c.want)
		}
	}
	guardOf := func(server string) guard.Identity {
		for _, p := range u.Run().Processes {
			if p.Name == "guard-"+server {
				return p.Identity
			}
		}
		return guard.Identity{}
	}
	if guardOf("B").Alive() {
		t.Error("guard B lives after it was stopped")
	}
	// A gate that is killed at the same time would be started again, were it not
	// for /restarts; a guard that was stopped on purpose is not in any case.
	for _, p := range u.Run().Processes {
		if p.Name == up.GateID {
			_ = p.Signal(syscall.SIGKILL)
		}
	}
	for deadline := time.Now().Add(1500 * time.Millisecond); time.Now().Before(deadline); {
		if guardOf("B").Alive() {
			t.Fatal("guard B was started again after it had been stopped on purpose")
		}
		time.Sleep(20 * time.Millisecond) // the pace of the poll
	}
	for _, p := range u.Run().Processes {
		if p.Name == up.GateID && p.Alive() {
			t.Error("the gate was started again although restarts are off")
		}
	}
	if got := post("/processes/server-B/start", "", token); got != 200 || !guardOf("B").Alive() {
		t.Errorf("start: %d, alive %v", got, guardOf("B").Alive())
	}
	if res, err := http.Get(run.Control + "/processes"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("GET /processes: %v, %v", res, err)
	}
}
