package bench

import (
	"testing"
)

// BenchmarkFold is the measurement fold, for a profile:
//
//	go test ./infra/bench -run xxx -bench Fold -cpuprofile cpu.out -memprofile mem.out
func BenchmarkFold(b *testing.B) {
	run := &bench{Options: Options{Records: 60_000, Progress: func(Progress) {}}, plan: all}
	log, err := run.logInMemory()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var rate float64
	for b.Loop() {
		if rate, err = log.fold(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rate, "records/s")
	b.ReportMetric(log.allocations, "allocations/record")
}
