package partition

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Export is a whole state as plain values, in one order for equal states, to be
// stored and restored. Times are instants, offsets are of the partition.
type Export struct {
	Partition  int32          `msgpack:"partition" json:"partition"`
	Partitions int32          `msgpack:"partitions" json:"partitions"`
	Limits     Limits         `msgpack:"limits" json:"limits"`
	Next       int64          `msgpack:"next" json:"next"`
	Begun      bool           `msgpack:"begun" json:"begun"`
	LogTime    domain.Instant `msgpack:"log_time" json:"log_time"`
	Suspect    bool           `msgpack:"suspect" json:"suspect"`
	Epoch      uint64         `msgpack:"epoch" json:"epoch"`
	Sequence   uint64         `msgpack:"sequence" json:"sequence"`
	Opener     string         `msgpack:"opener" json:"opener"`
	Forgot     bool           `msgpack:"forgot" json:"forgot"`
	Forgotten  domain.Instant `msgpack:"forgotten" json:"forgotten"`

	Counts  []uint64         `msgpack:"counts" json:"counts"`
	Reasons []Tally          `msgpack:"reasons" json:"reasons"`
	Defects []Tally          `msgpack:"defects" json:"defects"`
	Devices []ExportedDevice `msgpack:"devices" json:"devices"`
	Entries []ExportedEntry  `msgpack:"entries" json:"entries"`
	Chores  []ExportedChore  `msgpack:"chores" json:"chores"`

	Hash domain.Hash `msgpack:"hash" json:"hash"` // of the state; Restore checks it
}

// Tally is one named counter.
type Tally struct {
	Name string `msgpack:"name" json:"name"`
	N    uint64 `msgpack:"n" json:"n"`
}

// ExportedDevice is a device with everything that belongs to it.
type ExportedDevice struct {
	Definition       domain.Definition `msgpack:"definition" json:"definition"`
	Removed          bool              `msgpack:"removed" json:"removed"`
	Connected        bool              `msgpack:"connected" json:"connected"`
	ConnectionDetail string            `msgpack:"connection_detail" json:"connection_detail"`
	ConnectionSince  domain.Instant    `msgpack:"connection_since" json:"connection_since"`
	Cells            []ExportedCell    `msgpack:"cells" json:"cells"`
	Pending          []ExportedPending `msgpack:"pending" json:"pending"`
	Doubts           []ExportedDoubt   `msgpack:"doubts" json:"doubts"`
}

// ExportedWish is a desired value.
type ExportedWish struct {
	Value string `msgpack:"value" json:"value"`
	UID   string `msgpack:"uid" json:"uid"`
	At    int64  `msgpack:"at" json:"at"`
}

// ExportedCell is one target of a device.
type ExportedCell struct {
	Target       domain.Target  `msgpack:"target" json:"target"`
	Desired      *ExportedWish  `msgpack:"desired" json:"desired"`
	Settled      bool           `msgpack:"settled" json:"settled"`
	HasReported  bool           `msgpack:"has_reported" json:"has_reported"`
	Reported     string         `msgpack:"reported" json:"reported"`
	ReportedAt   int64          `msgpack:"reported_at" json:"reported_at"`
	ReportedTime domain.Instant `msgpack:"reported_time" json:"reported_time"`
	Foreign      bool           `msgpack:"foreign" json:"foreign"`
	Kept         *ExportedWish  `msgpack:"kept" json:"kept"`
	Recent       []string       `msgpack:"recent" json:"recent"`
}

// ExportedPending is a command that has no outcome yet.
type ExportedPending struct {
	UID          string          `msgpack:"uid" json:"uid"`
	Command      int64           `msgpack:"command" json:"command"`
	Effect       domain.Effect   `msgpack:"effect" json:"effect"`
	Payload      ExportedPayload `msgpack:"payload" json:"payload"`
	Wishes       []domain.Value  `msgpack:"wishes" json:"wishes"`
	Appended     domain.Instant  `msgpack:"appended" json:"appended"`
	ValidFor     time.Duration   `msgpack:"valid_for" json:"valid_for"`
	Source       string          `msgpack:"source" json:"source"`
	User         string          `msgpack:"user" json:"user"`
	Started      bool            `msgpack:"started" json:"started"`
	StartedEpoch uint64          `msgpack:"started_epoch" json:"started_epoch"`
	StartedAt    int64           `msgpack:"started_at" json:"started_at"`
}

