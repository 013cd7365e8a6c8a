package audit

import (
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// command judges a record of a producer, or of an operator.
func (l *logAudit) command(r *domain.Record, ch *partition.Change) {
	if domain.ClassOf(r.Type) == domain.ClassRevision {
		return // counted or refused, and nothing is owed for it
	}
	switch ch.Verdict {
	case partition.Accepted:
		l.commands.Accepted++
		w := &wish{device: r.Subject, uid: r.UID, at: r.Position.Offset, appended: l.state.LogTime(), started: -1}
		w.due = w.appended.Add(ch.Pending.ValidFor)
		if w.oneShot = ch.Pending.Effect == domain.OneShot; w.oneShot {
			l.shots++
		}
		l.fates.await(nameOf(r.Subject, r.UID), w)
		l.forwards.arrived(r)
	case partition.Refused:
		l.refusal(r, ch)
		l.forwards.arrived(r)
	case partition.Duplicate, partition.Conflict:
		l.commands.Repeats++
		if ch.Verdict == partition.Conflict {
			l.commands.Conflicts++
		}
		l.fates.repeat(r.Position.Offset, again{name: nameOf(r.Subject, r.UID), original: ch.Command.Offset, appended: l.state.LogTime()})
		l.forwards.arrived(r)
	case partition.Misplaced:
		l.forwards.left(r)
	case partition.Applied:
		if v, ok := r.Payload.(domain.Resolve); ok {
			l.resolved(r, v)
		}
	case partition.Ignored, partition.Repeated, partition.Fenced, partition.Dead:
	}
}

func (l *logAudit) refusal(r *domain.Record, ch *partition.Change) {
	l.commands.Refused++
	l.commands.RefusedFor[ch.Reason]++
	if len(l.refused) < maxListed && l.within.holds(r.Appended) {
		l.refused = append(l.refused, Refusal{
			Device: strings.Clone(r.Subject), UID: strings.Clone(r.UID), Record: logAt(r.Position),
			At: Moment(r.Appended), Source: strings.Clone(r.Source), Reason: ch.Reason,
		})
	}
	n := nameOf(r.Subject, r.UID)
	e, remembered := l.state.Lookup(r.Subject, r.UID)
	switch {
	case !remembered: // turned away: it gets an answer, and no outcome
		l.fates.repeat(r.Position.Offset, again{name: n, original: r.Position.Offset, appended: l.state.LogTime(), turnedAway: ch.Reason})
	case !e.Done:
		now := l.state.LogTime()
		l.fates.await(n, &wish{device: r.Subject, uid: r.UID, at: r.Position.Offset, appended: now, due: now, refused: ch.Reason, started: -1})
	}
}

// fact judges a record of the primary that counts by the fence.
func (l *logAudit) fact(r *domain.Record, ch *partition.Change) {
	if ch.Verdict == partition.Dead && r.Defect == domain.DefectNone && !l.anew(r) {
		l.violated(RuleComplete, r.Appended, []Place{logAt(r.Position)}, "%s of %s counts, and does not fit what came before: %s", r.Type, l.fence.server, subjectOf(r))
	}
	switch v := r.Payload.(type) {
	case domain.Started:
		l.starts++
		l.started(r, v)
	case domain.Ended:
		l.outcomes++
		l.outcome(r, &v)
	case domain.Answer:
		l.outcomes++
		l.answer(r, &v)
	case domain.Configured:
		l.configured[strings.Clone(r.Subject)] = change{r.Position.Offset, r.Epoch, r.Appended}
	case domain.Handled:
		l.forwards.handled(v.Record.Offset, r.Position.Offset)
	case domain.Reported:
		l.reports++
		for _, x := range ch.Foreign {
			l.noted(RuleForeign, r.Appended, []Place{logAt(r.Position)}, "%s: %s became %q without a command", r.Subject, x.Target, x.Value)
		}
	}
}

// anewWithin bounds for how long after a change of a device what was pending at it may end
// twice: as long as a command can be valid, and a while for the device and the append.
const anewWithin = domain.MaxValidFor + time.Minute

// anew says that a record is the second start or outcome of a command that was pending,
// by the log, when its device was configured anew in this epoch: its primary began again
// with it, and did not know yet of the first one.
func (l *logAudit) anew(r *domain.Record) bool {
	command, first := int64(-1), int64(-1)
	switch v := r.Payload.(type) {
	case domain.Started:
		if w := l.fates.open[nameOf(r.Subject, v.UID)]; w != nil && w.at == v.Command.Offset {
			command, first = w.at, w.started
		}
	case domain.Ended:
		if e, ok := l.fates.ended[nameOf(r.Subject, v.UID)]; ok && e.command == v.Command.Offset {
			command, first = e.command, e.at
		}
	}
	c := l.configured[r.Subject]
	return first >= 0 && c.epoch == r.Epoch && command < c.at && c.at < first && r.Appended.Sub(c.appended) <= anewWithin
}

func subjectOf(r *domain.Record) string {
	switch v := r.Payload.(type) {
	case domain.Started:
		return v.UID + " of " + r.Subject
	case domain.Ended:
		return v.UID + " of " + r.Subject
	case domain.Answer:
		return v.UID + " of " + r.Subject
	case domain.Handled:
		return "record " + v.Record.String()
	}
	return r.Subject
}

func (l *logAudit) started(r *domain.Record, v domain.Started) {
	n := nameOf(r.Subject, v.UID)
	here := logAt(r.Position)
	w := l.fates.open[n]
	switch {
	case w == nil || w.at != v.Command.Offset || w.refused != "":
		places := []Place{here}
		if e, ok := l.fates.ended[n]; ok {
			places = append(places, l.here(e.at))
		}
		l.violated(RuleOneShot, r.Appended, places, "%s of %s is started, and does not wait to be", v.UID, r.Subject)
		return
	case w.started >= 0 && l.anew(r):
		l.noted(RuleOneShot, r.Appended, []Place{l.here(w.at), l.here(w.started), here, l.here(l.configured[r.Subject].at)},
			"%s of %s is started a second time, which counts for nothing: the first was on its way when the device was configured anew", v.UID, r.Subject)
		return
	case w.started >= 0:
		l.violated(RuleOneShot, r.Appended, []Place{l.here(w.at), l.here(w.started), here}, "%s of %s is started a second time", v.UID, r.Subject)
		return
	case !w.oneShot:
		l.violated(RuleOneShot, r.Appended, []Place{l.here(w.at), here}, "%s of %s is started, and is no one-shot", v.UID, r.Subject)
	}
	w.started, w.epoch = r.Position.Offset, r.Epoch
	if last, ok := l.fates.lastShot[r.Subject]; ok && last.command > w.at {
		l.violated(RuleOrder, r.Appended, []Place{l.here(w.at), l.here(last.command), l.here(last.at), here},
			"%s of %s is started behind one that was asked for later", v.UID, r.Subject)
		return
	}
	l.fates.lastShot[r.Subject] = shot{w.at, r.Position.Offset}
}

func (l *logAudit) here(offset int64) Place {
	return logAt(domain.Position{Partition: l.number, Offset: offset})
}

func (l *logAudit) outcome(r *domain.Record, v *domain.Ended) {
	n := nameOf(r.Subject, v.UID)
	here := logAt(r.Position)
	w := l.fates.open[n]
	if w == nil || w.at != v.Command.Offset {
		if e, ok := l.fates.ended[n]; ok {
			places := []Place{l.here(e.command), l.here(e.at), l.here(v.Command.Offset), here}
			if l.anew(r) {
				l.noted(RuleOneEffect, r.Appended, append(places, l.here(l.configured[r.Subject].at)),
					"%s of %s has a second outcome, %s after %s, which counts for nothing: the first was on its way when the device was configured anew", v.UID, r.Subject, v.Outcome, e.outcome)
				return
			}
			l.violated(RuleOneEffect, r.Appended, places, "%s of %s has a second outcome, %s after %s", v.UID, r.Subject, v.Outcome, e.outcome)
			return
		}
		if w != nil {
			l.violated(RuleOneEffect, r.Appended, []Place{l.here(w.at), l.here(v.Command.Offset), here},
				"%s of %s has an outcome, %s, for another record than the first one with this UID", v.UID, r.Subject, v.Outcome)
			return
		}
		if l.fates.dropped == 0 {
			l.violated(RuleOutcomes, r.Appended, []Place{here}, "%s of %s has an outcome, %s, and no command waits for it", v.UID, r.Subject, v.Outcome)
		}
		return
	}
	l.fits(r, v, w, n)
	l.fates.end(n, ended{command: w.at, at: r.Position.Offset, outcome: v.Outcome, reason: v.Reason})
	l.commands.Outcomes[v.Outcome]++
	if v.Outcome == domain.Confirmed {
		l.latency.add(max(v.Steps.Sent, v.Steps.Answered, v.Steps.Confirmed))
	}
	if v.Outcome == domain.InDoubt && len(l.doubts) < maxListed {
		l.doubts = append(l.doubts, Doubt{
			Device: strings.Clone(r.Subject), UID: strings.Clone(v.UID), Command: l.here(w.at), Outcome: here, Since: Moment(r.Appended),
		})
	}
}

// fits judges whether a command can have this outcome.
func (l *logAudit) fits(r *domain.Record, v *domain.Ended, w *wish, n name) {
	places := func() []Place {
		if w.started >= 0 {
			return []Place{l.here(w.at), l.here(w.started), logAt(r.Position)}
		}
		return []Place{l.here(w.at), logAt(r.Position)}
	}
	sent := max(v.Steps.Sent, v.Steps.Answered) > 0
	switch {
	case (w.refused != "") != (v.Outcome == domain.Refused) || w.refused != "" && w.refused != v.Reason:
		l.violated(RuleOutcomes, r.Appended, places(), "%s of %s ends as %s %s, and was judged %q", v.UID, r.Subject, v.Outcome, v.Reason, w.refused)
	case w.oneShot && w.started >= 0 && w.epoch != r.Epoch && v.Outcome != domain.InDoubt:
		l.violated(RuleOneShot, r.Appended, places(), "%s of %s was started in epoch %d, which left no outcome, and ends in epoch %d as %s: nobody can know that", v.UID, r.Subject, w.epoch, r.Epoch, v.Outcome)
	case w.oneShot && w.started < 0 && (sent || v.Outcome == domain.Confirmed || v.Outcome == domain.InDoubt):
		if late, ok := l.fates.late[n]; ok {
			l.violated(RuleFence, r.Appended, append(places(), l.here(late)), "%s of %s ends as %s because of a record that came behind the end of its epoch", v.UID, r.Subject, v.Outcome)
			return
		}
		l.violated(RuleOneShot, r.Appended, places(), "%s of %s ends as %s, and was never started", v.UID, r.Subject, v.Outcome)
	}
}

// answer judges what a repeat got.
func (l *logAudit) answer(r *domain.Record, v *domain.Answer) {
	n := nameOf(r.Subject, v.UID)
	here := logAt(r.Position)
	a, asked := l.fates.repeats[v.Repeat.Offset]
	if !asked || a.name != n {
		if late, ok := l.fates.late[n]; ok {
			l.violated(RuleFence, r.Appended, []Place{l.here(late), here}, "the answer %s to %s of %s rests on a record that came behind the end of its epoch", v.Outcome, v.UID, r.Subject)
		} else if l.fates.dropped == 0 {
			l.violated(RuleOneEffect, r.Appended, []Place{l.here(v.Repeat.Offset), here}, "%s of %s is answered, and no repeat waits for that", v.UID, r.Subject)
		}
		return
	}
	delete(l.fates.repeats, v.Repeat.Offset)
	if a.turnedAway != "" {
		if v.Outcome != domain.Refused || v.Reason != a.turnedAway {
			l.violated(RuleOneEffect, r.Appended, []Place{l.here(v.Repeat.Offset), here}, "%s of %s was turned away as %s, and is answered %s %s", v.UID, r.Subject, a.turnedAway, v.Outcome, v.Reason)
		}
		return
	}
	if _, open := l.fates.open[n]; open {
		l.early(r, v, n)
		return
	}
	e, ok := l.fates.ended[n]
	if ok && e.command == v.Original.Offset && (e.outcome != v.Outcome || e.reason != v.Reason) {
		l.violated(RuleOneEffect, r.Appended, []Place{l.here(e.command), l.here(e.at), l.here(v.Repeat.Offset), here},
			"%s of %s ended as %s %s, and its repeat is answered %s %s", v.UID, r.Subject, e.outcome, e.reason, v.Outcome, v.Reason)
	}
}

// early judges an answer to a command that has no outcome.
func (l *logAudit) early(r *domain.Record, v *domain.Answer, n name) {
	places := []Place{l.here(v.Original.Offset), l.here(v.Repeat.Offset), logAt(r.Position)}
	if late, ok := l.fates.late[n]; ok {
		l.violated(RuleFence, r.Appended, append(places, l.here(late)), "the answer %s to %s of %s rests on a record that came behind the end of its epoch", v.Outcome, v.UID, r.Subject)
		return
	}
	l.violated(RuleOneEffect, r.Appended, places, "%s of %s is answered %s, and has no outcome", v.UID, r.Subject, v.Outcome)
}

// fencedFate notes what a replaced primary says of a command.
func (l *logAudit) fencedFate(r *domain.Record) {
	switch v := r.Payload.(type) {
	case domain.Started:
		l.fates.fenced(nameOf(r.Subject, v.UID), r.Position.Offset)
	case domain.Ended:
		l.fates.fenced(nameOf(r.Subject, v.UID), r.Position.Offset)
	}
}

func (l *logAudit) resolved(r *domain.Record, v domain.Resolve) {
	for i := range l.doubts {
		d := &l.doubts[i]
		if d.Resolved == "" && d.UID == v.UID && d.Device == r.Subject {
			p := logAt(r.Position)
			d.Resolved, d.By, d.Reason, d.Resolution = v.As, strings.Clone(r.User), strings.Clone(v.Reason), &p
			break
		}
	}
	// A resolution is its own outcome, and a repeat of it gets that.
	l.fates.end(nameOf(r.Subject, r.UID), ended{command: r.Position.Offset, at: r.Position.Offset, outcome: domain.Confirmed})
}
