package partition

import (
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// Export copies the state. It shares no memory that the fold writes to.
func (s *State) Export() Export {
	f := s.frozenAs(s.index.packed())
	for !f.Step() {
	}
	x := f.Export()
	x.Entries = slices.AppendSeq(make([]ExportedEntry, 0, f.Len()), f.Entries())
	return x
}

// exportHead is all but the devices and the entries.
func (s *State) exportHead() Export {
	x := Export{
		Partition: s.partition, Partitions: s.partitions, Limits: s.limits, Next: s.next,
		Begun: s.begun, LogTime: s.logTime, Suspect: s.suspect,
		Epoch: s.epoch, Sequence: s.sequence, Opener: s.opener,
		Forgot: s.index.forgot, Forgotten: s.index.forgotten,
		Reasons: s.counters.Reasons.clone(), Defects: s.counters.Defects.clone(), Hash: s.Hash(),
		Revisions: s.exportRevisions(),
	}
	for _, n := range s.counters.plain() {
		x.Counts = append(x.Counts, *n)
	}
	for c := s.chores.first; c != nil; c = c.behind {
		x.Chores = append(x.Chores, c.export())
	}
	return x
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
		x.Pending = append(x.Pending, p.export())
	}
	for _, q := range d.doubts {
		x.Doubts = append(x.Doubts, ExportedDoubt{
			UID: q.UID, Command: q.Command.Offset, Payload: exportPayload(q.Payload), Since: q.Since,
			At: q.At.Offset, Epoch: q.Epoch, Detail: q.Detail,
		})
	}
	return x
}

func (p *Pending) export() ExportedPending {
	x := ExportedPending{
		UID: p.UID, Command: p.Command.Offset, Effect: p.Effect, Payload: exportPayload(p.Payload),
		Wishes: slices.Clone(p.Wishes), Appended: p.Appended, ValidFor: p.ValidFor, Source: p.Source, User: p.User,
		Started: p.Started, StartedEpoch: p.StartedEpoch, StartedAt: p.StartedAt.Offset, Gone: p.Gone,
	}
	for _, k := range p.kept {
		x.Kept = append(x.Kept, ExportedKept{k.target, k.until})
	}
	return x
}

func (c *cell) export() ExportedCell {
	x := ExportedCell{
		Target: c.Target, Settled: c.Settled, HasReported: c.HasReported, Reported: c.Reported,
		ReportedAt: c.ReportedAt.Offset, ReportedTime: c.ReportedTime, Foreign: c.Foreign,
		Recent: append([]string(nil), c.recent...), // nil if there are none
		Passed: c.passed,
	}
	if c.HasDesired {
		x.Desired = &ExportedWish{c.Desired, c.DesiredUID, c.DesiredAt.Offset}
	}
	if c.hasKept {
		x.Kept = &ExportedWish{c.kept.value, c.kept.uid, c.kept.at.Offset}
	}
	return x
}

func (e *entry) export() ExportedEntry {
	x := ExportedEntry{
		Device: e.device, UID: string(e.uid), Command: e.command, Indexed: e.indexed, Digest: e.digest,
		Done: e.done, Outcome: e.outcome, Reason: e.reason, Detail: e.detail, OutcomeAt: e.outcomeAt, Conflicts: e.conflicts,
	}
	for _, w := range e.waiting {
		x.Waiting = append(x.Waiting, ExportedRepeat{w.offset, w.conflict})
	}
	if e.resolved != nil {
		r := *e.resolved
		x.Resolved = &r
	}
	return x
}

func (c *chore) export() ExportedChore {
	return ExportedChore{
		Kind: c.Kind, At: c.Position.Offset, Due: c.Due, Device: c.Device, UID: c.UID, Reason: c.Reason,
		Defect: c.Defect, Detail: c.Detail, Original: c.Answer.Original.Offset, Outcome: c.Answer.Outcome,
		Conflict: c.Answer.Conflict, Owner: c.Owner, Payload: exportPayload(c.Payload), By: c.By, Cause: c.Cause,
	}
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