// ExportedDoubt is an action in doubt.
type ExportedDoubt struct {
	UID     string          `msgpack:"uid" json:"uid"`
	Command int64           `msgpack:"command" json:"command"`
	Payload ExportedPayload `msgpack:"payload" json:"payload"`
	Since   domain.Instant  `msgpack:"since" json:"since"`
	At      int64           `msgpack:"at" json:"at"`
	Epoch   uint64          `msgpack:"epoch" json:"epoch"`
	Detail  string          `msgpack:"detail" json:"detail"`
}

// ExportedEntry is what is remembered of a UID.
type ExportedEntry struct {
	Device    string           `msgpack:"device" json:"device"`
	UID       string           `msgpack:"uid" json:"uid"`
	Command   int64            `msgpack:"command" json:"command"`
	Indexed   domain.Instant   `msgpack:"indexed" json:"indexed"`
	Digest    domain.Digest    `msgpack:"digest" json:"digest"`
	Done      bool             `msgpack:"done" json:"done"`
	Outcome   domain.Outcome   `msgpack:"outcome" json:"outcome"`
	Reason    domain.Reason    `msgpack:"reason" json:"reason"`
	Detail    string           `msgpack:"detail" json:"detail"`
	OutcomeAt int64            `msgpack:"outcome_at" json:"outcome_at"`
	Conflicts uint32           `msgpack:"conflicts" json:"conflicts"`
	Waiting   []ExportedRepeat `msgpack:"waiting" json:"waiting"`
	Resolved  *Resolved        `msgpack:"resolved" json:"resolved"`
}

// ExportedRepeat is a repeat that waits for an outcome.
type ExportedRepeat struct {
	At       int64 `msgpack:"at" json:"at"`
	Conflict bool  `msgpack:"conflict" json:"conflict"`
}

// ExportedChore is something that the primary owes.
type ExportedChore struct {
	Kind     ChoreKind       `msgpack:"kind" json:"kind"`
	At       int64           `msgpack:"at" json:"at"`
	Due      int64           `msgpack:"due" json:"due"`
	Device   string          `msgpack:"device" json:"device"`
	UID      string          `msgpack:"uid" json:"uid"`
	Reason   domain.Reason   `msgpack:"reason" json:"reason"`
	Defect   domain.Defect   `msgpack:"defect" json:"defect"`
	Detail   string          `msgpack:"detail" json:"detail"`
	Original int64           `msgpack:"original" json:"original"` // of an answer
	Outcome  domain.Outcome  `msgpack:"outcome" json:"outcome"`   // of an answer
	Conflict bool            `msgpack:"conflict" json:"conflict"` // of an answer
	Owner    int32           `msgpack:"owner" json:"owner"`
	Payload  ExportedPayload `msgpack:"payload" json:"payload"`
	By       string          `msgpack:"by" json:"by"`
	Cause    string          `msgpack:"cause" json:"cause"`
}

// Export copies the state. It shares no memory that the fold writes to.
func (s *State) Export() Export {
	x := Export{
		Partition: s.partition, Partitions: s.partitions, Limits: s.limits, Next: s.next,
		Begun: s.begun, LogTime: s.logTime, Suspect: s.suspect,
		Epoch: s.epoch, Sequence: s.sequence, Opener: s.opener,
		Forgot: s.index.forgot, Forgotten: s.index.forgotten,
		Reasons: tallies(s.counters.Reasons), Defects: tallies(s.counters.Defects), Hash: s.Hash(),
	}
	for _, n := range s.counters.plain() {
		x.Counts = append(x.Counts, *n)
	}
	for _, d := range s.sorted {
		x.Devices = append(x.Devices, d.export())
	}
	x.Entries = s.index.export()
	for c := s.chores.first; c != nil; c = c.behind {
		x.Chores = append(x.Chores, c.export())
	}
	return x
}

func tallies[K ~string](m map[K]uint64) []Tally {
	out := make([]Tally, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Tally{string(k), m[k]})
	}
	return out
}

