package server

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// Timing of the core loop's own duties.
const (
	healthEvery     = 50 * time.Millisecond
	checkpointEvery = time.Second
	checkpointAfter = 1000 // records
	tickEvery       = time.Minute
)

// core owns the folds of all partitions, and what the primary does with them.
type core struct {
	name        string
	incarnation string
	landscape   string
	log         Log
	codec       Codec
	logger      *slog.Logger
	lease       *Lease
	wanted      []domain.Definition // what the configuration says of the devices
	drivers     map[domain.DriverName]domain.Driver

	calls     *mailbox[func()]
	hurry     chan struct{} // ends a pause of the reader
	reigning  atomic.Bool   // this server has won an epoch that is not over
	batches   chan batch
	report    func(health)          // to the election: how this server is
	publish   func(domain.Payload)  // append to control
	published func(context.Context) // waits until that has been appended
	fail      func(error)           // end the process: its state cannot be right
	resign    func(error)           // give primacy up
	floor     func(uint64)          // the highest epoch that the log has seen

	states        []*partition.State
	high          []int64
	last          []snapshot.Fingerprint
	trail         []*trail
	devices       map[string]*device
	shown         sync.Map        // the same, for metrics, which ask no loop
	loops         context.Context // device loops live in it
	waiters       waiters
	term          *reign
	background    *sync.WaitGroup // what the loop has started beside devices
	leaving       bool            // the server ends: a term that begins now begins nothing more
	sight         sight           // which partitions answer
	verdict       string          // of the last comparison of state hashes: ok, differs, or empty
	store         SnapshotStore   // nil where there is no data folder
	saveEvery     time.Duration
	saveRecords   int
	saving        bool
	sinceSnapshot int

	round, following *round // checkpoints of the primary: being compared, and the next one
	issued           []issued
	agreedAt         int64              // the last checkpoint that all of the state was equal to
	proven           []domain.StateHash // of each partition the last hash that is known to be right
	told, informed   bool               // control has been read to its end once; and what it held was compared
	dispute          *dispute           // nil for none
	wrong            string             // the incarnation that found itself to be wrong last
	refolding        bool
	refolded         time.Time // when it last began to fold again
	complainant      string    // on the primary: the incarnation that it folded again for
	quarantined      bool
	differs          atomic.Bool // the verdict, for metrics

	sinceCheckpoint int
	caughtUp        atomic.Bool
	acting          atomic.Bool
	counts          counts
}

// counts are what the metrics show.
type counts struct {
	records, accepted, refused, duplicates, dead, fenced, foreign, misplaced atomic.Int64
}

// health is how far this server is, for its heartbeats.
type health struct {
	ready    bool
	lag      int64
	position int64
	hash     string
	agreed   int64
	oldest   time.Duration
}

// call runs f in the core loop and waits for it.
func (c *core) call(ctx context.Context, f func()) error {
	done := make(chan struct{})
	c.calls.put(func() { f(); close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tell runs f in the core loop, later.
func (c *core) tell(f func()) { c.calls.put(f) }

// run is the loop. It ends with ctx, and everything that it started with it.
func (c *core) run(ctx context.Context) error {
	c.loops = ctx
	for _, s := range c.states {
		for _, d := range s.Devices() {
			c.openDevice(d.Definition, d.Removed)
		}
	}
	healthTick := time.NewTicker(healthEvery)
	defer healthTick.Stop()
	checkpointTick := time.NewTicker(checkpointEvery)
	defer checkpointTick.Stop()
	minute := time.NewTicker(tickEvery)
	defer minute.Stop()
	saves := time.NewTicker(c.saveEvery)
	defer saves.Stop()
	defer c.closeAll()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-c.batches:
			c.fold(b)
		case <-c.calls.ready:
			for _, f := range c.calls.take() {
				f()
			}
		case <-healthTick.C:
			c.tellHealth()
		case <-checkpointTick.C:
			c.checkpoint()
		case <-minute.C:
			c.tickIdle()
		case <-saves.C:
			c.snapshotDue()
		}
	}
}

func (c *core) closeAll() {
	c.background.Wait()
	if c.worthSaving() {
		if err := c.store.Save(c.export(), c.reach()); err != nil {
			c.logger.Error("cannot save a snapshot at the end", "cause", err)
		}
	}
	c.endTerm(errors.New("the server stops"))
	for _, d := range c.devices {
		<-d.done
	}
}

// fold applies what was read of one partition.
func (c *core) fold(b batch) {
	s := c.states[b.partition]
	for i := range b.records {
		r := &b.records[i]
		change := s.Apply(*r)
		c.trail[b.partition].add(s, b.high)
		c.follow(s, &b, r, change)
	}
	c.high[b.partition] = b.high
	c.last[b.partition] = b.last
	c.sight.answered[b.partition] = b.at
	c.counts.records.Add(int64(len(b.records)))
	if len(b.records) > 0 {
		c.compare()
		c.dischargeChores(b.partition)
		c.sinceCheckpoint += len(b.records)
		c.sinceSnapshot += len(b.records)
		if c.sinceCheckpoint >= checkpointAfter {
			c.checkpoint()
		}
	}
	// A primary saves by time alone: the export holds its actions up.
	if c.saveRecords > 0 && c.sinceSnapshot >= c.saveRecords && c.term == nil {
		c.snapshotDue()
	}
	if !c.caughtUp.Load() && c.isCaughtUp() {
		c.caughtUp.Store(true)
		// What the fold of a long log has left behind is given back: the kernel
		// takes its time to end a large process, and until then nobody knows that
		// it is dead.
		c.background.Go(debug.FreeOSMemory)
		c.tellFloor()
		c.tellHealth()
	}
}

// follow is what the live server does because of one folded record.
func (c *core) follow(s *partition.State, b *batch, r *domain.Record, change partition.Change) {
	c.count(change)
	if r.Type == domain.TypeConfigured && change.Verdict == partition.Applied {
		c.configured(r)
	}
	if c.term != nil {
		c.term.follow(c, s, b, r, change)
	}
	c.waiters.notify(s, r, change)
}

func (c *core) count(change partition.Change) {
	switch change.Verdict {
	case partition.Accepted:
		c.counts.accepted.Add(1)
	case partition.Refused:
		c.counts.refused.Add(1)
	case partition.Duplicate, partition.Conflict:
		c.counts.duplicates.Add(1)
	case partition.Misplaced:
		c.counts.misplaced.Add(1)
	case partition.Fenced:
		c.counts.fenced.Add(1)
	case partition.Dead:
		c.counts.dead.Add(1)
	}
	c.counts.foreign.Add(int64(len(change.Foreign)))
}

func (c *core) isCaughtUp() bool {
	for p, s := range c.states {
		if c.high[p] < 0 || s.Next() < c.high[p] {
			return false
		}
	}
	return true
}

// tellFloor tells the election the highest epoch that the log has seen: a
// control topic that was lost must not fall behind it.
func (c *core) tellFloor() {
	var highest uint64
	for _, s := range c.states {
		highest = max(highest, s.Epoch())
	}
	c.floor(highest)
}

// standbyStride is the pause of a standby between two fetches of the log. A
// takeover ends it at once.
const standbyStride = 3 * time.Millisecond

// stride is the pause between two fetches: none for a primary, nor until the
// log has been read to its end.
func (c *core) stride() time.Duration {
	if c.reigning.Load() || !c.caughtUp.Load() {
		return 0
	}
	return standbyStride
}

// hurryUp ends a pause of the reader.
func (c *core) hurryUp() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}

