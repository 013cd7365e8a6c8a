package codec

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

func readDeadLetter(r *reader) (d domain.DeadLetter) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "topic":
			d.Topic = r.text()
		case "record":
			d.Record = readPosition(r)
		case "appended":
			d.Appended = r.instant()
		case "reason":
			d.Reason = domain.Defect(r.text())
		case "detail":
			d.Detail = r.text()
		case "key":
			d.Key = r.bytes()
		case "headers":
			d.Headers = readHeaders(r)
		case "value":
			d.Value = r.bytes()
		case "truncated":
			d.Truncated = r.bool()
		default:
			r.skip()
		}
	}
	return d
}

func readCopied(r *reader) (c domain.Copied) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "control":
			c.Control = r.int()
		case "headers":
			c.Headers = readHeaders(r)
		case "value":
			c.Value = r.bytes()
		case "time":
			c.Time = r.instant()
		default:
			r.skip()
		}
	}
	return c
}

// readHeaders reads a record's headers as they were; nil for none.
func readHeaders(r *reader) map[string]string {
	o := r.object()
	if o.left > maxList {
		r.fail(fmt.Errorf("%d headers, %d are allowed", o.left, maxList))
	}
	if o.left == 0 || r.err != nil {
		return nil
	}
	headers := make(map[string]string, min(o.left, room))
	for o.next() {
		headers[string(o.key)] = r.text()
	}
	return headers
}
