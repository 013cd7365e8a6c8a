package clock_test

import (
	"testing"

	"github.com/understudy-io/understudy/infra/clock"
)

func TestReadingsNeverGoBack(t *testing.T) {
	last := clock.Boot()
	for range 100_000 {
		now := clock.Boot()
		if now < last {
			t.Fatalf("the clock went back from %v to %v", last, now)
		}
		last = now
	}
	if last <= 0 {
		t.Fatalf("a reading of %v is no time since boot", last)
	}
}

func BenchmarkBoot(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		_ = clock.Boot()
	}
}
