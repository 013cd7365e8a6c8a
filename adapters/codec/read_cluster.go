package codec

import "github.com/understudy-io/understudy/domain"

func readSuccession(r *reader) (p domain.Policy) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "by":
			p.By = r.text()
		case "order":
			p.Order = domain.PolicyOrder(r.text())
		case "members":
			p.Members = list(r, (*reader).text)
		case "fail_back":
			p.FailBack = domain.FailBack(r.text())
		case "hold_down":
			p.HoldDown = r.duration()
		case "max_members":
			p.MaxMembers = int(r.int32())
		default:
			r.skip()
		}
	}
	return p
}

// decision is what the decisions about something that is on or off have in common.
type decision struct {
	on         bool
	by, reason string
}

func readDecision(r *reader) (d decision) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "on":
			d.on = r.bool()
		case "by":
			d.by = r.text()
		case "reason":
			d.reason = r.text()
		default:
			r.skip()
		}
	}
	return d
}

func readPaused(r *reader) domain.Paused {
	d := readDecision(r)
	return domain.Paused{On: d.on, By: d.by, Reason: d.reason}
}

func readDrained(r *reader) domain.Drained {
	d := readDecision(r)
	return domain.Drained{On: d.on, By: d.by, Reason: d.reason}
}

func readDissolved(r *reader) domain.Dissolved {
	d := readDecision(r)
	return domain.Dissolved{By: d.by, Reason: d.reason}
}

func readInvited(r *reader) (i domain.Invited) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "id":
			i.ID = r.text()
		case "hash":
			i.Hash = r.text()
		case "until":
			i.Until = r.instant()
		case "by":
			i.By = r.text()
		case "signing":
			i.Signing = r.bool()
		default:
			r.skip()
		}
	}
	return i
}

func readAdmitted(r *reader) (a domain.Admitted) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "id":
			a.ID = r.text()
		case "identity":
			a.Identity = r.text()
		default:
			r.skip()
		}
	}
	return a
}
