package partition

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// Restore makes a state from an export, computes its hash anew and compares. An
// export that does not fit together, or not its hash, gives an error that wraps
// domain.ErrCorrupt: fold the partition from the log instead.
func Restore(x Export) (*State, error) {
	r, err := Begin(x)
	if err != nil {
		return nil, err
	}
	for i := range x.Entries {
		if err := r.Add(&x.Entries[i]); err != nil {
			return nil, err
		}
	}
	return r.End(x.Chores, x.Revisions, x.Hash)
}

// Restoring is Restore piece by piece, so that the entries need not be in
// memory twice.
type Restoring struct {
	s    *State
	open map[key]*Pending // pending commands whose entries have not come yet
}

// Begin takes what comes before the entries.
func Begin(x Export) (*Restoring, error) {
	s := New(x.Partition, x.Partitions, x.Limits)
	s.next, s.begun, s.logTime, s.suspect = x.Next, x.Begun, x.LogTime, x.Suspect
	s.epoch, s.sequence, s.opener = x.Epoch, x.Sequence, x.Opener
	s.index.forgot, s.index.forgotten = x.Forgot, x.Forgotten
	if err := s.counters.restore(&x); err != nil {
		return nil, err
	}
	for i := range x.Devices {
		if err := s.restoreDevice(&x.Devices[i]); err != nil {
			return nil, err
		}
	}
	r := &Restoring{s, make(map[key]*Pending)}
	for _, d := range s.sorted {
		for _, p := range d.pending {
			k := key{d.ID(), p.UID}
			if r.open[k] != nil {
				return nil, corrupt("uid %q of device %q is pending twice", p.UID, d.ID())
			}
			r.open[k] = p
		}
	}
	return r, nil
}

// End takes what comes after the entries, and compares the hash.
func (r *Restoring) End(chores []ExportedChore, revisions *ExportedRevisions, hash domain.Hash) (*State, error) {
	if len(r.open) > 0 {
		return nil, corrupt("%d pending actions have no uid", len(r.open))
	}
	s := r.s
	for i := range chores {
		if err := s.restoreChore(&chores[i]); err != nil {
			return nil, err
		}
	}
	if err := s.restoreRevisions(revisions); err != nil {
		return nil, err
	}
	if h := s.Hash(); h != hash {
		return nil, corrupt("partition %d at offset %d has hash %s, but its export says %s", s.partition, s.next, h, hash)
	}
	return s, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("restore: "+format+"; fold it from the log instead: %w", append(args, domain.ErrCorrupt)...)
}

func (c *Counters) restore(x *Export) error {
	plain := c.plain()
	if len(x.Counts) != len(plain) {
		return corrupt("%d counters, want %d", len(x.Counts), len(plain))
	}
	for i, n := range plain {
		*n = x.Counts[i]
	}
	for _, t := range x.Reasons {
		c.Reasons.add(t.Name, t.N)
	}
	for _, t := range x.Defects {
		c.Defects.add(t.Name, t.N)
	}
	return nil
}

func (s *State) restoreDevice(x *ExportedDevice) error {
	id := x.Definition.Device
	if s.devices[id] != nil || !s.possible(id, &x.Definition) {
		return corrupt("device %q is there twice or has an impossible definition", id)
	}
	d := &Device{
		Removed: x.Removed, Connected: x.Connected,
		ConnectionDetail: x.ConnectionDetail, ConnectionSince: x.ConnectionSince, cells: make(map[domain.Target]*cell),
	}
	s.define(d, x.Definition)
	d.nameTargets()
	s.addDevice(d)
	s.recount(d)
	for i := range x.Cells {
		if err := s.restoreCell(d, &x.Cells[i]); err != nil {
			return err
		}
	}
	for i := range x.Pending {
		if err := s.restorePending(d, &x.Pending[i]); err != nil {
			return err
		}
	}
	for _, q := range x.Doubts {
		r := &doubt{of: d, Doubt: Doubt{
			UID: q.UID, Command: s.at(q.Command), Payload: q.Payload.payload(), Since: q.Since,
			At: s.at(q.At), Epoch: q.Epoch, Detail: q.Detail,
		}}
		if r.Payload == nil {
			return corrupt("doubt %q of device %q has no payload", q.UID, id)
		}
		d.doubts = append(d.doubts, r)
		s.recount(r)
	}
	return nil
}

