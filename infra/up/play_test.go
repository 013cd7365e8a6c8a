package up_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/infra/broker"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

// The test binary plays the parts of a landscape as well, by the arguments that
// up gives them; envUp makes it run up itself.
const (
	envUp   = "UP_TEST_DIR"
	envBase = "UP_TEST_BASE"
	envFail = "UP_TEST_FAIL" // a part that cannot start, by its first argument
	envDeaf = "UP_TEST_DEAF" // a part that hears neither signals nor its lifeline
	envOut  = "UP_TEST_OUT"  // the letters of servers that were removed, and stay out
	envMute = "UP_TEST_MUTE" // a server that cannot listen, and tries again and again
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envUp); dir != "" && len(os.Args) == 1 {
		playUp(dir)
		return
	}
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		play(os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

func play(args []string) {
	if os.Getenv(envFail) == args[0] {
		fmt.Println("the planted fault")
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	line, err := guard.InheritLifeline()
	must(err)
	if os.Getenv(envDeaf) == args[0] {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		stop()
		ctx = context.Background()
	}
	line.Watch(ctx, stop)
	flag := func(name string) string {
		for i, a := range args {
			if a == name {
				return args[i+1]
			}
		}
		return ""
	}
	switch args[0] {
	case "broker":
		b, err := broker.Start(ctx, broker.Config{Folder: flag("--dir"), Listen: flag("--listen"), Landscape: flag("--landscape"), Unsynced: true}, slog.New(slog.DiscardHandler))
		must(err)
		<-ctx.Done()
		must(b.Close())
	case "sim":
		for _, f := range []string{"--listen", "--control"} {
			_, err := net.Listen("tcp", flag(f))
			must(err)
		}
		<-ctx.Done()
	case "server":
		playServer(ctx, flag("--config"))
	}
}

// playServer answers as a server that is ready; A is the primary.
func playServer(ctx context.Context, config string) {
	run, err := up.Load(filepath.Dir(config))
	must(err)
	for _, s := range run.Servers {
		if s.Config != config {
			continue
		}
		if strings.Contains(os.Getenv(envOut), s.Name) {
			fmt.Println(s.Name, "was removed; it stays out")
			os.Exit(guard.ExitUnusable)
		}
		if os.Getenv(envMute) == s.Name {
			fmt.Println("address already in use")
			<-ctx.Done()
			return
		}
		mux := http.NewServeMux()
		mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
		if s.Name == "A" {
			mux.HandleFunc("/primary", func(http.ResponseWriter, *http.Request) {})
		}
		mux.HandleFunc("/api/v1/devices", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode([]map[string]any{{"id": up.VideohubID, "connected": true}, {"id": up.GateID, "connected": true}})
		})
		mux.HandleFunc("/api/v1/cluster/policy", func(w http.ResponseWriter, r *http.Request) {
			f, err := os.OpenFile(policiesOf(run.Dir), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			must(err)
			_, err = io.Copy(f, r.Body)
			must(errors.Join(err, f.Close()))
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"done": "the policy is another one"}`)
		})
		l, err := net.Listen("tcp", strings.TrimPrefix(s.Address, "http://"))
		must(err)
		go func() { must(http.Serve(l, mux)) }()
		<-ctx.Done()
	}
}

// policiesOf is where the servers of a folder note the policies that they are given.
func policiesOf(dir string) string { return filepath.Join(dir, "policies") }

// playUp runs up in this process, and says so on stdout.
func playUp(dir string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var base int
	_, _ = fmt.Sscan(os.Getenv(envBase), &base)
	u, err := up.Start(ctx, options(dir, base))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	<-ctx.Done()
	must(u.Stop())
}

func must(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func options(dir string, base int) up.Options {
	return up.Options{
		Dir: dir, PortBase: base, Servers: 3, Program: os.Args[0], Version: "test", User: "tester",
		Logger: slog.New(slog.DiscardHandler),
		Printf: func(format string, args ...any) { fmt.Printf(format+"\n", args...) },
	}
}

// freeBase finds a hundred ports of which those that up uses are free.
func freeBase(t *testing.T) int {
	t.Helper()
	for base := 21000 + os.Getpid()%97*100; base < 31900; base += 100 {
		free := true
		for port := range 40 {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+port))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// spawnUp runs up in a process of its own and waits until it says something.
func spawnUp(t *testing.T, dir string, base int) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envUp+"="+dir, fmt.Sprintf("%s=%d", envBase, base))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var said strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if strings.Contains(said.String(), "ready\n") || err != nil {
			return cmd, said.String()
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // the pace of the poll
	}
}
