package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/infra/bench"
	"github.com/understudy-io/understudy/infra/broker"
)

// Tiny sizes: what is tested is the report, not the machine.
func TestBenchMeasuresEverythingAndLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, os.Args[0], "bench", "--records", "4000", "--uids", "800", "--devices", "12",
		"--rounds", "1", "--block", "100ms", "--dir", dir, "-o", "json")
	cmd.Env = append(os.Environ(), envProgram+"=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends what it has started
	cmd.WaitDelay = 30 * time.Second
	var out, progress bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &progress
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v; it said:\n%s", err, strings.ReplaceAll(progress.String(), "\r", "\n"))
	}
	var figures []bench.Figure
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&figures); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bench.Figure)
	for _, f := range figures {
		if f.Name == "" || f.Unit == "" || f.Value < 0 || (f.Target == "") != (f.Met == nil) {
			t.Errorf("not a figure: %+v", f)
		}
		if _, twice := seen[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = f
	}
	// What stands beside it, and bounds that no machine leaves.
	for name, want := range map[string]struct {
		least, most float64
		limit       bool
	}{
		"fold":                  {1_000, 1e9, true},
		"fold_rules_alone":      {1_000, 1e9, true},
		"fold_allocations":      {0, 1_000, false},
		"latency_p50":           {0.05, 5_000, true},
		"latency_p99":           {0.05, 10_000, true},
		"latency_one_shot_p50":  {0.05, 10_000, true},
		"latency_one_shot_p99":  {0.05, 10_000, true},
		"latency_1000_p50":      {0.05, 10_000, true},
		"latency_1000_p99":      {0.05, 10_000, true},
		"ingest":                {10, 1e8, true},
		"replay":                {100, 1e8, true},
		"verify":                {100, 1e8, true},
		"verify_processor":      {0.1, 10_000, false},
		"sign_latency_p50":      {0.05, 5_000, true},
		"hang_p50":              {0.05, 10_000, true},
		"hang_p99":              {0.05, 10_000, true},
		"memory":                {5, 2_000, true},
		"configuration_applied": {0.001, 120, false},
		"configuration_pause":   {0.05, 10_000, true},
		"pause_p999":            {0.05, 10_000, true},
		"pause_export":          {0.0001, 10_000, false},
		"start_cold":            {0.01, 100, true},
		"start_snapshot":        {0.01, 100, false},
		"takeover":              {1, 15_000, false},
		"takeover_large":        {1, 15_000, true},
		"takeover_pending":      {1, 15_000, true},
	} {
		if strings.HasPrefix(name, "takeover") && runtime.GOOS != "linux" {
			continue // left out there
		}
		f, ok := seen[name]
		switch {
		case !ok:
			t.Errorf("%s is missing", name)
		case f.Value < want.least || f.Value > want.most:
			t.Errorf("%s is %g %s", name, f.Value, f.Unit)
		case want.limit && (f.Limit == nil || *f.Limit <= 0 || f.Ratio == nil || *f.Ratio <= 0):
			t.Errorf("%s has no limit beside it: %+v", name, f)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
}

func TestBenchMeasuresTheKafkaThatItIsGiven(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	folder := t.TempDir()
	b, err := broker.Start(ctx, broker.Config{Folder: folder, Landscape: "elsewhere", Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cmd := exec.CommandContext(ctx, os.Args[0], "bench", "--kafka", b.Address(), "--only", "ingest,start", "--records", "4000",
		"--uids", "800", "--devices", "12", "--rounds", "1", "--dir", t.TempDir())
	cmd.Env = append(os.Environ(), envProgram+"=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"ingest ", "start_cold ", "start_snapshot "} {
		if err != nil || !strings.Contains(string(out), "\n"+want) {
			t.Fatalf("%v, no %q in:\n%s", err, want, out)
		}
	}
	topics, err := os.ReadFile(filepath.Join(folder, "data", "topics.json"))
	if err != nil || !strings.Contains(string(topics), "understudy.elsewhere.log") || strings.Contains(string(topics), "understudy.bench-") {
		t.Errorf("the broker's topics are then %s (%v)", topics, err)
	}
}

func TestBenchRefusesWrongSizes(t *testing.T) {
	var out, errOut bytes.Buffer
	code := run(t.Context(), []string{"bench", "--uids", "50000", "--records", "1000", "--only", "speed"}, nil, &out, &errOut)
	if code != exitUsage || !strings.Contains(errOut.String(), "--records 150000") || !strings.Contains(errOut.String(), "--only speed") {
		t.Errorf("code %d, %q", code, errOut.String())
	}
}
