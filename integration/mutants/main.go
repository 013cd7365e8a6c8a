package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// simulate plays whole landscapes, see -sim.
var simulate = test("integration/sim", "TestNoHistory", "-seed", "1", "-for", "20s", "-shrink", "0")

func main() {
	only := flag.String("only", "", "run those whose name or file holds this")
	bySim := flag.Bool("sim", false, "let the simulator alone look for those of the domain and the projections")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := report(ctx, *only, *bySim); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// report plants all faults and prints a row for each.
func report(ctx context.Context, only string, bySim bool) error {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l := &laboratory{top: filepath.Dir(strings.TrimSpace(string(mod))), dir: dir, made: map[string]string{}}
	var chosen []mutant
	for _, m := range all() {
		if bySim {
			if !strings.HasPrefix(m.file, "domain/") && !strings.HasPrefix(m.file, "projections/") {
				continue
			}
			m.checks = in(simulate)
		}
		if strings.Contains(m.name+" "+m.file, only) {
			chosen = append(chosen, m)
		}
	}
	if err := l.soundness(ctx, chosen); err != nil {
		return err
	}
	fmt.Println("| # | fault | caught by | after | how |\n|---|---|---|---|---|")
	start, caught := time.Now(), 0
	var faults []error
	for i, m := range chosen {
		k, err := l.try(ctx, &m)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errSurvived):
			fmt.Printf("| %d | %s (%s) | SURVIVED %d checks | | |\n", i+1, m.name, m.file, len(m.checks))
			faults = append(faults, fmt.Errorf("%s: %w", m.name, err))
		case err != nil:
			fmt.Printf("| %d | %s (%s) | NOT A MUTANT | | |\n", i+1, m.name, m.file)
			faults = append(faults, fmt.Errorf("%s: %w", m.name, err))
		default:
			caught++
			fmt.Printf("| %d | %s (%s) | %s %s | %s | %s |\n", i+1, m.name, m.file, k.check.pkg, k.test, k.took.Round(10*time.Millisecond), cell(k.words))
		}
	}
	fmt.Printf("\n%d of %d caught, in %s\n", caught, len(chosen), time.Since(start).Round(time.Second))
	return errors.Join(faults...)
}

// soundness runs all checks without a fault.
func (l *laboratory) soundness(ctx context.Context, chosen []mutant) error {
	start, done := time.Now(), map[string]bool{}
	for _, m := range chosen {
		for _, c := range m.checks {
			if !done[c.String()] {
				done[c.String()] = true
				if err := l.baseline(ctx, c); err != nil {
					return err
				}
			}
		}
	}
	fmt.Printf("%d checks pass without a fault, in %s\n\n", len(done), time.Since(start).Round(time.Second))
	return nil
}

// cell makes words fit a cell of a table.
func cell(s string) string {
	const limit = 160
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, "|", "/")), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + " …"
	}
	return s
}
