// Package gaps tells when devices were not watched: from when to when nothing that
// they did would have come into the log.
//
//	g := gaps.New("", 0) // of all devices
//	for _, r := range records {
//		g.Apply(&r)
//	}
//	for _, gap := range g.Gaps() { … }
//
// There are three kinds: the primary was not connected to a device; primacy moved, from
// the last sign of the old primary to the epoch that the new one opened; the primary
// wrote nothing for longer than its lease, as when the log was away. Standbys read most
// devices meanwhile, so a new primary knows what they are by then; what they were in
// between is not in the log.
//
// Feed it the records of control and of the log, each partition in order, partitions in
// the order of time. It is a pure fold, begins anywhere, and leaves out what it did not
// see the beginning of. It remembers the devices that are away, and every gap.
package gaps

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Gap is one.
type Gap struct {
	Device string         `json:"device,omitempty"` // empty for all
	From   domain.Instant `json:"-"`
	To     domain.Instant `json:"-"` // 0: it goes on
	Cause  string         `json:"cause"`
	epoch  uint64         // of a takeover
}

// Took is how long it was; 0 while it goes on.
func (g *Gap) Took() time.Duration { return max(0, g.To.Sub(g.From)) }

// Gaps is the fold.
type Gaps struct {
	device    string
	partition int32

	gaps   []Gap
	away   map[string]Gap
	opened map[int32]uint64          // the highest epoch of each partition
	heard  map[uint64]domain.Instant // the last sign of an epoch's primary
	beat   domain.Heartbeat          // the last that counted, as far as can be seen
	beatAt domain.Instant
	next   int64 // of control, if all before it was seen

	election *election.State // nil where control was not seen from its beginning
	epoch    uint64          // the newest, as far as heartbeats and openings tell
}

// New is a fold that saw nothing yet: of one device, in its partition, or of all if the
// name is empty.
func New(device string, partition int32) *Gaps {
	return &Gaps{
		device: device, partition: partition,
		away: make(map[string]Gap), opened: make(map[int32]uint64), heard: make(map[uint64]domain.Instant),
	}
}

// Gaps are all, by their beginning; those that go on are among them.
func (g *Gaps) Gaps() []Gap {
	out := slices.Clone(g.gaps)
	for _, gap := range g.away {
		out = append(out, gap)
	}
	slices.SortStableFunc(out, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Device, b.Device))
	})
	return out
}

// Apply folds one record. What no server has signed says nothing.
func (g *Gaps) Apply(r *domain.Record) {
	if r.Defect != domain.DefectNone || !r.Signed {
		return
	}
	if domain.ClassOf(r.Type) == domain.ClassControl {
		g.control(r)
		return
	}
	if domain.ClassOf(r.Type) != domain.ClassPrimary || r.Epoch < g.opened[r.Position.Partition] {
		return // of an epoch that was over it counts for nobody
	}
	switch p := r.Payload.(type) {
	case domain.EpochOpened:
		g.takeover(r, p.Server)
	case domain.Connection:
		g.connection(r, &p)
	case domain.Configured:
		delete(g.away, r.Subject) // it is connected to anew, or not at all
	}
	g.sign(r.Epoch, r.Appended)
}

// sign notes that the primary of an epoch was there.
func (g *Gaps) sign(epoch uint64, at domain.Instant) {
	g.heard[epoch] = max(g.heard[epoch], at)
	for e := range g.heard {
		if e+2 < epoch {
			delete(g.heard, e)
		}
	}
}

func (g *Gaps) control(r *domain.Record) {
	whole := r.Position.Offset == g.next
	g.next = r.Position.Offset + 1
	counts := g.rule(r)
	if p, ok := r.Payload.(domain.Heartbeat); ok && p.Epoch != 0 && counts {
		if last := g.beat; whole && last.Epoch == p.Epoch && last.Incarnation == p.Incarnation && r.Appended.Sub(g.beatAt) > last.TTL {
			g.gaps = append(g.gaps, Gap{
				Device: g.device, From: g.beatAt, To: r.Appended,
				Cause: fmt.Sprintf("the primary, %s, has written nothing for longer than its lease", r.Subject),
			})
		}
		g.beat, g.beatAt = p, r.Appended
		g.sign(p.Epoch, r.Appended)
	}
}

// rule says whether a record of control counts. A claim may be void, and a primary that was
// superseded still sends heartbeats. Where control was not seen from its beginning, an epoch
// is over with the first sign of the next one.
func (g *Gaps) rule(r *domain.Record) bool {
	if r.Position.Offset == 0 {
		g.election = election.NewState()
	}
	p, beat := r.Payload.(domain.Heartbeat)
	if g.election != nil {
		ruling := g.election.Apply(*r)
		if g.epoch = max(g.epoch, g.election.Epoch()); !beat || p.Epoch <= g.election.Epoch() {
			return ruling.Counts
		}
	}
	if beat {
		g.epoch = max(g.epoch, p.Epoch)
	}
	return beat && p.Epoch == g.epoch
}

// takeover is from the last sign of the primary before to the epoch of this one. It
// begins in one partition after the other: for all devices it ends with the last.
func (g *Gaps) takeover(r *domain.Record, server string) {
	g.opened[r.Position.Partition], g.epoch = r.Epoch, max(g.epoch, r.Epoch)
	if g.device != "" && r.Position.Partition != g.partition {
		return
	}
	if i := slices.IndexFunc(g.gaps, func(gap Gap) bool { return gap.epoch == r.Epoch }); i >= 0 {
		g.gaps[i].To = max(g.gaps[i].To, r.Appended)
		return
	}
	var before uint64
	for e := range g.heard {
		if e < r.Epoch && e > before {
			before = e
		}
	}
	if before == 0 {
		return
	}
	g.gaps = append(g.gaps, Gap{
		Device: g.device, From: g.heard[before], To: r.Appended, epoch: r.Epoch,
		Cause: fmt.Sprintf("primacy moved to %s, epoch %d", server, r.Epoch),
	})
}

func (g *Gaps) connection(r *domain.Record, c *domain.Connection) {
	if g.device != "" && r.Subject != g.device {
		return
	}
	gap, was := g.away[r.Subject]
	switch {
	case !c.Up && !was:
		g.away[r.Subject] = Gap{Device: r.Subject, From: r.Appended, Cause: cause(c.Detail)}
	case c.Up && was:
		delete(g.away, r.Subject)
		gap.To = r.Appended
		g.gaps = append(g.gaps, gap)
	}
}

func cause(detail string) string {
	if detail == "" {
		return "not connected"
	}
	return "not connected: " + detail
}
