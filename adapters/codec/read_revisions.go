package codec

import (
	"strings"

	"github.com/understudy-io/understudy/domain"
)

func readRevisionPart(r *reader) (p domain.RevisionPart) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "number":
			p.Number = int(r.int32())
		case "bytes":
			p.Bytes = r.bytes()
		default:
			r.skip()
		}
	}
	return p
}

func readPublished(r *reader) (p domain.Published) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "revision":
			p.Revision = r.uint()
		case "parent":
			p.Parent = r.uint()
		case "hash":
			p.Hash = r.text()
		case "size":
			p.Size = r.int()
		case "parts":
			p.Parts = list(r, (*reader).int)
		case "comment":
			p.Comment = clean(r.text())
		case "server":
			p.Server = r.text()
		case "activate":
			p.Activate = r.bool()
		case "take_over":
			p.TakeOver = r.text()
		case "keeper":
			p.Keeper = r.text()
		case "epoch":
			p.Epoch = r.uint()
		case "primary":
			p.Primary = r.text()
		case "override":
			p.Override = r.bool()
		default:
			r.skip()
		}
	}
	return p
}

func readActivated(r *reader) (a domain.Activated) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "revision":
			a.Revision = r.uint()
		case "comment":
			a.Comment = clean(r.text())
		case "server":
			a.Server = r.text()
		case "epoch":
			a.Epoch = r.uint()
		case "primary":
			a.Primary = r.text()
		case "override":
			a.Override = r.bool()
		default:
			r.skip()
		}
	}
	return a
}

func readRevisionApplied(r *reader) (a domain.RevisionApplied) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "revision":
			a.Revision = r.uint()
		default:
			r.skip()
		}
	}
	return a
}

func readAcknowledged(r *reader) (a domain.RevisionAcknowledged) {
	for o := r.object(); o.next(); {
		switch string(o.key) {
		case "incarnation":
			a.Incarnation = r.text()
		case "revision":
			a.Revision = r.uint()
		case "hash":
			a.Hash = r.text()
		case "at":
			a.At = r.int()
		case "failure":
			a.Failure = r.text()
		default:
			r.skip()
		}
	}
	return a
}

// clean is text that is kept, in memory of its own and in UTF-8.
func clean(s string) string { return strings.ToValidUTF8(strings.Clone(s), "�") }
