package guard

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOrphansAreReapedAndTheServerIsLeftToItsWaiter(t *testing.T) {
	// A subreaper inherits orphans as PID 1 does.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()

	var c children
	server := exec.Command("sh", "-c", "exit 7")
	if err := c.start(server); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("sh", "-c", "sh -c 'exit 0' & exit 0").Run(); err != nil {
		t.Fatal(err)
	}
	poll(t, "server and orphan have ended", func() bool { return len(zombies(os.Getpid())) == 2 })
	go c.reap(t.Context())
	poll(t, "the orphan is reaped", func() bool { return len(zombies(os.Getpid())) == 1 })
	if err := server.Wait(); err == nil || err.Error() != "exit status 7" {
		t.Fatalf("the server's end is %v, want exit status 7", err)
	}
}

func poll(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5 s: %s", what)
		}
		time.Sleep(time.Millisecond) // the pace of the poll
	}
}
