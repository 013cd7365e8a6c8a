package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The faults are planted by task mutants. Here it is only seen that each still has
// its place.
func TestEveryMutantHasItsPlace(t *testing.T) {
	names := map[string]bool{}
	for _, m := range all() {
		if _, err := m.planted(filepath.Join("..", "..")); err != nil {
			t.Error(err)
		}
		if m.old == m.new || m.name == "" || names[m.name] {
			t.Errorf("%q changes nothing, or is there twice", m.name)
		}
		names[m.name] = true
		if len(m.checks) == 0 {
			t.Errorf("%s: no check is named that should catch it", m.name)
		}
		for _, c := range m.checks {
			if tests, _ := filepath.Glob(filepath.Join("..", "..", c.pkg, "*_test.go")); len(tests) == 0 {
				t.Errorf("%s: %s has no tests", m.name, c.pkg)
			}
		}
	}
	if len(names) < 24 {
		t.Errorf("%d faults are planted, that is too few", len(names))
	}
}

func TestAMutantWhoseTextIsGoneHasRotted(t *testing.T) {
	top := t.TempDir()
	if err := os.WriteFile(filepath.Join(top, "a.go"), []byte("one two two"), 0o600); err != nil {
		t.Fatal(err)
	}
	for old, want := range map[string]string{"one": "1 two two", "two": "", "three": ""} {
		got, err := (&mutant{name: "m", file: "a.go", old: old, new: "1"}).planted(top)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", old, got, err)
		}
	}
}

func TestTheFirstFailureIsFoundInTheOutput(t *testing.T) {
	for _, c := range []struct{ out, test, words string }{
		{"=== RUN   TestA\n    a_test.go:7: at 1s: two act (seed 3)\n--- FAIL: TestA (0.1s)\nFAIL\n", "TestA", "a_test.go:7: at 1s: two act (seed 3)"},
		{"=== RUN   TestA\n=== RUN   TestA/a\n    a_test.go:5: well\n=== RUN   TestA/b\n    a_test.go:6: ill\n    a_test.go:7: more\n--- FAIL: TestA (0.1s)\n    --- PASS: TestA/a (0s)\n    --- FAIL: TestA/b (0s)\n", "TestA/b", "a_test.go:6: ill"},
		{"    --- FAIL: TestA/b (0s)\n        a_test.go:9: x\n", "TestA/b", "a_test.go:9: x"},
		{"panic: boom\n\ngoroutine 1\n", "", "panic: boom"},
	} {
		if test, words := firstFailure(c.out); test != c.test || words != c.words {
			t.Errorf("%q: %q, %q", c.out, test, words)
		}
	}
}
