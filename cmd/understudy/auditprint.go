package main

import (
	"fmt"
	"strings"

	"github.com/understudy-io/understudy/projections/audit"
)

// toldFindings bounds how many findings of a rule a table shows; -o json has more.
const toldFindings = 10

func verdictTable(t *table, r *audit.Report) {
	t.row("RULE", "STATUS", "LOOKED AT", "SAYS")
	for _, v := range r.Verdicts {
		t.row(v.Rule, v.Status, fmt.Sprintf("%d %s", v.Looked, v.Of), v.Says)
	}
	for _, v := range r.Verdicts {
		findingsTable(t, v, "violated", v.Violated, v.Violations)
		findingsTable(t, v, "not decidable", v.Undecided, v.Doubts)
	}
	t.text("")
	var records int64
	for _, x := range r.Topics {
		records += x.Records
	}
	c := r.Commands
	t.text("%d records, %d terms; %d commands accepted, %d refused, %d repeated, %d without an outcome yet", records, len(r.Terms), c.Accepted, c.Refused, c.Repeats, c.Waiting)
	if n := r.Verdict(audit.RuleForeign).Notes + r.Verdict(audit.RuleForwards).Notes + r.Verdict(audit.RuleFence).Notes + r.Verdict(audit.RuleSignatures).Notes; n > 0 {
		t.text("%d changes without a command, %d forwarded commands, %d fenced records, %d records without a valid MAC: -o json and -o html tell them",
			r.Verdict(audit.RuleForeign).Notes, r.Verdict(audit.RuleForwards).Notes, r.Verdict(audit.RuleFence).Notes, r.Verdict(audit.RuleSignatures).Notes)
	}
	open := 0
	for _, d := range r.Doubts {
		if d.Resolved == "" {
			open++
		}
	}
	if len(r.Doubts) > 0 {
		t.text("actions that ended in doubt: %d, of which not resolved: %d", len(r.Doubts), open)
	}
	if r.Resumed > 0 {
		t.text("resumed: of the log, %d records were judged before an interruption, as the bookmark has it; of those only the last one of each partition was read again", r.Resumed)
	}
	t.text("%s", conclusion(r))
}

// conclusion is the whole report in a sentence.
func conclusion(r *audit.Report) string {
	switch {
	case r.Violated():
		return "VIOLATED: the log does not keep what is promised"
	case r.Undecided():
		return "nothing was violated; what could not be decided stands above"
	}
	return "every rule was held"
}

func findingsTable(t *table, v audit.Verdict, status string, list []audit.Finding, all int64) {
	if all == 0 {
		return
	}
	t.text("")
	t.text("%s: %s, %d times", v.Rule, status, all)
	for _, f := range list[:min(len(list), toldFindings)] {
		t.row("  "+instant(f.At), f.Says, placesOf(f.Records))
	}
	if more := all - int64(min(len(list), toldFindings)); more > 0 {
		t.text("  and %d more", more)
	}
}

func instant(m audit.Moment) string {
	if m == 0 {
		return ""
	}
	return m.Time().Format("2006-01-02 15:04:05.000")
}

func placesOf(places []audit.Place) string {
	var out []string
	for _, p := range places[:min(len(places), 8)] {
		out = append(out, placeOf(p))
	}
	return strings.Join(out, " ")
}

func placeOf(p audit.Place) string {
	return fmt.Sprintf("%s/%d:%d", p.Topic, p.Partition, p.Offset)
}
