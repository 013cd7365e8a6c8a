package partition_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// BenchmarkApply folds takes, the router's reports and the outcomes: what a
// busy log is made of. The index stays full, so that each command evicts one.
func BenchmarkApply(b *testing.B) {
	for _, uids := range []int{1_000, 200_000} {
		b.Run(fmt.Sprintf("uids=%d", uids), func(b *testing.B) {
			c := opened(b, partition.Limits{UIDs: uids})
			n := 3 * (uids + 10_000)
			for i := 0; i < n; i += 3 {
				uid := fmt.Sprintf("0190f2c4-7d1e-7000-8000-%012d", i)
				t := take(1+i%10, 1+i%20)
				c.wait(time.Millisecond)
				at := domain.Position{Offset: c.offset}
				c.record(domain.Record{Type: t.Type(), UID: uid, Source: "panel-7", Subject: router, Created: c.now, Payload: t})
				c.record(primary(c, router, domain.Reported{Values: []domain.Value{{Target: crosspoint(t.Destination), Value: fmt.Sprint(t.Source)}}}))
				c.record(primary(c, router, domain.Ended{UID: uid, Command: at, Outcome: domain.Confirmed}))
			}
			log := c.log
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
