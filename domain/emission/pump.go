package emission

import (
	"slices"

	"github.com/understudy-io/understudy/domain"
)

func (q *Queue) accept(w Work) {
	j := newJob(w)
	if w.Started && w.Effect == domain.OneShot {
		// An earlier primary may have sent it: never guessed, never repeated.
		q.end(j, domain.InDoubt, domain.ReasonUnknownFate, "an earlier primary had started it and left no outcome")
		return
	}
	if q.gone || w.Gone {
		q.end(j, domain.Failed, domain.ReasonRemoved, removed)
		return
	}
	q.overtake(j)
	q.jobs = append(q.jobs, j)
}

// overtake takes the targets of a newer wish from the older ones, back to the last
// one-shot that is still to be sent: what was asked for before it may be what it
// depends on. What is with the device already may still be confirmed by a report
// that comes first.
func (q *Queue) overtake(newer *job) {
	for _, j := range slices.Backward(q.jobs) {
		if !j.unsent() || j.stage == ended {
			continue
		}
		if j.Effect == domain.OneShot {
			return
		}
		j.overtakenBy(newer)
	}
}

// overtakenBy takes from a job what a newer one wishes for.
func (j *job) overtakenBy(newer *job) {
	for _, wish := range newer.Wishes {
		for i := range j.items {
			if it := &j.items[i]; it.Target == wish.Target && it.state == open {
				it.state, it.by = overtaken, newer.UID
			}
		}
	}
}

// coalesce does that for all, when a one-shot that stood between them will not be sent.
func (q *Queue) coalesce() {
	newest := make(map[domain.Target]string)
	for _, j := range slices.Backward(q.jobs) {
		if !j.unsent() || j.stage == ended {
			continue
		}
		if j.Effect == domain.OneShot {
			clear(newest)
			continue
		}
		for i := range j.items {
			if by := newest[j.items[i].Target]; by != "" && j.items[i].state == open {
				j.items[i].state, j.items[i].by = overtaken, by
			}
		}
		for _, w := range j.Wishes {
			if newest[w.Target] == "" {
				newest[w.Target] = j.UID
			}
		}
	}
}

// expire ends what newer wishes have overtaken, what is too old to be sent, and
// what the device has not answered in time.
func (q *Queue) expire(now domain.Mono) {
	for q.expireAll(now) {
		q.coalesce()
	}
}

// expireAll says whether a one-shot has ended that was not sent.
func (q *Queue) expireAll(now domain.Mono) (one bool) {
	for _, j := range q.jobs {
		switch {
		case j.stage == ended || j.stage == emitting:
		case j.unsent() && j.settled():
			q.end(j, outcomeOf(j), "", "")
		case j.unsent() && now >= j.Deadline && j.steps.Sent > 0:
			q.miss(j)
			q.end(j, outcomeOf(j), domain.ReasonDisconnected, "it was sent, the device went away, and did not return in time")
			q.unsaid = append(q.unsaid, j.UID) // a next primary that does not find that may send it again
		case j.unsent() && now >= j.Deadline:
			q.endUnsent(j, domain.Expired, q.expired())
			one = one || j.Effect == domain.OneShot
		case j.stage == sent && now >= j.giveUp:
			q.giveUp(now, j)
		}
	}
	return one
}

// expired says why nothing was sent in time.
func (q *Queue) expired() string {
	const text = "older than its validity before it could be sent"
	if !q.up && q.cause != "" {
		return text + "; the device is away: " + q.cause
	}
	return text
}

// pump sends the next action that may be sent, in log order.
func (q *Queue) pump() {
	defer q.forget()
	if len(q.unsaid) > 0 {
		return
	}
	outstanding := 0
	for _, j := range q.jobs {
		switch j.stage {
		case ended:
			continue
		case sent:
			outstanding++
			continue
		case emitting, starting, reading:
			return // order: nothing passes an action that is just leaving, or is being prepared
		case waiting, cleared:
		}
		if !q.up || q.held || q.retryAt > 0 || outstanding >= q.settings.Window {
			return
		}
		if q.ending && (j.stage == waiting || j.Effect == domain.Queryable) {
			return
		}
		if j.Effect == domain.OneShot && j.stage == waiting {
			j.stage = starting
			q.do(Start{UID: j.UID, Command: j.Command})
			return
		}
		if j.Effect == domain.Queryable && j.stage == waiting {
			j.stage = reading
			j.ref = q.read()
			return
		}
		if j.Effect == domain.Queryable && q.alreadySo(j) {
			q.meet(j)
			q.endUnsent(j, domain.Confirmed, "the device was in the wished state")
			return
		}
		q.emit(j)
		return
	}
}

