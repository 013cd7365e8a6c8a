package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// garbageBytes and garbagePercent, of what lives, are how much garbage may
	// gather before it is collected. More would make a process that dies busy the
	// kernel longer, while its successor begins.
	garbageBytes   = 8 << 20
	garbagePercent = 25
)

// rareCollections keeps the collector from running several times a second in a
// process that lives on a few megabytes, as a server and a broker do: each time
// takes milliseconds from who acts on the same cores. GOGC in the environment
// turns it off.
func rareCollections() {
	if os.Getenv("GOGC") == "" {
		tuneCollector(0)
	}
}

// tuneCollector sets the percentage of garbage for what lives now, if it is not
// that already, and does it again after the next collection.
func tuneCollector(was int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	// The collector counts at least 4 MB.
	percent := garbagePercent + garbageBytes*100/int(max(live[0].Value.Uint64(), 4<<20))
	if percent != was {
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(new(collection), func(*collection) { tuneCollector(percent) })
}

// collection is something that the next collection finds unused. It holds a
// pointer, or it would be put together with others that live.
type collection struct{ _ *collection }
