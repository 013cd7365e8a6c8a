package main

import (
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/httpapi"
)

// addJoined makes a server D that up does not know: the others do.
func (l *fakeLandscape) addJoined(t *testing.T) *fakeServer {
	t.Helper()
	d := &fakeServer{name: "D", role: httpapi.RoleSecondary}
	address := serveFake(t, d, func(token string) (string, bool) { return "anna", token == fakeToken })
	l.a.status.Servers[2] = httpapi.ServerStatus{Name: "D", Address: address, State: "hot"}
	l.b.status.Servers[2] = l.a.status.Servers[2]
	d.status = l.a.status
	return d
}

// A server that has joined is asked by its name like any other: the folder does not know
// it, the landscape does.
func TestAServerThatHasJoinedIsFoundByItsName(t *testing.T) {
	l := newLandscape(t)
	d := l.addJoined(t)
	code, out, errOut := l.cli(t, "", "cluster", "status", "--server", "D")
	if code != exitOK || !strings.Contains(out, "as server D sees it") {
		t.Errorf("status: exit %d, %s%s", code, out, errOut)
	}
	if code, _, errOut := l.cli(t, "", "takeover", "--force", "--reason", "test", "--server", "D"); code != exitOK || len(d.moves) != 1 {
		t.Errorf("takeover: exit %d, %v, %s", code, d.moves, errOut)
	}
	l.a.status.Next, l.b.status.Next = "D", "D"
	if code, _, errOut := l.cli(t, "", "takeover", "--force", "--reason", "test"); code != exitOK || len(d.moves) != 2 {
		t.Errorf("takeover by who comes next: exit %d, %v, %s", code, d.moves, errOut)
	}
}

// An address is enough: there is no folder on the machine of an operator.
func TestATakeoverNeedsNoFolder(t *testing.T) {
	l := newLandscape(t)
	address := l.a.status.Servers[1].Address
	t.Chdir(t.TempDir())
	code, _, errOut := l.bare(t, "", "takeover", "--force", "--reason", "test", "--address", address, "--token-file", l.dir+"/token")
	if code != exitOK || len(l.b.moves) != 1 {
		t.Errorf("exit %d, %v, %s", code, l.b.moves, errOut)
	}
}

// A server without a log knows of no member. It is asked all the same.
func TestAServerThatKnowsNobodyIsAskedItself(t *testing.T) {
	l := newLandscape(t)
	address := l.a.status.Servers[1].Address
	l.b.status.Servers = nil
	l.b.drift.Local = []string{"the file of B"}
	for line, want := range map[string]string{"cluster doctor --all": "reachable", "config drift": "the file of B"} {
		if _, out, errOut := l.bare(t, "", append(strings.Fields(line), "--address", address)...); !strings.Contains(out, want) {
			t.Errorf("%s: %s%s", line, out, errOut)
		}
	}
}

// What no policy can be is said in the words of the line, and nothing is asked.
func TestAPolicyThatNoneCanBeIsSaidWithItsFlag(t *testing.T) {
	l := newLandscape(t)
	for line, want := range map[string]string{
		"--order nonsense":                 "--order \"nonsense\": give one of longest-running, precedence and designated",
		"--fail-back sometimes":            "--fail-back \"sometimes\": give one of never, auto and manual",
		"--hold-down -5s":                  "--hold-down -5s: give 0s to 24h0m0s",
		"--fail-back auto --hold-down 25h": "--hold-down 25h0m0s: give 0s",
		"--max-members -1":                 "--max-members -1: give 1 to 64",
		"--max-members 99":                 "--max-members 99: give 1 to 64",
	} {
		if code, _, errOut := l.cli(t, "", append([]string{"cluster", "policy"}, strings.Fields(line)...)...); code != exitUsage || !strings.Contains(errOut, want) {
			t.Errorf("%s: exit %d, %s", line, code, errOut)
		}
	}
}

// A negative duration may mean the past or what is to come: it is refused.
func TestSoLongAgoHasNoSign(t *testing.T) {
	l := newLog(t)
	code, _, errOut := command(t, "state", "at", "--time", "-10s", "--kafka", l.address, "--landscape", "main", "--keys-file", l.keys)
	if code != exitUsage || !strings.Contains(errOut, "10s is for so long ago") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}
