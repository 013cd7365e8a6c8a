package main

import (
	"testing"
	"time"
)

func TestAProcessThatReadsInBulkStaysWithinABound(t *testing.T) {
	for live, want := range map[uint64]int64{0: 200 << 20, 100 << 20: 200 << 20, 160 << 20: 200 << 20, 240 << 20: 300 << 20} {
		if got := bulkLimit(live); got != want {
			t.Errorf("with %d MB alive: %d MB, want %d", live>>20, got>>20, want>>20)
		}
	}
}

func TestABusyProcessMayGatherMoreGarbage(t *testing.T) {
	for name, test := range map[string]struct {
		live  uint64
		since time.Duration
		want  int // percent
	}{
		"small":            {1 << 20, 10 * time.Millisecond, 25 + 200},
		"small and quiet":  {1 << 20, time.Minute, 10 + 200},
		"large, at a fold": {160 << 20, 100 * time.Millisecond, 25 + 5},
		"large and quiet":  {160 << 20, 5 * time.Second, 10 + 5},
	} {
		if got := percentFor(test.live, test.since); got != test.want {
			t.Errorf("%s: %d %%, want %d", name, got, test.want)
		}
	}
}
