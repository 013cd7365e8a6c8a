package faultpoint_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/infra/faultpoint"
)

// reaching is set in the process that plays the one that is stopped.
const reaching = "FAULTPOINT_REACHING"

func TestMain(m *testing.M) {
	if os.Getenv(reaching) == "" {
		os.Exit(m.Run())
	}
	p := faultpoint.New()
	p.Reach()
	fmt.Println("before")
	p.Arm()
	p.Reach()
	fmt.Println("after")
	p.Reach()
	fmt.Println("again")
}

func TestTheProcessStopsExactlyThere(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), reaching+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "before" {
		t.Fatalf("it said %q", lines.Text())
	}
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err == nil && strings.HasPrefix(string(b[strings.LastIndexByte(string(b), ')')+2:]), "T") {
			break
		}
		if time.Now().After(until) {
			t.Fatal("it does not stop")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	if got := strings.Join(said, " "); got != "after again" {
		t.Errorf("after SIGCONT it said %q", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
