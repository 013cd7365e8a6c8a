package partition

import "github.com/understudy-io/understudy/domain"

// started marks a one-shot that may have been sent from now on. Only the first
// mark counts: whoever sends a second time would do it twice.
func (s *State) started(r *domain.Record, ch *Change, v domain.Started) {
	ch.UID = v.UID
	d, e := s.devices[r.Subject], s.index.entries[key{r.Subject, v.UID}]
	if d == nil || e == nil || e.pending == nil || e.pending.Command != v.Command ||
		e.pending.Effect != domain.OneShot || e.pending.Started {
		s.impossible(r, ch)
		return
	}
	p := e.pending
	p.Started, p.StartedEpoch, p.StartedAt = true, r.Epoch, r.Position
	s.recount(&p.item, p.form(s.buf[:0], d.ID()))
	ch.Verdict, ch.Command, ch.Pending, ch.PendingChanged = Applied, v.Command, p, true
}

// outcome ends a command, whether it was accepted or refused.
func (s *State) outcome(r *domain.Record, ch *Change, v domain.Ended) {
	ch.UID = v.UID
	e := s.index.entries[key{r.Subject, v.UID}]
	if e == nil || e.done || s.at(e.command) != v.Command || !fits(e, v) {
		s.impossible(r, ch)
		return
	}
	if e.pending != nil {
		s.end(r, ch, e, v)
	} else if c := s.owed(v.Command, Refuse); c != nil {
		s.done(c)
		ch.ChoresChanged = true
	}
	e.done, e.outcome, e.reason, e.detail = true, v.Outcome, v.Reason, clip(v.Detail)
	e.outcomeAt = r.Position.Offset
	for _, w := range e.waiting {
		s.note(s.answer(e, w), r.Position.Offset)
		ch.ChoresChanged = true
	}
	s.waiting -= len(e.waiting)
	e.waiting = nil
	s.recount(&e.item, e.form(s.buf[:0]))
	ch.Verdict, ch.Command, ch.Reason, ch.Ended = Applied, v.Command, v.Reason, &v
}

// fits says that the outcome is one that the command can have: a refused one
// is refused, for the reason that the fold found.
func fits(e *entry, v domain.Ended) bool {
	switch v.Outcome {
	case domain.Confirmed, domain.Failed, domain.Expired, domain.Superseded, domain.InDoubt:
		return e.pending != nil
	case domain.Refused:
		return e.pending == nil && v.Reason == e.reason
	}
	return false
}

// end takes an accepted command off the pending ones.
func (s *State) end(r *domain.Record, ch *Change, e *entry, v domain.Ended) {
	d, p := s.devices[r.Subject], e.pending
	d.drop(p)
	e.pending = nil
	s.uncount(&p.item)
	s.counters.Outcomes++
	ch.Pending, ch.PendingChanged = p, true
	for _, w := range p.Wishes {
		if s.endWish(d, p, w, outcomeOf(v, w.Target)) {
			ch.ValuesChanged = true
		}
	}
	if v.Outcome == domain.InDoubt {
		s.doubt(r, ch, d, p, v)
	}
	s.dropIfEmpty(d)
}

// outcomeOf is the outcome of one crosspoint of a salvo, or of the whole.
func outcomeOf(v domain.Ended, t domain.Target) domain.Outcome {
	for _, i := range v.Items {
		if i.Target == t {
			return i.Outcome
		}
	}
	return v.Outcome
}

// endWish settles a wish that came true, and gives up one that did not.
func (s *State) endWish(d *Device, p *Pending, w domain.Value, o domain.Outcome) (changed bool) {
	c := d.cells[w.Target]
	if c == nil {
		return false
	}
	c.wishing--
	changed = true
	switch {
	case c.owner(p) && o == domain.Confirmed && !c.Settled:
		c.Settled = true
		c.kept, c.hasKept = wish{}, false
	case c.owner(p) && !c.Settled && o != domain.Confirmed && o != domain.InDoubt:
		c.giveUp(d)
	case o == domain.Confirmed && !c.Settled && (!c.hasKept || c.kept.at.Offset < p.Command.Offset):
		c.kept, c.hasKept = wish{w.Value, p.UID, p.Command}, true
	default:
		changed = false
	}
	if changed || !c.HasDesired {
		s.keep(d, c)
	}
	return changed
}
