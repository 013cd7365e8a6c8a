package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// mergeTerms brings together what elections and control name as terms, and judges
// where they differ.
func (a *Auditor) mergeTerms() []Term {
	a.looked(RuleElections, a.elections.claims)
	terms := slices.Clone(a.elections.terms)
	if a.control.state == nil && (a.control.lost || len(a.control.before) > 0) {
		a.undecided(RuleElections, 0, nil, "control holds no view that is of use, so the elections follow from the elections topic alone")
	}
	for _, t := range a.control.terms {
		same := a.elections.term(t.Epoch)
		switch {
		case same == nil && t.Claim.Offset <= a.through && a.elections.state != nil:
			a.violated(RuleElections, domain.Instant(t.Claimed), []Place{*t.Claim}, "control gives epoch %d to %s, and the elections topic does not", t.Epoch, t.Server)
			terms = append(terms, t)
		case same == nil:
			a.looked(RuleElections, 1)
			terms = append(terms, t)
		case same.Server != t.Server || same.Incarnation != t.Incarnation || *same.Claim != *t.Claim:
			a.violated(RuleElections, domain.Instant(t.Claimed), []Place{*t.Claim, *same.Claim}, "control gives epoch %d to %s (%s), the elections topic to %s (%s)", t.Epoch, t.Server, t.Incarnation, same.Server, same.Incarnation)
		}
	}
	slices.SortStableFunc(terms, func(a, b Term) int { return cmp.Compare(a.Epoch, b.Epoch) })
	for i := range terms { // control saw each heartbeat, the copies only those that were kept
		if c := a.control.term(terms[i].Epoch); c != nil && c.End != "" && c.Incarnation == terms[i].Incarnation {
			terms[i].End, terms[i].Ended = c.End, c.Ended
		}
	}
	return terms
}

// marks holds the epochs that were opened in the log against the terms.
func (a *Auditor) marks(terms []Term) []Term {
	type opening struct {
		mark
		all   []Place
		first domain.Instant
	}
	opened := make(map[uint64]*opening)
	for _, l := range a.logs {
		for _, m := range l.marks {
			o := opened[m.epoch]
			if o == nil {
				o = &opening{mark: m, first: m.appended}
				opened[m.epoch] = o
			}
			if o.incarnation != m.incarnation || o.server != m.server {
				a.violated(RuleOneActor, m.appended, []Place{logAt(o.position), logAt(m.position)}, "epoch %d was opened by %s (%s) at %s and by %s (%s) at %s",
					m.epoch, o.server, o.incarnation, place(o.position), m.server, m.incarnation, place(m.position))
			}
			o.all, o.first = append(o.all, logAt(m.position)), min(o.first, m.appended)
		}
	}
	epochs := make([]uint64, 0, len(opened))
	for e := range opened {
		epochs = append(epochs, e)
	}
	slices.Sort(epochs)
	for _, e := range epochs {
		o := opened[e]
		a.looked(RuleElections, 1)
		i, found := slices.BinarySearchFunc(terms, e, func(t Term, e uint64) int { return cmp.Compare(t.Epoch, e) })
		// One that was won and never opened may be given again after a loss of control.
		for i+1 < len(terms) && terms[i+1].Epoch == e && terms[i].Incarnation != o.incarnation {
			i++
		}
		switch {
		case !found:
			a.unclaimed(terms, o.mark, o.all)
			terms = slices.Insert(terms, i, Term{Epoch: e, Server: o.server, Incarnation: o.incarnation})
		case terms[i].Incarnation != o.incarnation || terms[i].Server != o.server:
			a.violated(RuleElections, o.appended, append([]Place{*terms[i].Claim}, o.all...), "epoch %d was won by %s (%s) and opened by %s (%s)",
				e, terms[i].Server, terms[i].Incarnation, o.server, o.incarnation)
		}
		terms[i].Opened, terms[i].Marks = Moment(o.first), len(o.all)
	}
	silences(terms)
	return terms
}

// unclaimed judges an epoch that was opened without a claim that is known.
func (a *Auditor) unclaimed(terms []Term, m mark, all []Place) {
	control := a.topics[domain.TopicControl]
	first := slices.IndexFunc(terms, func(t Term) bool { return t.Claim != nil })
	lost := slices.ContainsFunc(a.lost, func(l loss) bool { return l.after < m.appended && m.appended < l.before })
	switch {
	case lost:
		a.undecided(RuleElections, m.appended, all, "epoch %d was opened by %s, and control was lost before its election was copied to elections", m.epoch, m.server)
	case len(terms) == 0 || first < 0 && a.control.state == nil || first >= 0 && m.epoch < terms[first].Epoch && a.control.start > 0:
		a.undecided(RuleElections, m.appended, all, "epoch %d was opened by %s, and its election is not in what was read of control and elections", m.epoch, m.server)
	case control != nil && m.epoch > terms[len(terms)-1].Epoch && Moment(m.appended) > control.Last:
		a.noted(RuleElections, m.appended, all, "epoch %d was opened by %s behind the end of what was read of control", m.epoch, m.server)
	case control == nil && m.epoch > terms[len(terms)-1].Epoch:
		a.undecided(RuleElections, m.appended, all, "epoch %d was opened by %s, and its election was not copied to elections yet; read control too", m.epoch, m.server)
	default:
		a.violated(RuleElections, m.appended, all, "epoch %d was opened by %s, and nobody had claimed it", m.epoch, m.server)
	}
}

// silences reckons how long nobody had an epoch open between two terms.
func silences(terms []Term) {
	for i := range terms {
		if t := &terms[i]; t.Ended > 0 {
			for _, next := range terms[i+1:] {
				if next.Opened > 0 {
					t.Unheard = max(0, time.Duration(next.Opened-t.Ended))
					break
				}
			}
		}
	}
}

// lostCopies judges whether control ends before what was copied of it.
func (a *Auditor) lostCopies() {
	control := a.topics[domain.TopicControl]
	switch {
	case control == nil || a.through < control.Next:
		return
	case control.Records == 0:
		a.undecided(RuleComplete, 0, []Place{controlAt(a.through)}, "control is empty, and offset %d was copied from it: it was lost, or somebody has emptied it; elections holds what was copied", a.through)
		return
	}
	a.violated(RuleComplete, 0, []Place{controlAt(a.through)}, "control ends at offset %d, and offset %d was copied from it: its end was cut", control.Next, a.through)
}
