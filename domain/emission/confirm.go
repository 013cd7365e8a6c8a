package emission

import "github.com/understudy-io/understudy/domain"

// report takes what the device says of itself: it is logged where it is news,
// and settles what waits for it.
func (q *Queue) report(now domain.Mono, in Report) {
	news := make([]domain.Value, 0, len(in.Values))
	for _, v := range in.Values {
		if old, ok := q.reported[v.Target]; !ok || old != v.Value {
			news = append(news, v)
			q.reported[v.Target] = v.Value
		}
	}
	if len(news) > 0 {
		if in.Full {
			news = in.Values
		}
		q.do(Log{Values: news, Full: in.Full})
	}
	said := make(map[domain.Target]bool, len(in.Values))
	for _, v := range in.Values {
		said[v.Target] = true
	}
	for _, j := range q.jobs {
		if j.stage == sent || (j.stage == emitting && !in.Full) {
			q.match(j, said)
			if j.stage == sent {
				q.confirm(now, j)
			}
		}
	}
}

// match settles the items of a job that is with the device by what was said. Before
// the acknowledgement that may be older than the action: a reading that was asked for
// earlier, or the report of an earlier action that wished the same, perhaps an
// earlier primary's. So it confirms nothing yet.
func (q *Queue) match(j *job, said map[domain.Target]bool) {
	for i := range j.items {
		it := &j.items[i]
		if it.state != open || !said[it.Target] {
			continue
		}
		value := q.reported[it.Target]
		if j.acked && value == it.Value.Value {
			it.state = met
		} else if by := q.newerWish(j, it.Target, value); by != "" {
			it.state, it.by = overtaken, by
		}
	}
}

// newerWish is the UID of a newer command that is with the device too and
// wished the value that the device reports now. It has come after a job that is
// not acknowledged if it is acknowledged itself.
func (q *Queue) newerWish(j *job, t domain.Target, value string) string {
	newer := false
	for _, other := range q.jobs {
		if other == j {
			newer = true
			continue
		}
		if !newer || other.stage == ended || !j.acked && !other.acked {
			continue
		}
		for _, w := range other.Wishes {
			if w.Target == t && w.Value == value {
				return other.UID
			}
		}
	}
	return ""
}

// confirm ends a sent job whose items are all settled. An acknowledgement lets
// a value count that the device had before, if nothing else under way changes it. Not
// so where the device is polled: it may have another one since it was read, and it is
// read again after each acknowledgement.
func (q *Queue) confirm(now domain.Mono, j *job) {
	if j.acked && !q.settings.Polled {
		for i := range j.items {
			it := &j.items[i]
			if it.state == open && q.reported[it.Target] == it.Value.Value && !q.disputed(j, it.Target, it.Value.Value) {
				it.state = met
			}
		}
	}
	if j.settled() {
		j.steps.Confirmed = now - j.Read
		q.end(j, outcomeOf(j), "", "")
	}
}

// disputed says that another action under way wishes another value for the target.
func (q *Queue) disputed(j *job, t domain.Target, value string) bool {
	for _, other := range q.jobs {
		if other == j || other.unsent() || other.stage == ended {
			continue
		}
		for _, w := range other.Wishes {
			if w.Target == t && w.Value != value {
				return true
			}
		}
	}
	return false
}

func (q *Queue) alreadySo(j *job) bool {
	for _, it := range j.items {
		if it.state == open && q.reported[it.Target] != it.Value.Value {
			return false
		}
	}
	return len(j.items) > 0
}

func (q *Queue) meet(j *job) {
	for i := range j.items {
		if j.items[i].state == open {
			j.items[i].state = met
		}
	}
}

func (q *Queue) answer(now domain.Mono, a domain.Answered) {
	if a.Verdict == domain.Fresh {
		q.fresh(now, a.Ref)
		return
	}
	j := q.findRef(a.Ref)
	if j == nil || (j.stage != sent && j.stage != emitting) {
		return
	}
	if a.Verdict != domain.NoAnswer {
		j.steps.Answered = now - j.Read
	}
	switch a.Verdict {
	case domain.Acknowledged:
		j.acked = true
		if j.stage == sent {
			q.confirm(now, j)
		}
	case domain.Done:
		// The protocol's answer is the proof: there is nothing to read back.
		q.meet(j)
		j.steps.Confirmed = now - j.Read
		q.end(j, domain.Confirmed, "", a.Detail)
	case domain.Rejected:
		q.miss(j)
		q.end(j, domain.Failed, a.Reason, a.Detail)
	case domain.NoAnswer:
		q.noAnswer(now, j, a)
	case domain.Fresh: // answers a reading
	}
}

func (q *Queue) noAnswer(now domain.Mono, j *job, a domain.Answered) {
	if j.Effect == domain.OneShot {
		q.end(j, domain.InDoubt, domain.ReasonUnknownFate, a.Detail)
		return
	}
	q.overtakenSince(j)
	q.unsettled(now, j, domain.ReasonNoAnswer, a.Detail)
}

// giveUp ends a job that the device has not settled in time.
func (q *Queue) giveUp(now domain.Mono, j *job) {
	if j.Effect == domain.OneShot {
		q.end(j, domain.InDoubt, domain.ReasonUnknownFate, "the device gave no answer in time")
		return
	}
	q.overtakenSince(j)
	reason, detail := domain.ReasonNoAnswer, "the device gave no answer in time"
	if j.acked {
		reason = domain.ReasonNoEffect
		detail = "the device acknowledged, and reports another value"
		if q.lockedElsewhere(j) {
			reason, detail = domain.ReasonLocked, "another client of the device holds the lock"
		}
	}
	q.unsettled(now, j, reason, detail)
}

// unsettled ends a job as failed, or as superseded. If the device reports what was
// wished, only the acknowledgement may be missing. That report may be older than the
// action and confirms nothing, but the action is sent once more.
func (q *Queue) unsettled(now domain.Mono, j *job, reason domain.Reason, detail string) {
	if !j.acked && !j.settled() && q.alreadySo(j) {
		if j.stage == sent && !j.again && now < j.Deadline {
			j.again = true
			q.requeue(j)
			return
		}
		detail += "; it reports the wished value, and may have had it before"
	}
	q.miss(j)
	o := outcomeOf(j)
	if o != domain.Failed {
		reason, detail = "", ""
	}
	q.end(j, o, reason, detail)
}

func (q *Queue) miss(j *job) {
	for i := range j.items {
		if j.items[i].state == open {
			j.items[i].state = missed
		}
	}
}

// lockedElsewhere says that a destination of the job is locked by another client.
func (q *Queue) lockedElsewhere(j *job) bool {
	for _, it := range j.items {
		if it.state == open && q.reported[lockOf(it.Target)] == domain.LockForeign {
			return true
		}
	}
	return false
}

// outcomeOf sums up the items: one that failed makes the whole failed, and only
// if all were overtaken the whole is superseded.
func outcomeOf(j *job) domain.Outcome {
	var metN, lostN int
	for _, it := range j.items {
		switch it.state {
		case missed, open:
			return domain.Failed
		case met:
			metN++
		case overtaken:
			lostN++
		}
	}
	switch {
	case metN == 0 && lostN > 0:
		return domain.Superseded
	case len(j.items) == 0:
		return domain.Failed
	}
	return domain.Confirmed
}
