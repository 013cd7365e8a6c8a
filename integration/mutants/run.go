package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Bounds of one check.
const (
	compileWithin = 5 * time.Minute
	checkWithin   = 3 * time.Minute
)

// laboratory compiles and runs tests with and without a fault.
type laboratory struct {
	top  string // of the module
	dir  string // for what is made on the way
	made map[string]string
}

// catch is a check that failed, and the words it failed with.
type catch struct {
	check check
	tries int
	test  string // that failed
	words string
	took  time.Duration
}

var errSurvived = errors.New("no check noticed")

// try plants a fault and runs its checks until one fails.
func (l *laboratory) try(ctx context.Context, m *mutant) (*catch, error) {
	overlay, err := l.plant(m)
	if err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for i, c := range m.checks {
		if programs[c.pkg] == "" {
			if programs[c.pkg], err = l.compile(ctx, c.pkg, overlay, fmt.Sprintf("mutant-%d.test", i)); err != nil {
				return nil, fmt.Errorf("not a mutant, it does not compile: %w", err)
			}
		}
		start := time.Now()
		out, failed, err := l.run(ctx, c, programs[c.pkg], overlay)
		if err != nil {
			return nil, err
		}
		if failed {
			k := &catch{check: c, tries: i + 1, took: time.Since(start)}
			k.test, k.words = firstFailure(out)
			return k, nil
		}
	}
	return nil, errSurvived
}

// plant writes the file with the fault and the overlay that names it.
func (l *laboratory) plant(m *mutant) (overlay string, err error) {
	text, err := m.planted(l.top)
	if err != nil {
		return "", err
	}
	broken := filepath.Join(l.dir, "mutant.go")
	names, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(l.top, m.file): broken}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(l.dir, "overlay.json")
	return overlay, errors.Join(os.WriteFile(broken, text, 0o600), os.WriteFile(overlay, names, 0o600))
}

// compile makes a package's test program.
func (l *laboratory) compile(ctx context.Context, pkg, overlay, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, compileWithin)
	defer cancel()
	program := filepath.Join(l.dir, name)
	args := []string{"test", "-c", "-o", program}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = l.top
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
}

// run runs a check's test program in its package's folder, as go test does. What it
// builds itself has the fault too.
func (l *laboratory) run(ctx context.Context, c check, program, overlay string) (out string, failed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin+10*time.Second)
	defer cancel()
	args := append([]string{"-test.failfast", "-test.v", "-test.timeout", checkWithin.String(), "-test.run", c.run}, c.args...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join(l.top, c.pkg)
	if overlay != "" {
		cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)
	}
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil && !strings.Contains(b.String(), "--- PASS"):
		return "", false, fmt.Errorf("%s runs no test", c)
	case err == nil:
		return b.String(), false, nil
	case errors.As(err, &exit):
		return b.String(), true, nil
	}
	return "", false, fmt.Errorf("run %s: %w", c, err)
}

// baseline runs a check without any fault: one that fails then catches nothing.
func (l *laboratory) baseline(ctx context.Context, c check) error {
	if l.made[c.pkg] == "" {
		program, err := l.compile(ctx, c.pkg, "", strings.ReplaceAll(c.pkg, "/", "-")+".test")
		if err != nil {
			return err
		}
		l.made[c.pkg] = program
	}
	out, failed, err := l.run(ctx, c, l.made[c.pkg], "")
	if failed {
		test, words := firstFailure(out)
		return fmt.Errorf("%s fails without any fault: %s: %s", c, test, words)
	}
	return err
}

var (
	failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	words   = regexp.MustCompile(`(?m)^\s+(\w+\.go:\d+: .*)$`)
	crash   = regexp.MustCompile(`(?m)^(panic: .*|fatal error: .*)$`)
)

// firstFailure finds the innermost test that failed and the first words that it
// said: the tests are told to stop at the first one.
func firstFailure(out string) (test, said string) {
	for _, f := range failure.FindAllStringSubmatch(out, -1) {
		test = f[1] // the innermost comes last
	}
	if p := crash.FindString(out); p != "" {
		return test, p
	}
	if _, its, found := strings.Cut(out, "=== RUN   "+test+"\n"); found {
		out = its
	}
	if w := words.FindStringSubmatch(out); w != nil {
		said = w[1]
	}
	return test, said
}
