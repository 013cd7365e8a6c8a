package partition_test

import (
	"fmt"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// BenchmarkApply folds takes, the router's reports and the outcomes: what a
// busy log is made of. The index stays full, so that each command evicts one.
func BenchmarkApply(b *testing.B) {
	for _, uids := range []int{1_000, 200_000} {
		b.Run(fmt.Sprintf("uids=%d", uids), func(b *testing.B) {
			log := busy(b, partition.Limits{UIDs: uids}, uids+10_000)
			b.ReportAllocs()
			b.ResetTimer()
			folded := 0
			for b.Loop() {
				s := partition.New(0, 1, partition.Limits{UIDs: uids})
				for i := range log {
					s.Apply(log[i])
				}
				folded += len(log)
			}
			b.ReportMetric(float64(folded)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(folded), "ns/record")
		})
	}
}

// record appends without folding.
func (c *script) record(r domain.Record) {
	r.Position.Offset, r.Appended = c.offset, c.now
	c.offset++
	c.log = append(c.log, r)
}

func primary(c *script, device string, p domain.Payload) domain.Record {
	c.sequence++
	return domain.Record{Type: p.Type(), Subject: device, Epoch: c.epoch, Sequence: c.sequence, Signed: true, Payload: p}
}
