// Package logtest is the contract of the log port as tests. Every
// implementation runs the same ones:
//
//	func TestLog(t *testing.T) {
//		logtest.Run(t, func(t *testing.T) logtest.Subject { return logtest.Subject{Log: openMine(t), Cut: cutMine} })
//	}
//
// The function is called once for each test and gives a log with the topics
// LogTopic (Partitions partitions) and ControlTopic (1 partition), both empty.
package logtest

import (
	"context"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Log is the port: what servers need from a log.
type Log interface {
	Append(ctx context.Context, batches []domain.Batch) ([]domain.Appended, error)
	Fetch(ctx context.Context, from []domain.FetchFrom, wait time.Duration, maxBytes int) ([]domain.Fetched, error)
	Bounds(ctx context.Context, topic string) ([]domain.Bounds, error)
	Warm(ctx context.Context, topic string) error
	Close() error
}

// Subject is a log under test.
type Subject struct {
	Log
	// Cut removes the records of a partition below an offset, as retention does.
	Cut func(ctx context.Context, topic string, partition int32, before int64) error
}

// The topics that a log under test has.
var (
	LogTopic     = domain.Topic("logtest", domain.TopicLog)
	ControlTopic = domain.Topic("logtest", domain.TopicControl)
)

// Partitions is how many the log topic has.
const Partitions = 8

// patience bounds what a healthy log may take on a busy machine.
const patience = 10 * time.Second

// Run runs the whole contract.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Log){
		"what was appended is read back, in order":                    readsBack,
		"offsets count up from zero and batches stay whole":           offsets,
		"one call appends to many partitions":                         manyPartitions,
		"several batches of one partition keep their order":           samePartition,
		"one call reads many partitions":                              readsMany,
		"a reader that waits wakes at once":                           wakes,
		"a reader without news returns after its wait":                waits,
		"a wait of zero answers at once":                              polls,
		"reading in small bites misses nothing":                       smallBites,
		"a record of 1 MiB goes through":                              largeRecord,
		"a record that is too large is refused and nothing is lost":   tooLarge,
		"a batch without messages is refused":                         emptyBatch,
		"an unknown topic is not found, and others are served":        unknownTopic,
		"an offset behind the end is not found, and the bounds stand": outOfRange,
		"bounds follow the appends":                                   bounds,
		"the high watermark says when a reader has caught up":         caughtUp,
		"the time of an append is the log's":                          appendTime,
		"keys, values and headers survive, nil and empty told apart":  fidelity,
		"memory of an appended message may be used again":             reuse,
		"many writers at once lose nothing and mix no batch":          concurrent,
		"a cancelled reader returns, and the next one misses nothing": cancelled,
		"warming writes nothing":                                      warm,
		"a closed log refuses, and ends those who wait":               closes,
		"a partition that is asked for twice is refused":              askedTwice,
		"what an append says of its fate is true":                     fate,
		"who comes late reads what others have read":                  late,
		"batches as large as may be, to all partitions at once":       largeBatches,
		"marks fence off what an old server still writes":             fence,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
	t.Run("what retention cut away is not found, and nothing else moves", func(t *testing.T) { retention(t, open(t)) })
}
