package codec

import "github.com/understudy-io/understudy/domain"

func readEnded(r *reader) (e domain.Ended) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "uid":
			e.UID = r.text()
		case "command":
			e.Command = readPosition(r)
		case "outcome":
			e.Outcome = readOutcome(r)
		case "reason":
			e.Reason = domain.Reason(r.name())
		case "detail":
			e.Detail = r.text()
		case "by":
			e.By = r.text()
		case "server":
			e.Server = r.name()
		case "items":
			e.Items = list(r, readItem)
		case "steps":
			e.Steps = readSteps(r)
		default:
			r.skip()
		}
	}
	return e
}

// readOutcome knows the usual outcome without an allocation.
func readOutcome(r *reader) domain.Outcome {
	if b := r.rawText(); string(b) != string(domain.Confirmed) {
		return domain.Outcome(b)
	}
	return domain.Confirmed
}

func readItem(r *reader) (i domain.Item) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "t":
			i.Target = domain.Target(r.name())
		case "o":
			i.Outcome = readOutcome(r)
		case "r":
			i.Reason = domain.Reason(r.name())
		default:
			r.skip()
		}
	}
	return i
}

func readSteps(r *reader) (s domain.Steps) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "started":
			s.Started = r.duration()
		case "sent":
			s.Sent = r.duration()
		case "answered":
			s.Answered = r.duration()
		case "confirmed":
			s.Confirmed = r.duration()
		default:
			r.skip()
		}
	}
	return s
}
