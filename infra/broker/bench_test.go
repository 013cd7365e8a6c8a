package broker

import (
	"slices"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
)

// These tell what the broker and the log's adapter cost; run them with
//
//	go test -run '^$' -bench . -benchtime 2000x ./infra/broker

var small = domain.Message{Key: []byte("router-1"), Value: make([]byte, 200)}

// report gives the quantiles of the runs of one benchmark.
func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(0, "ns/op")
}

func benchBroker(b *testing.B, unsynced bool) *Broker {
	b.Helper()
	cfg := config(b.TempDir())
	cfg.Unsynced = unsynced
	br, err := Start(b.Context(), cfg, quiet)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = br.Close() })
	return br
}

func BenchmarkAppendAndReadBack(b *testing.B) {
	for name, unsynced := range map[string]bool{"fsync": false, "unsynced": true} {
		b.Run(name, func(b *testing.B) {
			l := openLog(b, benchBroker(b, unsynced).Address())
			var took []time.Duration
			next := int64(0)
			for i := range b.N + 50 {
				begun := time.Now()
				out, err := l.Append(b.Context(), []domain.Batch{{Topic: controlTopic, Messages: []domain.Message{small}}})
				if err != nil {
					b.Fatal(err)
				}
				for next <= out[0].Offset {
					got, err := l.Fetch(b.Context(), []domain.FetchFrom{{Topic: controlTopic, Offset: next}}, time.Second, 1<<20)
					if err != nil {
						b.Fatal(err)
					}
					next = got[0].Next
				}
				if i >= 50 { // the first ones warm up
					took = append(took, time.Since(begun))
				}
			}
			report(b, took)
		})
	}
}

func BenchmarkAppendAndReadBackByBareClient(b *testing.B) {
	br := benchBroker(b, false)
	c := &kafkago.Client{Addr: kafkago.TCP(br.Address()), Transport: &kafkago.Transport{}}
	var took []time.Duration
	for i := range b.N + 50 {
		begun := time.Now()
		out, err := c.Produce(b.Context(), &kafkago.ProduceRequest{Topic: controlTopic, RequiredAcks: kafkago.RequireAll,
			Records: kafkago.NewRecordReader(kafkago.Record{Key: kafkago.NewBytes(small.Key), Value: kafkago.NewBytes(small.Value)})})
		if err != nil || out.Error != nil {
			b.Fatal(err, out)
		}
		got, err := c.Fetch(b.Context(), &kafkago.FetchRequest{Topic: controlTopic, Offset: out.BaseOffset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err != nil {
			b.Fatal(err)
		}
		if r, err := got.Records.ReadRecord(); err != nil || r.Offset != out.BaseOffset {
			b.Fatal(r, err)
		}
		if i >= 50 {
			took = append(took, time.Since(begun))
		}
	}
	report(b, took)
}

// BenchmarkAppendToEightPartitions is what a new primary waits for before it
// acts: its mark in every partition.
func BenchmarkAppendToEightPartitions(b *testing.B) {
	for name, unsynced := range map[string]bool{"fsync": false, "unsynced": true} {
		b.Run(name, func(b *testing.B) {
			l := openLog(b, benchBroker(b, unsynced).Address())
			var batches []domain.Batch
			for p := range int32(8) {
				batches = append(batches, domain.Batch{Topic: logTopic, Partition: p, Messages: []domain.Message{small}})
			}
			var took []time.Duration
			for i := range b.N + 50 {
				begun := time.Now()
				if _, err := l.Append(b.Context(), batches); err != nil {
					b.Fatal(err)
				}
				if i >= 50 {
					took = append(took, time.Since(begun))
				}
			}
			report(b, took)
		})
	}
}

func BenchmarkBulk(b *testing.B) {
	l := openLog(b, benchBroker(b, true).Address())
	messages := slices.Repeat([]domain.Message{small}, 1000)
	begun := time.Now()
	for range b.N {
		if _, err := l.Append(b.Context(), []domain.Batch{{Topic: logTopic, Messages: messages}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(messages))/time.Since(begun).Seconds(), "written/s")
	begun = time.Now()
	read := 0
	for next := int64(0); read < b.N*len(messages); {
		got, err := l.Fetch(b.Context(), []domain.FetchFrom{{Topic: logTopic, Offset: next}}, time.Second, 4<<20)
		if err != nil {
			b.Fatal(err)
		}
		next, read = got[0].Next, read+len(got[0].Messages)
	}
	b.ReportMetric(float64(read)/time.Since(begun).Seconds(), "read/s")
	b.ReportMetric(0, "ns/op")
}
