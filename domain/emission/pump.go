package emission

import "github.com/understudy-io/understudy/domain"

func (q *Queue) accept(w Work) {
	j := newJob(w)
	if w.Started && w.Effect == domain.OneShot {
		// An earlier primary may have sent it: never guessed, never repeated.
		q.end(j, domain.InDoubt, domain.ReasonUnknownFate, "an earlier primary had started it and left no outcome")
		return
	}
	j.requery = w.Effect == domain.Queryable
	q.overtake(j)
	q.jobs = append(q.jobs, j)
}

// overtake takes the targets of a newer wish from all older ones. What is with
// the device already may still be confirmed by a report that comes first.
func (q *Queue) overtake(newer *job) {
	for _, wish := range newer.Wishes {
		for _, j := range q.jobs {
			if !j.unsent() || j.stage == ended {
				continue
			}
			for i := range j.items {
				if j.items[i].Target == wish.Target && j.items[i].state == open {
					j.items[i].state, j.items[i].by = overtaken, newer.UID
				}
			}
		}
	}
}

// expire ends what newer wishes have overtaken, what is too old to be sent, and
// what the device has not answered in time.
func (q *Queue) expire(now domain.Mono) {
	for _, j := range q.jobs {
		switch {
		case j.stage == ended || j.stage == emitting:
		case j.unsent() && j.settled():
			q.end(j, outcomeOf(j), "", "")
		case j.unsent() && now >= j.Deadline && j.steps.Sent > 0:
			q.miss(j)
			q.end(j, outcomeOf(j), domain.ReasonDisconnected, "it was sent, the device went away, and did not return in time")
		case j.unsent() && now >= j.Deadline:
			q.end(j, domain.Expired, "", "older than its validity before it could be sent")
		case j.stage == sent && now >= j.giveUp:
			q.giveUp(j)
		}
	}
}

// pump sends the next action that may be sent, in log order.
func (q *Queue) pump(now domain.Mono) {
	outstanding := 0
	for _, j := range q.jobs {
		switch j.stage {
		case ended:
			continue
		case sent:
			outstanding++
			continue
		case emitting, starting:
			return // order: nothing passes an action that is just leaving, or is being written ahead
		}
		if !q.up || q.held || q.retryAt > 0 || outstanding >= q.settings.Window {
			return
		}
		if q.ending && j.stage == waiting {
			return
		}
		if j.Effect == domain.OneShot && j.stage == waiting {
			j.stage = starting
			q.do(Start{UID: j.UID, Command: j.Command})
			return
		}
		if j.requery && q.alreadySo(j) {
			q.meet(j)
			q.end(j, domain.Confirmed, "", "the device was in the wished state")
			continue
		}
		q.emit(j)
		return
	}
}

func (q *Queue) emit(j *job) {
	q.nextRef++
	j.ref, j.stage, j.acked = q.nextRef, emitting, false
	q.do(Emit{domain.Action{
		Ref: j.ref, UID: j.UID, Command: j.Command,
		Effect: j.Effect, Payload: j.Payload, Wishes: j.remaining(),
	}})
}

func (q *Queue) startCounts(now domain.Mono, uid string) {
	if j := q.find(uid); j != nil && j.stage == starting {
		j.stage = cleared
		j.steps.Started = now - j.Read
	}
}

func (q *Queue) emitted(now domain.Mono, in Emitted) {
	j := q.findRef(in.Ref)
	if j == nil || j.stage != emitting {
		return
	}
	switch in.Result {
	case Sent:
		j.stage, j.sentAt = sent, now
		j.steps.Sent = now - j.Read
		j.giveUp = now + q.settings.ConfirmWithin
		q.confirm(now, j)
	case NotSent, Fenced:
		// Not a byte left: it waits for the link, or for the lease, and is sent then.
		q.requeue(j)
		if in.Result == NotSent {
			q.up = false
		} else {
			q.retryAt = now + fencedRetry
		}
	case UnknownFate:
		if j.Effect == domain.OneShot {
			q.end(j, domain.InDoubt, domain.ReasonUnknownFate, in.Detail)
			return
		}
		q.requeue(j)
		q.up = false
	}
}

// requeue puts a job back to where it waits to be sent; a one-shot stays cleared.
func (q *Queue) requeue(j *job) {
	j.stage = waiting
	if j.Effect == domain.OneShot {
		j.stage = cleared
	}
	j.ref, j.acked = 0, false
	q.overtakenSince(j)
}

// overtakenSince takes from a job that was with the device what newer wishes
// have asked for meanwhile.
func (q *Queue) overtakenSince(j *job) {
	newer := false
	for _, other := range q.jobs {
		if other == j {
			newer = true
			continue
		}
		if !newer || other.stage == ended {
			continue
		}
		for _, wish := range other.Wishes {
			for i := range j.items {
				if j.items[i].Target == wish.Target && j.items[i].state == open {
					j.items[i].state, j.items[i].by = overtaken, other.UID
				}
			}
		}
	}
}

func (q *Queue) linkDown() {
	q.up = false
	for _, j := range q.jobs {
		if j.stage != sent {
			continue
		}
		if j.Effect == domain.OneShot {
			q.end(j, domain.InDoubt, domain.ReasonUnknownFate, "the connection ended before an answer")
			continue
		}
		q.requeue(j)
	}
}