func (s *State) restoreCell(d *Device, x *ExportedCell) error {
	if d.cells[x.Target] != nil {
		return corrupt("target %q of device %q is there twice", x.Target, d.ID())
	}
	c := &cell{
		of: d,
		Cell: Cell{
			Target: x.Target, HasReported: x.HasReported, Reported: x.Reported, ReportedTime: x.ReportedTime, Foreign: x.Foreign,
		},
		recent: x.Recent,
	}
	if x.HasReported {
		c.ReportedAt = s.at(x.ReportedAt)
	}
	if x.Desired != nil {
		c.desire(wish{x.Desired.Value, x.Desired.UID, s.at(x.Desired.At)}, x.Settled)
	}
	c.passed = x.Passed
	if x.Kept != nil {
		c.kept, c.hasKept = wish{x.Kept.Value, x.Kept.UID, s.at(x.Kept.At)}, true
	}
	d.addCell(c)
	s.recount(c)
	return nil
}

func (s *State) restorePending(d *Device, x *ExportedPending) error {
	p := &Pending{
		of: d, UID: x.UID, Command: s.at(x.Command), Effect: x.Effect, Payload: x.Payload.payload(), Wishes: x.Wishes,
		Appended: x.Appended, ValidFor: x.ValidFor, Source: x.Source, User: x.User, Started: x.Started, StartedEpoch: x.StartedEpoch, Gone: x.Gone,
	}
	if x.Started {
		p.StartedAt = s.at(x.StartedAt)
	}
	if p.Payload == nil {
		return corrupt("pending command %q of device %q has no payload", x.UID, d.ID())
	}
	if n := len(d.pending); n > 0 && d.pending[n-1].Command.Offset >= x.Command {
		return corrupt("pending commands of device %q are not in log order", d.ID())
	}
	for _, k := range x.Kept {
		p.kept = append(p.kept, keptWish{k.Target, k.Until})
	}
	p.digest = domain.DigestOf(p.Payload)
	for _, w := range p.Wishes {
		c := d.cells[w.Target]
		if c == nil {
			return corrupt("pending command %q of device %q wishes target %q, which is not there", x.UID, d.ID(), w.Target)
		}
		c.wishing++
	}
	d.pending = append(d.pending, p)
	s.recount(p)
	return nil
}

// Add takes an entry, and keeps nothing of x but strings.
func (r *Restoring) Add(x *ExportedEntry) error {
	e := entry{
		device: x.Device, command: x.Command, indexed: x.Indexed, digest: x.Digest,
		ending:    ending{done: x.Done, outcome: x.Outcome, reason: x.Reason, detail: x.Detail},
		outcomeAt: x.OutcomeAt, extra: extra{conflicts: x.Conflicts},
	}
	if _, twice := r.s.index.find(x.Device, x.UID); twice {
		return corrupt("uid %q of device %q is there twice", x.UID, x.Device)
	}
	if e.open() {
		k := key{x.Device, x.UID}
		if p := r.open[k]; p == nil || p.Command.Offset != x.Command {
			return corrupt("uid %q of device %q has neither an outcome nor a pending action", x.UID, x.Device)
		}
		delete(r.open, k)
	}
	for _, w := range x.Waiting {
		e.waiting = append(e.waiting, waiting{w.At, w.Conflict})
	}
	if x.Resolved != nil {
		resolved := *x.Resolved
		e.resolved = &resolved
	}
	r.s.waiting += len(e.waiting)
	r.s.remember(x.UID, e)
	return nil
}

func (s *State) restoreChore(x *ExportedChore) error {
	if s.chores.at[x.At] != nil {
		return corrupt("two chores for the record at offset %d", x.At)
	}
	c := Chore{
		Kind: x.Kind, Position: s.at(x.At), Device: x.Device, UID: x.UID, Reason: x.Reason, Defect: x.Defect,
		Detail: x.Detail, Owner: x.Owner, Payload: x.Payload.payload(), By: x.By, Cause: x.Cause,
	}
	if x.Kind == GiveAnswer {
		c.Answer = domain.Answer{
			UID: x.UID, Repeat: c.Position, Original: s.at(x.Original), Outcome: x.Outcome,
			Reason: x.Reason, Detail: x.Detail, Conflict: x.Conflict,
		}
	}
	if x.Kind == Again && c.Payload == nil {
		return corrupt("the command to be sent again at offset %d has no payload", x.At)
	}
	s.note(c, x.Due)
	return nil
}
