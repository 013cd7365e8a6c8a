package partition_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// remembering is a state that remembers so many commands with their outcomes.
func remembering(tb testing.TB, uids int) *script {
	c := opened(tb, partition.Limits{UIDs: uids})
	for i := range uids {
		c.wait(time.Millisecond)
		uid := fmt.Sprintf("0190f2c4-7d1e-7000-8000-%012d", i)
		p := c.command(router, uid, take(1+i%10, 1+i%20))
		c.fact(router, domain.Ended{UID: uid, Command: p.Position, Outcome: domain.Confirmed})
		c.log = c.log[:0]
	}
	return c
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A server has 250 MB for 1,000,000 UIDs, its devices and all else.
func TestARememberedUIDIsSmall(t *testing.T) {
	const uids, limit = 50_000, 150
	before := heap()
	c := remembering(t, uids)
	if size := float64(heap()-before) / uids; size > limit {
		t.Errorf("a UID takes %.0f bytes, the limit is %d", size, limit)
	}
	runtime.KeepAlive(c)
}

// A command, what the device reports and the outcome, in an index that is full:
// what outlasts the fold of a record is the command's UID, which is an object, and
// the pending action, of which some are made together.
func TestTheFoldAllocatesWhatItHandsOutAndNoMore(t *testing.T) {
	const uids, rounds, limit = 2_000, 5_000, 1.1
	c := remembering(t, uids)
	from := len(c.log)
	for i := range rounds {
		uid := fmt.Sprintf("0190f2c4-7d1e-7000-9000-%012d", i)
		take, at := take(1+i%10, 1+i%20), domain.Position{Offset: c.offset}
		c.wait(time.Millisecond)
		c.record(domain.Record{Type: take.Type(), UID: uid, Source: "panel", Subject: router, Created: c.now, Payload: take})
		c.record(primary(c, router, domain.Reported{Values: []domain.Value{{Target: crosspoint(take.Destination), Value: fmt.Sprint(take.Source)}}}))
		c.record(primary(c, router, domain.Ended{UID: uid, Command: at, Outcome: domain.Confirmed}))
	}
	log := c.log[from:]
	before := mallocs()
	for i := range log {
		c.s.Apply(log[i])
	}
	if n := float64(mallocs()-before) / rounds; n > limit {
		t.Errorf("%.2f objects for a command with its report and its outcome, want %.1f", n, limit)
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// BenchmarkUID reports what a remembered UID costs in memory, all in.
func BenchmarkUID(b *testing.B) {
	const uids = 125_000 // 1,000,000 in 8 partitions
	for b.Loop() {
		before := heap()
		c := remembering(b, uids)
		b.ReportMetric(float64(heap()-before)/uids, "bytes/uid")
		runtime.KeepAlive(c)
	}
}

// A doubt waits for an operator, perhaps for ever: it must not keep the memory that
// its command shared with the records around it.
func TestADoubtKeepsNothingButItself(t *testing.T) {
	const doubts, limit = 500, 2 << 10
	c := opened(t, partition.Limits{Doubts: doubts})
	before := heap()
	for i := range doubts {
		uid := fmt.Sprint("u", i)
		chunk := strings.Repeat("level", 1_000)
		p := c.command(gate, uid, domain.Invoke{Verb: chunk[:5], Args: map[string]string{"value": chunk[:5]}})
		c.fact(gate, domain.Ended{UID: uid, Command: p.Position, Outcome: domain.InDoubt})
		c.log = c.log[:0]
	}
	if d, _ := c.s.Device(gate); len(d.Doubts()) != doubts {
		t.Fatalf("%d doubts, want %d", len(d.Doubts()), doubts)
	}
	c.s.Hash() // or what has changed since the last one is kept for it
	if size := (heap() - before) / doubts; size > limit {
		t.Errorf("a doubt takes %d bytes, the limit is %d", size, limit)
	}
	runtime.KeepAlive(c)
}
