package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The fake landscape runs another release, has a name that is taken, and brokers that
// nobody reaches: all of it is said at once, and nothing is written.
func TestAllThatIsInTheWayOfAJoinIsSaidAtOnce(t *testing.T) {
	l := newLandscape(t)
	into := filepath.Join(t.TempDir(), "d")
	code, out, errOut := l.bare(t, "", "cluster", "join", l.a.status.PrimaryAddress, "--token", "0a0b.secret", "--name", "D", "--into", into)
	if code != exitRefused || out != "" {
		t.Errorf("exit %d, %q", code, out)
	}
	for _, want := range []string{"D cannot join yet:", "precedence 1 is taken", "version: this is release 0.1, and the landscape runs 9.9", "brokers: 127.0.0.1:1"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("%q does not say %q", errOut, want)
		}
	}
	for _, name := range []string{"keys", "server.yaml"} {
		if _, err := os.Stat(filepath.Join(into, name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

func TestAServerThatDoesNotAnswerCannotBeJoined(t *testing.T) {
	l := newLandscape(t)
	if code, _, errOut := l.bare(t, "", "cluster", "join", "ftp://x", "--token", "0a0b.secret", "--name", "D"); code != exitUsage || !strings.Contains(errOut, `ADDRESS "ftp://x": give the URL of a server of the landscape`) {
		t.Errorf("exit %d: %s", code, errOut)
	}
	code, _, errOut := l.bare(t, "", "cluster", "join", "http://127.0.0.1:9", "--token", "0a0b.secret", "--name", "D", "--into", t.TempDir())
	if code != exitError || !strings.Contains(errOut, "admission: ") {
		t.Errorf("exit %d, %q", code, errOut)
	}
}
