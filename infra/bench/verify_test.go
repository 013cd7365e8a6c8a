package bench

import (
	"context"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/verify"
)

// judged is a log in memory, to be verified.
type judged struct {
	topic string
	log   []domain.Stored
}

func (j *judged) Bounds(_ context.Context, topic string) ([]domain.Bounds, error) {
	if topic == j.topic {
		return []domain.Bounds{{End: int64(len(j.log))}}, nil
	}
	return make([]domain.Bounds, 1), nil
}

func (j *judged) Fetch(_ context.Context, from []domain.FetchFrom, _ time.Duration, _ int) ([]domain.Fetched, error) {
	f := from[0]
	end := min(f.Offset+500, int64(len(j.log)))
	return []domain.Fetched{{Topic: f.Topic, Messages: j.log[f.Offset:end], Next: end}}, nil
}

// BenchmarkVerify is audit verify without a broker, for a profile:
//
//	go test ./infra/bench -run xxx -bench Verify -cpuprofile cpu.out -memprofile mem.out
func BenchmarkVerify(b *testing.B) {
	run := &bench{Options: Options{Records: 200_000, Progress: func(Progress) {}}, plan: all}
	log, err := run.logInMemory()
	if err != nil {
		b.Fatal(err)
	}
	source := &judged{topic: domain.Topic("bench", domain.TopicLog), log: log.messages}
	b.ReportAllocs()
	passes, took := 0, time.Duration(0) // of the processor
	for b.Loop() {
		began := cpuTime()
		if _, err := verify.Run(b.Context(), verify.Config{Landscape: "bench", Source: source, Codec: log.codec}); err != nil {
			b.Fatal(err)
		}
		took += cpuTime() - began
		passes++
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(passes*len(log.messages)), "ns/record")
}
