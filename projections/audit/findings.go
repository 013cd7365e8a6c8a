package audit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
)

// findings are what one part of the auditor has found.
type findings struct {
	within Range
	tally  map[Rule]*Verdict
}

func newFindings(within Range) findings {
	return findings{within: within, tally: make(map[Rule]*Verdict, len(rules))}
}

func (f *findings) of(r Rule) *Verdict {
	v := f.tally[r]
	if v == nil {
		v = &Verdict{Rule: r}
		f.tally[r] = v
	}
	return v
}

func (f *findings) violated(r Rule, at domain.Instant, records []Place, format string, args ...any) {
	if v := f.of(r); f.within.holds(at) {
		v.Violations++
		keep(&v.Violated, at, records, format, args)
	}
}

// undecided is for what the log does not tell.
func (f *findings) undecided(r Rule, at domain.Instant, records []Place, format string, args ...any) {
	if v := f.of(r); f.within.holds(at) {
		v.Doubts++
		keep(&v.Undecided, at, records, format, args)
	}
}

// noted is for what is right, and still worth knowing.
func (f *findings) noted(r Rule, at domain.Instant, records []Place, format string, args ...any) {
	if v := f.of(r); f.within.holds(at) {
		v.Notes++
		keep(&v.Noted, at, records, format, args)
	}
}

func keep(list *[]Finding, at domain.Instant, records []Place, format string, args []any) {
	if len(*list) < maxFindings {
		*list = append(*list, Finding{Says: fmt.Sprintf(format, args...), At: Moment(at), Records: records})
	}
}

func (f *findings) looked(r Rule, n int64) { f.of(r).Looked += n }

// take adds what another part has found.
func (f *findings) take(o *findings) {
	for r, from := range o.tally {
		v := f.of(r)
		v.Looked += from.Looked
		v.Violations += from.Violations
		v.Doubts += from.Doubts
		v.Notes += from.Notes
		v.Violated = append(v.Violated, from.Violated...)
		v.Undecided = append(v.Undecided, from.Undecided...)
		v.Noted = append(v.Noted, from.Noted...)
	}
}

// verdicts gives one for each rule, in their order.
func (f *findings) verdicts() []Verdict {
	out := make([]Verdict, 0, len(rules))
	for _, r := range rules {
		v := *f.of(r.id)
		v.Says, v.Of, v.Status = r.says, r.per, Held
		switch {
		case v.Violations > 0:
			v.Status = Violated
		case v.Doubts > 0:
			v.Status = Undecided
		}
		for _, list := range []*[]Finding{&v.Violated, &v.Undecided, &v.Noted} {
			slices.SortStableFunc(*list, func(a, b Finding) int { return cmp.Compare(a.At, b.At) })
			*list = (*list)[:min(len(*list), maxFindings)]
		}
		out = append(out, v)
	}
	return out
}
