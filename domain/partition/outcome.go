package partition

import "github.com/understudy-io/understudy/domain"

// started marks a one-shot that may have been sent from now on. Only the first
// mark counts: whoever sends a second time would do it twice.
func (s *State) started(r *domain.Record, ch *Change, v domain.Started) {
	ch.UID = v.UID
	e, ok := s.index.find(r.Subject, v.UID)
	if !ok || !e.open() || s.at(e.command) != v.Command {
		s.impossible(r, ch)
		return
	}
	d := s.devices[r.Subject]
	p := d.awaited(e.command)
	if p.Effect != domain.OneShot || p.Started {
		s.impossible(r, ch)
		return
	}
	p.Started, p.StartedEpoch, p.StartedAt = true, r.Epoch, r.Position
	s.recount(p)
	ch.Verdict, ch.Command, ch.Pending, ch.PendingChanged = Applied, v.Command, p, true
}

// outcome ends a command, whether it was accepted or refused.
func (s *State) outcome(r *domain.Record, ch *Change, v *domain.Ended) {
	ch.UID = v.UID
	e, ok := s.index.find(r.Subject, v.UID)
	if !ok || e.done || s.at(e.command) != v.Command || !fits(&e, v) {
		s.impossible(r, ch)
		return
	}
	if e.open() {
		s.end(r, ch, &e, v)
	} else if c := s.owed(v.Command, Refuse); c != nil {
		s.done(c)
		ch.ChoresChanged = true
	}
	e.ending = ending{done: true, outcome: v.Outcome, reason: v.Reason, detail: clip(v.Detail)}
	e.outcomeAt = r.Position.Offset
	for _, w := range e.waiting {
		s.note(s.answer(&e, w), r.Position.Offset)
		ch.ChoresChanged = true
	}
	s.waiting -= len(e.waiting)
	e.waiting = nil
	s.change(&e)
	ch.Verdict, ch.Command, ch.Reason, ch.Counted = Applied, v.Command, v.Reason, r.Payload
}

// fits says that the outcome is one that the command can have: a refused one
// is refused, for the reason that the fold found.
func fits(e *entry, v *domain.Ended) bool {
	switch v.Outcome {
	case domain.Confirmed, domain.Failed, domain.Expired, domain.Superseded, domain.InDoubt:
		return e.open()
	case domain.Refused:
		return !e.open() && v.Reason == e.reason
	}
	return false
}

// end takes an accepted command off the pending ones.
func (s *State) end(r *domain.Record, ch *Change, e *entry, v *domain.Ended) {
	d := s.devices[r.Subject]
	p := d.awaited(e.command)
	d.drop(p)
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
func outcomeOf(v *domain.Ended, t domain.Target) domain.Outcome {
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
