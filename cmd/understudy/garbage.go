package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbageBytes and a percentage of what lives are how much garbage may gather
	// before it is collected. More would make a process that dies busy the kernel
	// longer, while its successor begins.
	garbageBytes = 8 << 20
	busyPercent  = 25
	// A process that collects less than once in quietAfter can afford less garbage:
	// a million UIDs live on 120 MB.
	quietPercent = 10
	quietAfter   = time.Second
)

// rareCollections keeps the collector from running several times a second in a
// process that lives on a few megabytes, as a server and a broker do: each time
// takes milliseconds from who acts on the same cores. GOGC in the environment
// turns it off.
func rareCollections() {
	if os.Getenv("GOGC") == "" {
		tuneCollector(0, time.Now())
	}
}

// tuneCollector sets the percentage of garbage for what lives now, if it is not
// that already, and does it again after the next collection.
func tuneCollector(was int, last time.Time) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := percentFor(live[0].Value.Uint64(), time.Since(last))
	if percent != was {
		debug.SetGCPercent(percent)
	}
	now := time.Now()
	runtime.SetFinalizer(new(collection), func(*collection) { tuneCollector(percent, now) })
}

// percentFor is how much garbage may gather beside what lives, when the last
// collection was so long ago.
func percentFor(live uint64, since time.Duration) int {
	percent := busyPercent
	if since > quietAfter {
		percent = quietPercent
	}
	return percent + garbageBytes*100/int(max(live, 4<<20)) // the collector counts at least 4 MB
}

const (
	// bulkBytes is what a process that goes through a long log may have in all, garbage
	// included, as long as what lives takes no more than so many percent of it.
	bulkBytes   = 200 << 20
	bulkLive    = 80
	bulkPercent = 400
)

// bulkCollections is for who goes through a long log and ends: it takes memory for
// time, up to a bound that grows only with what lives.
func bulkCollections() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(bulkPercent)
		boundMemory()
	}
}

// boundMemory sets the bound, and again after each collection.
func boundMemory() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetMemoryLimit(bulkLimit(live[0].Value.Uint64()))
	runtime.SetFinalizer(new(collection), func(*collection) { boundMemory() })
}

func bulkLimit(live uint64) int64 { return max(bulkBytes, int64(live)*100/bulkLive) }

// collection is something that the next collection finds unused. It holds a
// pointer, or it would be put together with others that live.
type collection struct{ _ *collection }
