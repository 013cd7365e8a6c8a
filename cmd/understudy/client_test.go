package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestWhatPeopleSee compares whole command lines with what they printed when
// somebody last looked: exit code, output and errors.
func TestWhatPeopleSee(t *testing.T) {
	set := []string{"route", "set", "videohub-1", "--dest", "5", "--source", "12", "--uid", "u-1"}
	pulse := []string{"command", "send", "gate-1", "pulse", "--uid", "show7-cue12"}
	result := func(change func(*httpapi.Result)) func(*fakeLandscape) {
		return func(l *fakeLandscape) { change(&l.a.result); change(&l.b.result) }
	}
	fails := func(err error) func(*fakeLandscape) {
		return func(l *fakeLandscape) { l.a.err, l.b.err = err, err }
	}
	for _, c := range []struct {
		name  string
		args  []string
		given func(*fakeLandscape)
	}{
		{"route set", set, nil},
		{"route set as json", append(set, "-o", "json"), nil},
		{"route set as yaml", append(set, "-o", "yaml"), nil},
		{"route set without an outcome", set, result(func(r *httpapi.Result) { r.Outcome, r.OutcomeAt, r.Steps = "", nil, nil })},
		{"route set without a primary", set, result(func(r *httpapi.Result) { r.Outcome, r.OutcomeAt, r.Steps, r.NoPrimary = "", nil, nil, true })},
		{"route set refused", set, result(func(r *httpapi.Result) {
			r.Outcome, r.Reason, r.Detail, r.Steps = domain.Refused, domain.ReasonOutOfRange, "destination 5 is not in 1 to 4", nil
		})},
		{"route set superseded", set, result(func(r *httpapi.Result) { r.Outcome, r.By, r.Steps = domain.Superseded, "u-2", nil })},
		{"route set again", set, result(func(r *httpapi.Result) { r.Duplicate = true })},
		{"route set under the UID of another", set, result(func(r *httpapi.Result) { r.Duplicate, r.Conflict = true, true })},
		{"route set of unknown fate", set, fails(fmt.Errorf("append: %w", domain.ErrUnknownFate))},
		{"salvo", []string{"route", "salvo", "videohub-1", "-", "--uid", "u-1"}, result(func(r *httpapi.Result) {
			r.Outcome, r.Items = domain.Failed, []domain.Item{
				{Target: "crosspoint/video/1", Outcome: domain.Confirmed},
				{Target: "crosspoint/video/2", Outcome: domain.Failed, Reason: domain.ReasonLocked},
			}
		})},
		{"pulse", pulse, result(func(r *httpapi.Result) {
			r.Steps = &httpapi.Steps{Started: 0.6, Sent: 0.7, Answered: 1.5, Confirmed: 1.5}
		})},
		{"pulse in doubt", pulse, result(func(r *httpapi.Result) { r.Outcome, r.Reason = domain.InDoubt, domain.ReasonUnknownFate })},
		{"command status", []string{"command", "status", "u-1", "--device", "videohub-1"}, nil},
		{"indoubt list", []string{"indoubt", "list"}, nil},
		{"indoubt list of nothing", []string{"indoubt", "list"}, func(l *fakeLandscape) { l.a.doubts, l.b.doubts = nil, nil }},
		{"indoubt resolve again", []string{"indoubt", "resolve", "show7-cue12", "--as", "again", "--reason", "gate is shut"}, nil},
		{"state get", []string{"state", "get", "videohub-1"}, nil},
		{"state get locks as yaml from B", []string{"state", "get", "videohub-1", "--target", "lock", "-o", "yaml", "--server", "B"}, nil},
		{"state get of nothing", []string{"state", "get", "videohub-9"}, nil},
		{"state list", []string{"state", "list"}, nil},
		{"cluster status", []string{"cluster", "status"}, nil},
		{"cluster status without a primary", []string{"cluster", "status"}, func(l *fakeLandscape) { l.a.status.Primary = "" }},
		{"cluster status with a silent server", []string{"cluster", "status"}, func(l *fakeLandscape) {
			silent := &l.a.status.Servers[1]
			silent.State, silent.Ready, silent.LastHeard = httpapi.StateSilent, false, 95_250
		}},
		{"switchover", []string{"switchover", "--to", "C"}, nil},
		{"switchover asked of another", []string{"switchover", "--server", "B"}, nil},
		{"takeover", []string{"takeover", "--force", "--reason", "test"}, nil},
		{"takeover without force", []string{"takeover", "--reason", "test"}, nil},
		{"takeover preview", []string{"takeover", "--preview", "--server", "B"}, func(l *fakeLandscape) {
			l.b.devices[1].Pending[0].Started, l.b.status.Servers[1].SyncMode = true, 1
			l.b.status.Paused = &httpapi.Paused{By: "anna"}
		}},
		{"cluster policy", []string{"cluster", "policy"}, func(l *fakeLandscape) {
			for _, f := range []*fakeServer{l.a, l.b} {
				f.status.Policy = &httpapi.Policy{Order: "designated", Members: []string{"B", "A"}, FailBack: "auto", HoldDown: "10s", By: "anna"}
				f.status.FailBack = &httpapi.FailBack{To: "B", In: 4200}
			}
		}},
		{"cluster policy where there is none", []string{"cluster", "policy"}, nil},
		{"cluster policy set", []string{"cluster", "policy", "--order", "precedence", "--hold-down", "30s"}, nil},
		{"cluster policy set in a piece", []string{"cluster", "policy", "--max-members", "8"}, nil},
		{"cluster pause", []string{"cluster", "pause", "--reason", "work"}, nil},
		{"cluster drain", []string{"cluster", "drain", "B"}, nil},
		{"cluster remove", []string{"cluster", "remove", "C", "--force", "--reason", "sold"}, nil},
		{"cluster dissolve without yes", []string{"cluster", "dissolve", "main", "--reason", "moved"}, nil},
		{"cluster token", []string{"cluster", "token"}, nil},
		{"cluster history", []string{"cluster", "history"}, nil},
		{"server that is not there", []string{"state", "list", "--server", "Z"}, nil},
		{"no permission", set, func(l *fakeLandscape) {
			if err := os.WriteFile(filepath.Join(l.dir, "token"), []byte("anna wrong\n"), 0o600); err != nil {
				panic(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLandscape(t)
			if c.given != nil {
				c.given(l)
			}
			code, out, errOut := l.cli(t, "1 10\n2 11\n", c.args...)
			got := fmt.Sprintf("exit %d\n%s", code, out)
			if errOut != "" {
				got += "--- errors\n" + errOut
			}
			golden(t, c.name, got)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "cli", strings.ReplaceAll(name, " ", "-")+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant, as in %s (go test -update after a look at it):\n%s", got, path, want)
	}
}

func TestWhatIsSentIsWhatWasAskedFor(t *testing.T) {
	for _, c := range []struct {
		args []string
		in   string
		want domain.Payload
	}{
		{[]string{"route", "set", "d", "--dest", "5", "--source", "12", "--level", "audio"}, "", domain.Take{Level: "audio", Destination: 5, Source: 12}},
		{[]string{"route", "lock", "d", "--dest", "5"}, "", domain.SetLock{Destination: 5, State: domain.LockOn}},
		{[]string{"route", "unlock", "d", "--dest", "5"}, "", domain.SetLock{Destination: 5, State: domain.LockOff}},
		{[]string{"route", "unlock", "d", "--dest", "5", "--force"}, "", domain.SetLock{Destination: 5, State: domain.LockForce}},
		{[]string{"label", "set", "d", "--input", "3", "--text", "Cam 3"}, "", domain.SetLabel{Port: domain.PortInput, Number: 3, Text: "Cam 3"}},
		{[]string{"label", "set", "d", "--output", "3", "--text", "", "-o", "json"}, "", domain.SetLabel{Port: domain.PortOutput, Number: 3}},
		{[]string{"command", "send", "d", "pulse"}, "", domain.Invoke{Verb: "pulse"}},
		{[]string{"command", "send", "d", "set", "--arg", "a=1", "--arg", "b=x=y,z"}, "", domain.Invoke{Verb: "set", Args: map[string]string{"a": "1", "b": "x=y,z"}}},
		{[]string{"route", "salvo", "d", "-"}, "# evening\n1 10\n\n2 11 audio # monitor\n", domain.Salvo{Takes: []domain.Take{{Destination: 1, Source: 10}, {Destination: 2, Source: 11, Level: "audio"}}}},
		{[]string{"route", "salvo", "d", "-"}, `[{"destination":1,"source":10}]`, domain.Salvo{Takes: []domain.Take{{Destination: 1, Source: 10}}}},
		{[]string{"route", "salvo", "d", "-"}, "- destination: 1\n  source: 10\n  level: audio\n", domain.Salvo{Takes: []domain.Take{{Destination: 1, Source: 10, Level: "audio"}}}},
	} {
		t.Run(strings.Join(c.args, " ")+c.in, func(t *testing.T) {
			l := newLandscape(t)
			code, _, errOut := l.cli(t, c.in, c.args...)
			if code != exitOK || len(l.a.commands) != 1 {
				t.Fatalf("exit %d, %s, %d commands", code, errOut, len(l.a.commands))
			}
			got := l.a.commands[0]
			if domain.DigestOf(got.Payload) != domain.DigestOf(c.want) || got.Device != "d" || len(got.UID) != 36 || got.Created.IsZero() || got.User != "anna" {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWrongUseIsSaidBeforeAnythingIsSent(t *testing.T) {
	for _, args := range [][]string{
		{"route", "set"},
		{"route", "set", "d"},
		{"route", "set", "d", "--dest", "x", "--source", "1"},
		{"route", "set", "d", "--dest", "0", "--source", "1"},
		{"route", "set", "d", "--dest", "1", "--source", "1", "-o", "xml"},
		{"route", "set", "d", "--dest", "1", "--source", "1", "--timeout", "2m"},
		{"route", "set", "d", "--dest", "1", "--source", "1", "--valid-for", "2h"},
		{"route", "set", "d", "--dest", "1", "--source", "1", "--server", "A", "--address", "http://127.0.0.1:1"},
		{"route", "set", "d", "--dest", "1", "--source", "1", "--uid", strings.Repeat("x", 129)},
		{"route", "salvo", "d", "-"},
		{"command", "send", "d", "v", "--uid", "a\nb"},
		{"command", "send", "d", "v", "--valid-for", "0s"},
		{"route", "lock", "d", "--dest", "0"},
		{"route", "lock", "d", "--dest", "1", "--force"},
		{"label", "set", "d", "--text", "x"},
		{"label", "set", "d", "--text", "x", "--input", "1", "--output", "2"},
		{"label", "set", "d", "--text", "x", "--output", "0"},
		{"command", "send", "d"},
		{"command", "send", "d", "v", "--uid", ""},
		{"command", "send", "d", "v", "--arg", "level"},
		{"command", "send", "d", "v", "--arg", "a=1", "--arg", "a=2"},
		{"indoubt", "resolve", "u", "--as", "maybe", "--reason", "x"},
		{"indoubt", "resolve", "u", "--as", "done", "--reason", ""},
		{"takeover", "--force"},
		{"cluster", "status", "--every", "1ms"},
		{"cluster", "history", "--last", "-1"},
		{"log", "tail", "--from", "middle"},
		{"log", "tail", "--topic", "else"},
		{"log", "tail", "-n", "-1"},
		{"log", "tail", "--server", "A"},
		{"no", "such"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			l := newLandscape(t)
			code, out, errOut := l.cli(t, "", args...)
			if code != exitUsage || out != "" || !strings.Contains(errOut, "--help") {
				t.Errorf("exit %d, %q, %q", code, out, errOut)
			}
			if len(l.a.commands)+len(l.a.moves)+len(l.a.verdicts) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func TestSalvosThatAreNoneAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"one number":             "5\n",
		"four words":             "1 2 3 4\n",
		"a word for a number":    "1 two\n",
		"destination zero":       "0 1\n",
		"nothing but a comment":  "# none\n",
		"a field never heard of": `[{"dest":1,"source":2}]`,
		"a source left out":      `[{"destination":1}]`,
		"not a list":             `{"destination":1,"source":2}`,
		"289 of them":            strings.Repeat("1 1\n", 289),
		"too much":               strings.Repeat("#\n", maxSalvoFile),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLandscape(t)
			if code, _, errOut := l.cli(t, text, "route", "salvo", "d", "-"); code != exitUsage || len(l.a.commands) != 0 || strings.Contains(errOut, "main.") {
				t.Errorf("exit %d, %s", code, errOut)
			}
		})
	}
}

func TestExitCodesAreThoseOfTheAPI(t *testing.T) {
	for mine, theirs := range map[int]int{
		exitOK: httpapi.ExitOK, exitError: httpapi.ExitError, exitUsage: httpapi.ExitUsage,
		exitRefused: httpapi.ExitRefused, exitNoPrimary: httpapi.ExitNoPrimary, exitUnconfirmed: httpapi.ExitUnsure,
	} {
		if mine != theirs {
			t.Errorf("%d here is %d there", mine, theirs)
		}
	}
}

func TestTheDoctorAsksEveryServerItself(t *testing.T) {
	l := newLandscape(t)
	code, out, errOut := l.cli(t, "", "cluster", "doctor")
	if code != exitError {
		t.Errorf("exit %d, %s", code, errOut)
	}
	for _, words := range []string{"C       reachable", "C does not answer at http://127.0.0.1:9", "no permission for BPF", "its wall clock is"} {
		if !strings.Contains(out, words) {
			t.Errorf("%q is not said in:\n%s", words, out)
		}
	}
}

// A server that was stopped in good order is told as such, and is no failure.
func TestAServerThatHasLeftIsShown(t *testing.T) {
	l := newLandscape(t)
	l.a.status.Former = []httpapi.FormerServer{{Name: "D", Address: "http://127.0.0.1:9", Position: 17, LastHeard: time.Date(2026, 1, 31, 20, 14, 2, 0, time.Local)}}
	l.b.status.Former = l.a.status.Former
	_, out, _ := l.cli(t, "", "cluster", "status")
	if !regexp.MustCompile(`(?m)^D +http://127.0.0.1:9 +- +left +no +- +- +17 .* at 2026-01-31 20:14:02$`).MatchString(out) {
		t.Errorf("the status is\n%s", out)
	}
	_, out, _ = l.cli(t, "", "cluster", "doctor")
	if !regexp.MustCompile(`(?m)^D +member +warning +it was stopped in good order, .*understudy cluster remove D --dir DIR`).MatchString(out) {
		t.Errorf("the doctor says\n%s", out)
	}
}

// Who looks at a server without the log is told of when its view is.
func TestAnOldViewSaysOfWhenItIs(t *testing.T) {
	l := newLandscape(t)
	since := time.Date(2026, 1, 31, 20, 14, 2, 0, time.Local)
	for i := range l.a.devices {
		l.a.devices[i].LogAway = since
	}
	if _, out, _ := l.cli(t, "", "state", "list", "--server", "A"); !strings.Contains(out, "has not seen the log since 2026-01-31 20:14:02: all of this is of then\n") {
		t.Errorf("the devices are\n%s", out)
	}
	l.a.status.Servers, l.a.status.Primary = nil, ""
	l.a.status.Server = httpapi.Self{Name: "A", State: "without a log", Reasons: []string{"there is no log"}, LogAway: since}
	_, out, _ := l.cli(t, "", "state", "get", "videohub-1", "--server", "A")
	if !strings.Contains(out, "that server has not seen the log since 2026-01-31 20:14:02: values and ages are of then\n") {
		t.Errorf("the device is\n%s", out)
	}
	_, out, _ = l.cli(t, "", "cluster", "status", "--server", "A")
	if strings.Contains(out, "SENIORITY") || !strings.Contains(out, "no server is listed: who they are stands in the log, and server A has not read it") || !strings.Contains(out, "server A is not ready: there is no log") {
		t.Errorf("the status is\n%s", out)
	}
}

func TestATakeoverGoesToTheNextInSeniority(t *testing.T) {
	l := newLandscape(t)
	if code, _, errOut := l.cli(t, "", "takeover", "--force", "--reason", "A hangs"); code != exitOK {
		t.Fatalf("exit %d, %s", code, errOut)
	}
	want := []string{`takeover by anna to "B": A hangs`}
	if !slices.Equal(l.b.moves, want) || len(l.a.moves) != 0 {
		t.Errorf("asked of A: %v, of B: %v, want B: %v", l.a.moves, l.b.moves, want)
	}
	// It is the one that the preview shows, whoever is asked.
	address := strings.TrimSuffix(l.a.status.PrimaryAddress, "/")
	if code, _, errOut := l.cli(t, "", "takeover", "--force", "--reason", "A hangs", "--address", address); code != exitOK {
		t.Fatalf("exit %d, %s", code, errOut)
	}
	if !slices.Equal(l.a.moves, want) {
		t.Errorf("asked of A: %v, want %v", l.a.moves, want)
	}
}

func TestLikeErrorsEndAlike(t *testing.T) {
	for class, want := range map[error]int{
		domain.ErrConflict: exitRefused, domain.ErrFenced: exitRefused, httpapi.ErrNoPrimary: exitNoPrimary, domain.ErrUnknownFate: exitUnconfirmed,
		domain.ErrInvalid: exitError, domain.ErrNotFound: exitError, domain.ErrTransient: exitError,
	} {
		if got := exitCode(fmt.Errorf("start: %w", class)); got != want {
			t.Errorf("%v ends with %d, want %d", class, got, want)
		}
	}
	if got := exitCode(fmt.Errorf("listen: %w", &os.SyscallError{Syscall: "bind", Err: syscall.EADDRINUSE})); got != exitRefused {
		t.Errorf("a port in use ends with %d", got)
	}
	if got := exitCode(withExit(exitUsage, domain.ErrConflict)); got != exitUsage {
		t.Errorf("what asks for a code itself ends with %d", got)
	}
}

func TestWrongUseIsToldInOurWords(t *testing.T) {
	l := newLandscape(t)
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"missing DEVICE: understudy route set DEVICE\n", []string{"route", "set", "--dest", "1", "--source", "1"}},
		{"missing DEVICE and VERB: understudy command send DEVICE VERB", []string{"command", "send"}},
		{`"c" is one too many: understudy command send DEVICE VERB, and the rest as flags`, []string{"command", "send", "a", "b", "c"}},
		{`"B" is one too many: understudy switchover takes no argument, only flags`, []string{"switchover", "B"}},
		{`"4" is one too many: understudy config show [REVISION]`, []string{"config", "show", "3", "4"}},
		{`understudy route has no command "st"; did you mean set?`, []string{"route", "st"}},
		{`--dest "x": give a whole number`, []string{"route", "set", "d", "--dest", "x", "--source", "1"}},
		{`--if-match "x": give a whole number, 0 or more`, []string{"config", "publish", "f", "--if-match", "x"}},
		{"missing --if-match\n", []string{"config", "publish", "f"}},
		{"missing --as and --reason\n", []string{"indoubt", "resolve", "u"}},
		{"--dir is not for join: name the folder of the new server with --into", []string{"cluster", "join", "http://127.0.0.1:9", "--name", "D"}},
		{`--valid-for "5": give a duration with its unit`, []string{"command", "send", "d", "v", "--valid-for", "5"}},
		{`--rate "x": give a number`, []string{"drill", "failover", "--rate", "x"}},
		{`--output "0": outputs count from 1`, []string{"label", "set", "d", "--text", "x", "--output", "0"}},
		{"uid has 300 bytes", []string{"command", "status", long}},
		{"device has 300 bytes", []string{"command", "status", "u", "--device", long}},
		{"device has 300 bytes", []string{"state", "get", long}},
		{"uid has 300 bytes", []string{"indoubt", "resolve", long, "--as", "done", "--reason", "x"}},
		{`--address "ftp://x": give the URL of a server`, []string{"state", "list", "--address", "ftp://x"}},
		{`--address "bad host": give the URL of a server`, []string{"state", "list", "--address", "bad host"}},
		{`--kafka "nonsense": give host:port`, []string{"log", "tail", "--kafka", "nonsense"}},
	} {
		code, _, errOut := l.cli(t, "", c.args...)
		if code != exitUsage || !strings.HasPrefix(errOut, "understudy: "+c.want) {
			t.Errorf("%.60v: exit %d, %s", c.args, code, errOut)
		}
	}
}

func TestAServersAdviceNamesTheSameLandscape(t *testing.T) {
	l := newLandscape(t)
	l.a.err = fmt.Errorf("nothing: `understudy state list` and `understudy log tail --topic deadletter` show more: %w", domain.ErrNotFound)
	l.b.err = l.a.err
	_, _, errOut := l.cli(t, "", "command", "status", "u-1")
	if want := "understudy: nothing: `understudy state list --dir DIR` and `understudy log tail --topic deadletter --dir DIR` show more\n"; errOut != want {
		t.Errorf("got  %swant %s", errOut, want)
	}
	address := serveFake(t, l.a, nil)
	_, _, errOut = l.bare(t, "", "command", "status", "u-1", "--address", address)
	for args, want := range map[string]string{
		"deadletter list --all": "understudy deadletter list --all --kafka HOST:PORT", "deadletter discard 3": "understudy deadletter discard 3 --address http://a",
		"state at": "understudy state at --kafka HOST:PORT", "state get d": "understudy state get d --address http://a",
	} {
		if got := (&globals{Address: "http://a"}).line(strings.Fields(args)...); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if want := "`understudy state list --address " + address + "` and `understudy log tail --topic deadletter --kafka HOST:PORT`"; !strings.Contains(errOut, want) {
		t.Errorf("got %s, want %s", errOut, want)
	}
}

func TestAMissingTokenIsSaidWithItsFlag(t *testing.T) {
	l := newLandscape(t)
	address := serveFake(t, l.a, nil)
	set := []string{"route", "set", "d", "--dest", "1", "--source", "1", "--address", address}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no folder":      {append(set, "--dir", t.TempDir()), "name the file that holds it with --token-file\n"},
		"a folder":       {append(set, "--dir", l.dir), "--token-file (that of DIR is for its own servers only)"},
		"a wrong file":   {append(set, "--token-file", l.write(t, "other", "anna wrong\n")), "the token comes from DIR/other"},
		"a file is none": {append(set, "--token-file", l.dir+"/nowhere"), "name another file with --token-file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := l.bare(t, "", c.args...)
			if code == exitOK || !strings.Contains(errOut, c.want) || strings.Contains(errOut, "Authorization") {
				t.Errorf("exit %d, %s", code, errOut)
			}
		})
	}
}

func TestAStoppedServerIsToldWithWhatLetsItGoOn(t *testing.T) {
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
	id, err := guard.Identify(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	l := newLandscape(t)
	running, err := json.Marshal(guard.Running{Identity: id, Incarnation: "i1"})
	if err != nil {
		t.Fatal(err)
	}
	path := l.write(t, guard.RunFileName, string(running))
	s := &session{run: &up.Run{Servers: []up.Server{{Name: "B", Address: "http://b", RunFile: path}}}}
	server := httpapi.ServerStatus{Name: "B", Address: "http://b", Incarnation: "i1"}
	if got := s.stopped(server); got != "" {
		t.Errorf("of one that runs it says %q", got)
	}
	_ = sleeper.Process.Signal(syscall.SIGSTOP)
	want := fmt.Sprintf("; its process is stopped, and goes on with: kill -CONT %d", id.PID)
	within(t, "the process is stopped", id.Stopped)
	if got := s.stopped(server); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheTokenGoesToTheFoldersServersOnly(t *testing.T) {
	l, other := newLandscape(t), newLandscape(t)
	address := serveFake(t, other.a, func(token string) (string, bool) {
		t.Errorf("token %q was sent to a server that is not of the folder", token)
		return "", false
	})
	code, _, errOut := l.cli(t, "", "route", "set", "d", "--dest", "1", "--source", "1", "--address", address)
	if code != exitRefused || !strings.Contains(errOut, "a token is needed") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

func TestAnAddressNeedsNoFolder(t *testing.T) {
	l := newLandscape(t)
	nowhere := t.TempDir()
	run := []string{"state", "list", "--dir", nowhere}
	if code, _, errOut := l.bare(t, "", run...); code != exitError || !strings.Contains(errOut, "start one with `understudy up --dir ") {
		t.Errorf("exit %d, %s", code, errOut)
	}
	address := serveFake(t, l.a, nil)
	if code, out, errOut := l.bare(t, "", append(run, "--address", address)...); code != exitOK || !strings.Contains(out, "videohub-1") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

func TestALandscapeThatEndedIsSaidSo(t *testing.T) {
	l := newLandscape(t)
	l.write(t, "up.json", `{"landscape":"main","servers":[{"name":"A","address":"http://127.0.0.1:1"}]}`)
	code, _, errOut := l.cli(t, "", "state", "list", "--token-file", filepath.Join(l.dir, "token"))
	if code != exitError || !strings.Contains(errOut, "has ended: start it again with `understudy up --dir DIR`") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

func TestLinesToPasteAreSafe(t *testing.T) {
	for word, want := range map[string]string{
		"show7-cue12": "show7-cue12", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "é": "'é'",
	} {
		if got := quoted(word); got != want {
			t.Errorf("%q became %s, want %s", word, got, want)
		}
	}
}

func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	if got := oneLine("a\x1b[2Jb\nc\td\u009be"); got != "a·[2Jb·c·d·e" {
		t.Errorf("got %q", got)
	}
}
