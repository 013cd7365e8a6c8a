package partition_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var mutants = flag.Bool("mutants", false, "break the fold on purpose, one rule at a time, and see the tests go red (a minute)")

// planted are faults, each as a change of one line of the fold. A test that
// does not notice them is no test.
var planted = []struct{ fault, file, line, instead string }{
	{"no deduplication", "command.go", "e := s.index.entries[key{r.Subject, r.UID}]; e != nil {", "e := s.index.entries[key{r.Subject, r.UID}]; e != nil && e.done {"},
	{"every repeat counts as the same wish", "command.go", "conflict := e.digest != digest", "conflict := false"},
	{"a forgotten command runs again", "command.go", "case s.index.forgot && created <= s.index.forgotten:", "case s.index.forgot && created < s.index.forgotten-1e9:"},
	{"as old as the newest forgotten is new", "command.go", "created <= s.index.forgotten:", "created < s.index.forgotten:"},
	{"a time from the future is remembered as its own", "command.go", "s.refuse(r, ch, s.logTime, digest, domain.ReasonFromFuture", "s.refuse(r, ch, created, digest, domain.ReasonFromFuture"},
	{"misplaced commands are judged here", "command.go", "owner != s.partition {", "owner < 0 {"},
	{"a refusal is not remembered", "command.go", "	s.remember(e)\n	s.refused", "	s.refused"},
	{"no fence against older epochs", "fence.go", "case r.Epoch < s.epoch:", "case false:"},
	{"an epoch opens twice", "fence.go", "	case r.Epoch == s.epoch:\n", "	case false:\n"},
	{"a retried append counts twice", "fence.go", "case r.Sequence <= s.sequence:", "case false:"},
	{"a sequence may skip", "fence.go", "case r.Sequence != s.sequence+1:", "case false:"},
	{"forgotten in log order", "queue.go", "return a.indexed < b.indexed || a.indexed == b.indexed && a.command < b.command", "return a.command < b.command"},
	{"the newest is forgotten first", "queue.go", "a.indexed < b.indexed ||", "a.indexed > b.indexed ||"},
	{"a command without an outcome is forgotten", "index.go", "!first.entry.done || ", ""},
	{"a forgotten entry stays in the hash", "index.go", "		s.uncount(&first.entry.item)\n", ""},
	{"log time follows any clock", "logtime.go", "case after(appended, s.logTime, MaxJump):", "case false:"},
	{"log time goes back", "logtime.go", "case appended <= s.logTime:", "case appended == s.logTime:"},
	{"a one-shot starts twice", "outcome.go", " || e.pending.Started {", " {"},
	{"a second outcome counts", "outcome.go", "e == nil || e.done || ", "e == nil || "},
	{"waiting repeats get no answer", "outcome.go", "s.note(s.answer(e, w), r.Position.Offset)", "_ = w"},
	{"a failed wish stays desired", "outcome.go", "		c.giveUp(d)\n", ""},
	{"a foreign change beats a pending command", "reported.go", "c.wishing == 0 && ", ""},
	{"no change is foreign", "reported.go", "foreign = before && ", "foreign = false && "},
	{"a doubt is forgotten", "outcome.go", "		s.doubt(r, ch, d, p, v)\n", ""},
	{"anybody may write facts", "apply.go", "class != domain.ClassCommand && !r.Signed", "false"},
	{"the sequence stops at a record that cannot be read", "apply.go", "class == domain.ClassUnknown && r.Sequence > 0", "false"},
}

func TestPlantedFaultsTurnTheTestsRed(t *testing.T) {
	for _, m := range planted {
		b, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), m.line); n != 1 {
			t.Errorf("%s: %s has %q %d times, want once: the fault is planted nowhere", m.fault, m.file, m.line, n)
			continue
		}
		if *mutants {
			t.Run(m.fault, func(t *testing.T) { plant(t, m.file, strings.Replace(string(b), m.line, m.instead, 1)) })
		}
	}
	if !*mutants {
		t.Log("the places of the faults are there; run with -mutants to plant them")
	}
}

// plant runs the package's tests with another text of one file.
func plant(t *testing.T, file, text string) {
	dir := t.TempDir()
	at, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, file)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{at: broken}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{file: []byte(text), "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-vet=off", "-short", "-failfast", "-overlay", filepath.Join(dir, "overlay.json"),
		"-skip", "Pinned", ".")
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		t.Error("the tests are green with the fault in place")
	case !strings.Contains(string(out), "--- FAIL"):
		t.Errorf("the tests did not run:\n%s", out)
	default:
		for _, l := range strings.Split(string(out), "\n") {
			if strings.HasPrefix(l, "--- FAIL") {
				t.Log(l)
			}
		}
	}
}