func (c *core) tellHealth() {
	now := clock.Boot()
	blind := len(c.sight.missing(now)) > 0
	h := health{ready: c.caughtUp.Load() && c.informed && !blind && c.verdict != domain.HashDiffers, hash: c.verdict, agreed: c.agreedAt}
	c.differs.Store(c.verdict == domain.HashDiffers)
	for p, s := range c.states {
		h.position += s.Next()
		h.lag += max(0, c.high[p]-s.Next())
	}
	if blind {
		h.lag = domain.LagUnknown
	}
	for _, d := range c.devices {
		h.oldest = max(h.oldest, d.idleFor())
	}
	if c.term != nil {
		h.oldest = max(h.oldest, c.term.journal.stuckFor(now))
	}
	c.report(h)
}

// configured follows a change of a device's definition.
func (c *core) configured(r *domain.Record) {
	payload, ok := r.Payload.(domain.Configured)
	if !ok {
		return
	}
	if old, known := c.devices[r.Subject]; known {
		delete(c.devices, r.Subject)
		c.shown.Delete(r.Subject)
		old.stop()
		old.interrupt()
		<-old.done // some devices take one connection only
	}
	def := payload.Definition
	if payload.Removed {
		dev, left := c.states[domain.Partition(r.Subject, int32(len(c.states)))].Device(r.Subject)
		if !left {
			return
		}
		def = dev.Definition // its commands must still end
	}
	d := c.openDevice(def, payload.Removed)
	if c.term != nil {
		c.term.handOver(c, c.states[d.partition], d)
	}
}

// openDevice starts the loop of a device, which opens its link. A standby opens
// it too if the device allows that, so that a takeover opens no socket.
func (c *core) openDevice(def domain.Definition, removed bool) *device {
	d := newDevice(def, c.drivers[def.Driver], domain.Partition(def.Device, int32(len(c.states))), c.logger)
	d.removed = removed
	c.devices[def.Device] = d
	if !removed {
		c.shown.Store(def.Device, d)
	}
	ctx, cancel := context.WithCancel(c.loops)
	d.stop = cancel
	go d.run(ctx)
	return d
}

func (c *core) eachDevice(f func(*device)) {
	c.shown.Range(func(_, d any) bool {
		if d, ok := d.(*device); ok {
			f(d)
		}
		return true
	})
}

// tickIdle keeps the log time of idle partitions going.
func (c *core) tickIdle() {
	if c.term == nil || !c.acting.Load() {
		return
	}
	now := time.Now()
	for p, s := range c.states {
		if now.Sub(s.LogTime().Time()) >= tickEvery/2 {
			c.term.journal.add(int32(p), serverRecord(c.name, "log", domain.Tick{Time: domain.InstantOf(now)}))
		}
	}
}

// deadline is when a command that was read live is too old to be sent: its age is counted
// from the last moment at which the log is known not to have held it yet.
func deadline(b *batch, validFor time.Duration) domain.Mono {
	from := b.since
	if from == 0 {
		from = b.at
	}
	return from + validFor
}