// forget lets a reading count for one step only: a queryable that could not be
// sent at once is decided by another one.
func (q *Queue) forget() {
	for _, j := range q.jobs {
		if j.Effect == domain.Queryable && j.stage == cleared {
			j.stage, j.ref = waiting, 0
		}
	}
}

func (q *Queue) read() uint64 {
	q.nextRef++
	q.reread = max(q.reread, asked)
	q.do(Read{Ref: q.nextRef})
	return q.nextRef
}

// begin has the device read once in a term, because an old primary may have
// changed it at the last moment. Actions don't wait for that; with a device that
// reports by itself it waits for them, because it shares their connection.
func (q *Queue) begin() {
	if q.reread != toRead || !q.up || q.gone {
		return
	}
	if !q.settings.Polled && (q.Outstanding() < len(q.jobs)) {
		return
	}
	q.read()
}

// fresh takes the news that the device has been read since the reading ref was
// asked for.
func (q *Queue) fresh(now domain.Mono, ref uint64) {
	if ref <= q.settings.LastRef || ref > q.nextRef {
		return // an earlier queue asked for it
	}
	if q.reread != done {
		q.reread = done
		if q.settings.Polled {
			q.report(now, q.unsure)
			q.unsure = Report{}
		}
	}
	if j := q.findRef(ref); j != nil && j.stage == reading {
		j.stage = cleared
	}
}

func (q *Queue) emit(j *job) {
	q.nextRef++
	j.ref, j.stage, j.acked = q.nextRef, emitting, false
	for _, v := range j.remaining() {
		q.left[v.Target] = departure{j.Command.Offset, j.UID}
	}
	q.do(Emit{Deadline: j.Deadline, Action: domain.Action{
		Ref: j.ref, UID: j.UID, Command: j.Command,
		Effect: j.Effect, Payload: j.Payload, Wishes: j.remaining(),
	}})
}

// startCounts lets a one-shot be sent. One that waits was written ahead by this
// server before the device was configured anew, and not sent then: only what is
// read back as started is sent, and would have been handed over as that.
func (q *Queue) startCounts(now domain.Mono, uid string) {
	j := q.find(uid)
	if j == nil || j.Effect != domain.OneShot || (j.stage != starting && j.stage != waiting) {
		return
	}
	j.stage = cleared
	j.steps.Started = now - j.Read
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
		j.steps.Sent = now - j.Read // it may have been: it does not end as unsent
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
	for i := range j.items { // a newer one that came to nothing is not in the queue any more
		it := &j.items[i]
		if l := q.left[it.Target]; it.state == open && l.command > j.Command.Offset {
			it.state, it.by = overtaken, l.uid
		}
	}
	newer := false
	for _, other := range q.jobs {
		if other == j {
			newer = true
			continue
		}
		if !newer || other.stage == ended {
			continue
		}
		if other.Effect == domain.OneShot && other.unsent() {
			return // what is newer comes behind it
		}
		j.overtakenBy(other)
	}
}

func (q *Queue) linkDown(cause string) {
	q.up, q.cause = false, cause
	if q.reread == asked {
		q.reread = toRead
	}
	for _, j := range q.jobs {
		if j.stage == reading {
			j.stage, j.ref = waiting, 0
		}
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

// removed is what became of the commands of a device that is no longer configured.
const removed = "the device was taken out of the configuration"

// remove ends all commands. What is with the device may still be done by it.
func (q *Queue) remove() {
	q.gone = true
	for _, j := range q.jobs {
		switch {
		case j.stage == ended:
		case j.Effect == domain.OneShot && (j.stage == emitting || j.stage == sent):
			q.end(j, domain.InDoubt, domain.ReasonUnknownFate, removed+" before it had answered")
		default:
			q.miss(j)
			q.end(j, domain.Failed, domain.ReasonRemoved, removed)
		}
	}
}
