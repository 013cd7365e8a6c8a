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
	folds, seconds := 0, 0.0 // for a record, of the processor
	for b.Loop() {
		rate, err := log.fold()
		if err != nil {
			b.Fatal(err)
		}
		folds++
		seconds += 1 / rate
	}
	b.ReportMetric(float64(folds)/seconds, "records/s")
	b.ReportMetric(log.allocations, "allocations/record")
}
