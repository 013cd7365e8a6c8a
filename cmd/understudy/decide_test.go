package main

import (
	"strings"
	"testing"
)

// Taking a server out cannot be undone: where nobody can be asked, it is to be said on the line.
func TestAServerIsTakenOutOnAWordOnly(t *testing.T) {
	l := newLandscape(t)
	for _, how := range []string{"leave", "remove"} {
		if code, out, errOut := l.cli(t, "", "cluster", how, "C", "--reason", "sold"); code != exitRefused || out != "" || !strings.Contains(errOut, "--force") {
			t.Errorf("%s: exit %d, %s%s", how, code, out, errOut)
		}
		if code, out, errOut := l.cli(t, "", "cluster", how, "C", "--reason", "sold", "--force"); code != exitOK || !strings.Contains(out, "removes C") {
			t.Errorf("%s --force: exit %d, %s%s", how, code, out, errOut)
		}
	}
}

// A salvo that is not there is a file that is not there, and no fault of the line.
func TestASalvoThatIsNotThereEndsAsDocumented(t *testing.T) {
	l := newLandscape(t)
	if code, _, errOut := l.cli(t, "", "route", "salvo", "d", "/nowhere/at/all"); code != exitError {
		t.Errorf("exit %d, %s", code, errOut)
	}
}
