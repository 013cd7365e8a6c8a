package config

import (
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// The bounds of what the log takes.
const (
	// maxDefinition bounds the texts of one definition, in bytes. It goes into the log as
	// one record: its texts, and what stands between them, have to fit into that.
	maxDefinition = domain.MaxValue / 2
	// maxOfPartition is how many devices the fold of a partition takes.
	maxOfPartition = 4096
)

// weight is how many bytes the texts of a definition have.
func weight(d *domain.Definition) int {
	n := len(d.Device) + len(d.Address)
	for i := range d.Verbs {
		v := &d.Verbs[i]
		n += len(v.Name) + len(v.Method) + len(v.URL) + len(v.Body) + len(v.Target) + len(v.Value) + len(v.ReadURL) + len(v.ReadAt)
		for _, a := range v.Args {
			n += len(a)
		}
	}
	return n
}

// Spread reports each partition that would have more devices than it takes, in a log of so
// many. The file of a landscape does not say how many there are, so who has read one asks.
func Spread(devices []domain.Definition, partitions int32) []error {
	r := &report{}
	validateSpread(devices, partitions, r)
	return r.faults
}

func validateSpread(devices []domain.Definition, partitions int32, r *report) {
	if partitions < 1 || len(devices) <= maxOfPartition {
		return
	}
	count := make([]int, partitions)
	for i := range devices {
		count[domain.Partition(devices[i].Device, partitions)]++
	}
	if most := slices.Max(count); most > maxOfPartition {
		r.add("devices", "are %d, and %d of them would be in partition %d of %d, which takes %d at most: leave some out, or give them to another landscape; "+
			"a log that is made with more partitions (log.partitions) takes more, and one that there is keeps its number", len(devices), most, slices.Index(count, most), partitions, maxOfPartition)
	}
}
