package audit

import (
	"github.com/understudy-io/understudy/domain"
)

// halves are what one partition shows of forwarded commands: those that lay in it
// wrongly, and those that came into it from another one.
type halves struct {
	away    map[int64]*sent // by offset
	came    map[domain.Position]arrival
	dropped int64
}

// sent is a command that lay in a partition that does not own its device.
type sent struct {
	name     name
	digest   domain.Digest
	appended domain.Instant
	handled  int64 // where its primary says that it is forwarded; -1 if it does not
	device   string
	uid      string
}

// arrival is the copy of a command that stood elsewhere first.
type arrival struct {
	name     name
	digest   domain.Digest
	appended domain.Instant
	at       domain.Position
}

func newHalves() halves {
	return halves{away: make(map[int64]*sent), came: make(map[domain.Position]arrival)}
}

func (h *halves) left(r *domain.Record) {
	if len(h.away) >= maxForwards {
		h.dropped++
		return
	}
	h.away[r.Position.Offset] = &sent{
		name: nameOf(r.Subject, r.UID), digest: domain.DigestOf(r.Payload), appended: r.Appended, handled: -1,
		device: r.Subject, uid: r.UID,
	}
}

func (h *halves) handled(offset, at int64) {
	if s := h.away[offset]; s != nil {
		s.handled = at
	}
}

// arrived notes a command that says where it stood first. Of a producer that is a claim.
func (h *halves) arrived(r *domain.Record) {
	if r.Origin == nil {
		return
	}
	if _, twice := h.came[*r.Origin]; twice {
		return // the same one, appended once more
	}
	if len(h.came) >= maxForwards {
		h.dropped++
		return
	}
	h.came[*r.Origin] = arrival{nameOf(r.Subject, r.UID), domain.DigestOf(r.Payload), r.Appended, r.Position}
}

// Meet brings the two halves of forwarded commands together, so that they need not be
// remembered any longer.
func (a *Auditor) Meet() {
	for _, to := range a.logs {
		for origin, came := range to.forwards.came {
			if origin.Partition < 0 || int(origin.Partition) >= len(a.logs) {
				continue
			}
			from := a.logs[origin.Partition]
			s := from.forwards.away[origin.Offset]
			if s == nil || s.handled < 0 {
				continue
			}
			delete(from.forwards.away, origin.Offset)
			delete(to.forwards.came, origin)
			a.met.looked(RuleForwards, 1)
			records := []Place{logAt(origin), logAt(came.at)}
			switch {
			case s.name != came.name:
				a.met.violated(RuleForwards, came.appended, records, "what came to %s is not what stood at %s: another device or UID", place(came.at), place(origin))
			case s.digest != came.digest:
				a.met.violated(RuleForwards, came.appended, records, "what came to %s is not what stood at %s: it asks for something else", place(came.at), place(origin))
			default:
				a.met.noted(RuleForwards, came.appended, records, "%s of %s was forwarded from %s to %s", s.uid, s.device, place(origin), place(came.at))
			}
		}
	}
}

// partings judges the halves that have not met.
func (a *Auditor) partings() {
	for p, l := range a.logs {
		for off, s := range l.forwards.away {
			here := domain.Position{Partition: int32(p), Offset: off}
			records := []Place{logAt(here)}
			owner := domain.Partition(s.device, int32(len(a.logs)))
			switch {
			case s.handled < 0:
				a.noted(RuleForwards, s.appended, records, "%s of %s lies at %s and was not forwarded yet", s.uid, s.device, place(here))
			case a.logs[owner].blind:
				a.undecided(RuleForwards, s.appended, records, "whether %s of %s came from %s to partition %d cannot be told: its beginning was removed", s.uid, s.device, place(here), owner)
			default:
				records = append(records, logAt(domain.Position{Partition: int32(p), Offset: s.handled}))
				a.violated(RuleForwards, s.appended, records, "%s of %s was to be forwarded from %s, and never came to partition %d", s.uid, s.device, place(here), owner)
			}
		}
		if l.forwards.dropped > 0 {
			a.undecided(RuleForwards, 0, nil, "%d forwarded commands of log partition %d were too many to be followed", l.forwards.dropped, p)
		}
	}
}
