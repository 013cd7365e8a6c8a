package emission

import (
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// end decides a job's outcome.
func (q *Queue) end(j *job, o domain.Outcome, reason domain.Reason, detail string) {
	j.stage = ended
	e := domain.Ended{
		UID: j.UID, Command: j.Command,
		Outcome: o, Reason: reason, Detail: detail, Steps: j.steps,
	}
	if o == domain.Superseded {
		e.By = lastOvertaker(j)
	}
	if len(j.items) > 1 {
		e.Items = results(j, o, reason)
	}
	q.do(End{e})
}

// endUnsent ends a job that nothing was sent for, and that no newer wish has
// overtaken. What comes behind it waits until that counts.
func (q *Queue) endUnsent(j *job, o domain.Outcome, detail string) {
	q.end(j, o, "", detail)
	q.unsaid = append(q.unsaid, j.UID)
}

func lastOvertaker(j *job) string {
	by := ""
	for _, it := range j.items {
		if it.by != "" {
			by = it.by
		}
	}
	return by
}

// results lists what became of each wish of a salvo.
func results(j *job, whole domain.Outcome, reason domain.Reason) []domain.Item {
	out := make([]domain.Item, 0, len(j.items))
	for _, it := range j.items {
		r := domain.Item{Target: it.Target}
		switch it.state {
		case met:
			r.Outcome = domain.Confirmed
		case overtaken:
			r.Outcome = domain.Superseded
		case open, missed:
			r.Outcome, r.Reason = whole, reason
		}
		out = append(out, r)
	}
	return out
}

// lockOf is the target of the lock that guards a crosspoint; empty for others.
func lockOf(t domain.Target) domain.Target {
	if rest, ok := strings.CutPrefix(string(t), "crosspoint/"); ok {
		return domain.Target("lock/" + rest)
	}
	return ""
}
