//go:build !race

// The race detector makes a sync.Pool forget things at random, to find more.

package codec_test

import (
	"slices"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// What is left of a record is its payload, an object of its own because records
// are handed on as interfaces, and a share of a chunk of text.
func TestARecordOfARunIsOneAllocation(t *testing.T) {
	const run, limit = 1000, 1.1
	c := keyed(t)
	for name, r := range hot() {
		messages := slices.Repeat([]domain.Stored{encode(t, c, r)}, run)
		records := make([]domain.Record, 0, run)
		took := testing.AllocsPerRun(10, func() { records = c.DecodeAll(records[:0], domain.TopicLog, partition, messages) })
		if took/run > limit {
			t.Errorf("%s: %.2f allocations for each record, the limit is %.1f", name, took/run, limit)
		}
	}
}
