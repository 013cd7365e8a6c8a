package partition_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// BenchmarkFreeze reports how long a snapshot holds up the fold of a partition
// of 125,000 UIDs and 1,250 devices with 20 values each: to freeze it just after its
// hash was asked for, and after 1,000 values have changed (both median), and to copy
// a device or to fold a record meanwhile (p99; above that it measures what else the
// machine does).
func BenchmarkFreeze(b *testing.B) {
	const uids, devices, values = 125_000, 1_250, 20
	c := remembering(b, uids)
	for i := range devices {
		def := gateDefinition()
		def.Device = fmt.Sprint("device-", i)
		c.fact(def.Device, domain.Configured{Definition: def})
		full := domain.Reported{Full: true}
		for v := range values {
			full.Values = append(full.Values, domain.Value{Target: domain.ParameterTarget(fmt.Sprint("value-", v)), Value: "on"})
		}
		c.fact(def.Device, full)
	}
	c.log = nil
	var freeze, changed, step, apply []time.Duration
	timed := func(all *[]time.Duration, f func()) {
		begun := time.Now()
		f()
		*all = append(*all, time.Since(begun))
	}
	n := 0
	for b.Loop() {
		c.s.Hash()
		timed(&freeze, func() { c.s.Freeze() })
		for i := range 1_000 {
			c.fact(fmt.Sprint("device-", i/values), domain.Reported{Values: []domain.Value{
				{Target: domain.ParameterTarget(fmt.Sprint("value-", i%values)), Value: fmt.Sprint(n)}}})
		}
		var f *partition.Frozen
		timed(&changed, func() { f = c.s.Freeze() })
		for done := false; !done; n++ {
			timed(&step, func() { done = f.Step() })
			uid := fmt.Sprint("another uid, about as long as the others ", n)
			var ch partition.Change
			timed(&apply, func() { ch = c.command(router, uid, take(1+n%10, 1+n%20)) })
			timed(&apply, func() { c.fact(router, domain.Ended{UID: uid, Command: ch.Position, Outcome: domain.Confirmed}) })
			c.log = c.log[:0]
		}
	}
	quantile := func(all []time.Duration, q float64) float64 {
		slices.Sort(all)
		return float64(all[int(q*float64(len(all)-1))].Nanoseconds()) / 1000
	}
	b.ReportMetric(quantile(freeze, 0.5), "µs-freeze")
	b.ReportMetric(quantile(changed, 0.5), "µs-freeze-changed")
	b.ReportMetric(quantile(step, 0.99), "µs-device")
	b.ReportMetric(quantile(apply, 0.99), "µs-record")
}