func (d *Device) export() ExportedDevice {
	x := ExportedDevice{
		Definition: d.Definition, Removed: d.Removed, Connected: d.Connected,
		ConnectionDetail: d.ConnectionDetail, ConnectionSince: d.ConnectionSince,
	}
	for _, c := range d.sorted {
		x.Cells = append(x.Cells, c.export())
	}
	for _, p := range d.pending {
		x.Pending = append(x.Pending, ExportedPending{
			UID: p.UID, Command: p.Command.Offset, Effect: p.Effect, Payload: exportPayload(p.Payload),
			Wishes: slices.Clone(p.Wishes), Appended: p.Appended, ValidFor: p.ValidFor, Source: p.Source, User: p.User,
			Started: p.Started, StartedEpoch: p.StartedEpoch, StartedAt: p.StartedAt.Offset,
		})
	}
	for _, q := range d.doubts {
		x.Doubts = append(x.Doubts, ExportedDoubt{
			UID: q.UID, Command: q.Command.Offset, Payload: exportPayload(q.Payload), Since: q.Since,
			At: q.At.Offset, Epoch: q.Epoch, Detail: q.Detail,
		})
	}
	return x
}

func (c *cell) export() ExportedCell {
	x := ExportedCell{
		Target: c.Target, Settled: c.Settled, HasReported: c.HasReported, Reported: c.Reported,
		ReportedAt: c.ReportedAt.Offset, ReportedTime: c.ReportedTime, Foreign: c.Foreign, Recent: slices.Clone(c.recent),
	}
	if c.HasDesired {
		x.Desired = &ExportedWish{c.Desired, c.DesiredUID, c.DesiredAt.Offset}
	}
	if c.hasKept {
		x.Kept = &ExportedWish{c.kept.value, c.kept.uid, c.kept.at.Offset}
	}
	return x
}

// export lists the entries in the order in which they will be forgotten.
func (x *index) export() []ExportedEntry {
	order := slices.Clone(x.queue)
	slices.SortFunc(order, func(a, b queued) int {
		return cmp.Or(cmp.Compare(a.indexed, b.indexed), cmp.Compare(a.command, b.command))
	})
	out := make([]ExportedEntry, len(order))
	for i, q := range order {
		e := q.entry
		out[i] = ExportedEntry{
			Device: e.device, UID: e.uid, Command: e.command, Indexed: e.indexed, Digest: e.digest,
			Done: e.done, Outcome: e.outcome, Reason: e.reason, Detail: e.detail, OutcomeAt: e.outcomeAt, Conflicts: e.conflicts,
		}
		for _, w := range e.waiting {
			out[i].Waiting = append(out[i].Waiting, ExportedRepeat{w.offset, w.conflict})
		}
		if e.resolved != nil {
			r := *e.resolved
			out[i].Resolved = &r
		}
	}
	return out
}

func (c *chore) export() ExportedChore {
	return ExportedChore{
		Kind: c.Kind, At: c.Position.Offset, Due: c.Due, Device: c.Device, UID: c.UID, Reason: c.Reason,
		Defect: c.Defect, Detail: c.Detail, Original: c.Answer.Original.Offset, Outcome: c.Answer.Outcome,
		Conflict: c.Answer.Conflict, Owner: c.Owner, Payload: exportPayload(c.Payload), By: c.By, Cause: c.Cause,
	}
}

// ExportedPayload is a command's payload: at most one field is set.
type ExportedPayload struct {
	Take   *domain.Take     `msgpack:"take,omitempty" json:"take,omitempty"`
	Salvo  *domain.Salvo    `msgpack:"salvo,omitempty" json:"salvo,omitempty"`
	Label  *domain.SetLabel `msgpack:"label,omitempty" json:"label,omitempty"`
	Lock   *domain.SetLock  `msgpack:"lock,omitempty" json:"lock,omitempty"`
	Invoke *domain.Invoke   `msgpack:"invoke,omitempty" json:"invoke,omitempty"`
}

func exportPayload(p domain.Payload) (x ExportedPayload) {
	switch v := p.(type) {
	case domain.Take:
		x.Take = &v
	case domain.Salvo:
		x.Salvo = &v
	case domain.SetLabel:
		x.Label = &v
	case domain.SetLock:
		x.Lock = &v
	case domain.Invoke:
		x.Invoke = &v
	}
	return x
}

func (x ExportedPayload) payload() domain.Payload {
	switch {
	case x.Take != nil:
		return *x.Take
	case x.Salvo != nil:
		return *x.Salvo
	case x.Label != nil:
		return *x.Label
	case x.Lock != nil:
		return *x.Lock
	case x.Invoke != nil:
		return *x.Invoke
	}
	return nil
}
