package partition

import (
	"math"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// command decides about a sound wish. The order of the questions matters: a
// repeat is answered whatever else would be wrong with it now.
func (s *State) command(r *domain.Record, ch *Change) {
	digest := domain.DigestOf(r.Payload)
	if e, ok := s.index.find(r.Subject, r.UID); ok {
		s.arrived(r, ch)
		s.repeat(r, ch, &e, digest)
		return
	}
	d := s.devices[r.Subject]
	if d == nil {
		if owner := domain.Partition(r.Subject, s.partitions); owner != s.partition {
			s.misplaced(r, ch, owner, digest)
			return
		}
	}
	s.arrived(r, ch)
	if s.checkTime(r, ch, digest) {
		s.judge(r, ch, d, digest)
	}
}

// created is the time of a command: its own, or that of its append.
func (s *State) created(r *domain.Record) domain.Instant {
	if r.Created == 0 {
		return s.logTime
	}
	return r.Created
}

// checkTime refuses what may have been here before, and what would be
// remembered for too long.
func (s *State) checkTime(r *domain.Record, ch *Change, digest domain.Digest) bool {
	created := s.created(r)
	switch {
	case s.index.forgot && created <= s.index.forgotten:
		s.turnAway(r, ch, domain.ReasonTooOld, "ce_time "+created.String()+" is not after "+
			s.index.forgotten.String()+", up to which commands are forgotten; send it anew with a new UID if it is still wanted")
	case s.index.len() >= overfull*s.limits.UIDs:
		s.turnAway(r, ch, domain.ReasonOverloaded, "too many commands wait for their outcome; send it again later")
	case after(created, s.logTime, MaxAhead):
		// Remembered by log time, not by its own: a time far ahead would
		// otherwise be the newest forgotten one some day, and shut everybody out.
		s.refuse(r, ch, s.logTime, digest, domain.ReasonFromFuture, "ce_time "+created.String()+
			" is more than "+MaxAhead.String()+" ahead of log time "+s.logTime.String()+"; set the clock of the producer")
	default:
		return true
	}
	return false
}

// judge asks the device's definition.
func (s *State) judge(r *domain.Record, ch *Change, d *Device, digest domain.Digest) {
	created := s.created(r)
	if v, ok := r.Payload.(domain.Resolve); ok {
		s.resolve(r, ch, d, v, digest)
		return
	}
	if d == nil || d.Removed {
		s.refuse(r, ch, created, digest, domain.ReasonUnknownDevice, "no such device is configured in this landscape")
		return
	}
	p := d.planOf(r.Payload)
	switch {
	case p.effect == domain.OneShot && r.Created == 0:
		s.refuse(r, ch, created, digest, domain.ReasonNoTime, "what must not be done twice needs ce_time")
	case p.reason != "":
		s.refuse(r, ch, created, digest, p.reason, p.detail)
	case len(d.pending) >= s.limits.Pending:
		s.refuse(r, ch, created, digest, domain.ReasonOverloaded, "too many commands of this device are waiting; send it again later with a new UID")
	default:
		s.accept(r, ch, d, &p, created, digest)
	}
}

// accept makes the command pending, and its wishes the newest.
func (s *State) accept(r *domain.Record, ch *Change, d *Device, plan *plan, created domain.Instant, digest domain.Digest) {
	p := s.newPending() // empty, so each field is written once
	p.of, p.digest = d, digest
	p.UID, p.Command, p.Source, p.Payload = strings.Clone(r.UID), r.Position, r.Source, r.Payload
	p.Effect, p.Wishes = plan.effect, plan.wishes
	p.Appended, p.ValidFor = s.logTime, d.validity(r.ValidFor, plan.effect)
	if r.Signed {
		p.User = r.User
	}
	if plan.single {
		p.only[0] = plan.only
		p.Wishes = p.only[:]
	}
	for _, w := range p.Wishes {
		if older := d.keep(w.Target, r.Position.Offset); older != nil {
			s.recount(older)
		}
	}
	d.pending = append(d.pending, p)
	s.recount(p)
	for _, w := range p.Wishes {
		c := d.cell(w.Target)
		c.wishing++
		c.ask(wish{w.Value, p.UID, p.Command})
		s.recount(c)
	}
	s.remember(r.UID, entry{device: d.ID(), command: r.Position.Offset, indexed: created, digest: digest})
	ch.Verdict, ch.Command, ch.Pending = Accepted, r.Position, p
	ch.PendingChanged, ch.ValuesChanged = true, len(p.Wishes) > 0
}

// refuse gives a command its final outcome, which the primary owes to the log.
// If it owes too much already, the refusal is remembered all the same: repeats
// get it as their answer.
func (s *State) refuse(r *domain.Record, ch *Change, indexed domain.Instant, digest domain.Digest, reason domain.Reason, detail string) {
	e := entry{
		device: r.Subject, command: r.Position.Offset, indexed: indexed, digest: digest,
		ending: ending{outcome: domain.Refused, reason: reason},
	}
	ch.ChoresChanged = s.owe(Chore{Kind: Refuse, Position: r.Position, Device: r.Subject, UID: r.UID, Reason: reason, Detail: detail})
	if !ch.ChoresChanged {
		e.done, e.outcomeAt = true, r.Position.Offset
		s.counters.Unanswered++
	}
	s.remember(r.UID, e)
	s.refused(r, ch, reason)
}

// turnAway refuses a command without remembering it: its UID may have had an
// outcome that is forgotten, so it gets an answer and not another outcome.
func (s *State) turnAway(r *domain.Record, ch *Change, reason domain.Reason, detail string) {
	ch.ChoresChanged = s.owe(Chore{
		Kind: GiveAnswer, Position: r.Position, Device: r.Subject, UID: r.UID, Reason: reason, Detail: detail,
		Answer: domain.Answer{UID: r.UID, Repeat: r.Position, Original: r.Position, Outcome: domain.Refused, Reason: reason, Detail: detail},
	})
	if !ch.ChoresChanged {
		s.counters.Unanswered++
	}
	s.refused(r, ch, reason)
}

func (s *State) refused(r *domain.Record, ch *Change, reason domain.Reason) {
	ch.Verdict, ch.Reason, ch.Command = Refused, reason, r.Position
	s.counters.Reasons.add(string(reason), 1)
}

// misplaced leaves a command to the partition that owns its device. It is only
// refused where it cannot even be noted down.
func (s *State) misplaced(r *domain.Record, ch *Change, owner int32, digest domain.Digest) {
	if !s.owe(Chore{Kind: Forward, Position: r.Position, Device: r.Subject, UID: r.UID, Owner: owner}) {
		s.refuse(r, ch, min(s.created(r), s.logTime), digest, domain.ReasonOverloaded, "")
		return
	}
	ch.Verdict, ch.ChoresChanged = Misplaced, true
}

// repeat owes the original's answer, at once or when it is there.
func (s *State) repeat(r *domain.Record, ch *Change, e *entry, digest domain.Digest) {
	ch.Verdict, ch.Command = Duplicate, s.at(e.command)
	conflict := e.digest != digest
	if conflict {
		ch.Verdict = Conflict
		if e.conflicts < math.MaxUint32 {
			e.conflicts++
		}
	}
	w := waiting{r.Position.Offset, conflict}
	switch {
	case e.done:
		ch.ChoresChanged = s.owe(s.answer(e, w))
		if !ch.ChoresChanged {
			s.counters.Unanswered++
		}
	case len(e.waiting) < maxWaiting && s.roomFor(GiveAnswer):
		e.waiting = append(e.waiting, w)
		s.waiting++
	default:
		s.counters.Unanswered++
	}
	s.change(e)
}

// answer is what a repeat of e is owed.
func (s *State) answer(e *entry, w waiting) Chore {
	uid := string(e.uid)
	return Chore{
		Kind: GiveAnswer, Position: s.at(w.offset), Device: e.device, UID: uid, Reason: e.reason, Detail: e.detail,
		Answer: domain.Answer{
			UID: uid, Repeat: s.at(w.offset), Original: s.at(e.command),
			Outcome: e.outcome, Reason: e.reason, Detail: e.detail, Conflict: w.conflict,
		},
	}
}
