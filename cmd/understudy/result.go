package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// showResult prints a result; what is not confirmed is an error with its code.
func (s *session) showResult(what string, r httpapi.Result) error {
	if err := s.show(r, func(t *table) { resultTable(t, what, &r) }); err != nil {
		return err
	}
	code := r.ExitCode()
	if code == exitOK {
		return nil
	}
	return withExit(code, errors.New(s.verdict(&r)))
}

// verdict says in a sentence what a result means, and what to do.
func (s *session) verdict(r *httpapi.Result) string {
	because := ""
	if r.Reason != "" {
		because = ": " + string(r.Reason)
	}
	switch {
	case r.Conflict:
		return fmt.Sprintf("UID %s was used before for another wish, and that one's answer is shown: use a new UID", r.UID)
	case r.Outcome == "" && r.NoPrimary:
		return "it is in the log, but no server acts; `" + s.line("cluster", "status") + "` shows why. " + s.howToAsk(r.Device, r.UID)
	case r.Outcome == "":
		return "it is in the log and has no outcome yet. " + s.howToAsk(r.Device, r.UID)
	case r.Outcome == domain.InDoubt && r.Resolved != "":
		return "it was in doubt, and an operator has resolved it as " + r.Resolved
	case r.Outcome == domain.InDoubt:
		return fmt.Sprintf("nobody knows whether it was done: look at the device, then say done, not-done or again: `%s`",
			s.line("indoubt", "resolve", r.UID, "--device", r.Device, "--as", "done", "--reason", "TEXT"))
	case r.Outcome == domain.Refused:
		return "refused" + because + refusalAdvice(s, r)
	case r.Outcome == domain.Superseded:
		return "superseded: a newer wish took its place before it was done"
	case r.Outcome == domain.Expired:
		return "expired: it grew too old before it could be sent" + because + "; send it again with a new UID if it is still wanted"
	case len(r.Items) > 0:
		return "not all of it was done: the results above say what was not" + because
	}
	return inPlain(r.Outcome) + because
}

func refusalAdvice(s *session, r *httpapi.Result) string {
	switch r.Reason {
	case domain.ReasonUnknownDevice:
		return "; `" + s.line("state", "list") + "` lists the devices"
	case domain.ReasonTooOld, domain.ReasonFromFuture:
		return "; set this machine's clock, then use a new UID"
	case domain.ReasonOutOfRange:
		return detailOf(r) + "; `" + s.line("state", "get", r.Device) + "` shows how many ports it has"
	case domain.ReasonUnknownVerb, domain.ReasonBadArguments:
		return detailOf(r) + "; the verbs and their arguments are in the device's definition, in the servers' configuration"
	case domain.ReasonNotInDoubt:
		return "; `" + s.line("indoubt", "list") + "` shows what is"
	case domain.ReasonOverloaded:
		return "; too many commands of this device are waiting: try again later with a new UID"
	}
	return detailOf(r)
}

func detailOf(r *httpapi.Result) string {
	if r.Detail == "" {
		return ""
	}
	return " (" + oneLine(r.Detail) + ")"
}

// inPlain is an outcome in the words of the field.
func inPlain(o domain.Outcome) string {
	if o == "" {
		return "no outcome yet"
	}
	return strings.ReplaceAll(string(o), "_", " ")
}

func resultTable(t *table, what string, r *httpapi.Result) {
	head := inPlain(r.Outcome)
	if r.Reason != "" {
		head += ", " + string(r.Reason)
	}
	subject := r.Device
	switch {
	case r.Conflict:
		head = "not done: this UID belongs to another wish, which is " + head
	case what != "":
		subject += ": " + what
	}
	if r.Duplicate && !r.Conflict {
		head += " (the answer that this UID got before)"
	}
	t.text("%s  %s", head, oneLine(subject))
	t.field("detail", r.Detail)
	t.field("UID", r.UID)
	t.field("position", r.Position)
	if r.OutcomeAt != nil {
		t.field("outcome at", *r.OutcomeAt)
	}
	if r.Epoch != 0 {
		t.field("epoch", r.Epoch)
	}
	t.field("server", r.Server)
	t.field("superseded by", r.By)
	t.field("resolved as", r.Resolved)
	t.field("user", r.User)
	t.field("source", r.Source)
	if !r.Accepted.IsZero() {
		t.field("accepted", r.Accepted.Format("2006-01-02 15:04:05.000 MST"))
	}
	stepsTable(t, r.Steps)
	itemsTable(t, r.Items)
}

// stepsTable shows how long each step took.
func stepsTable(t *table, s *httpapi.Steps) {
	if s == nil {
		return
	}
	confirmed := "the device reports it"
	if s.Confirmed == s.Answered {
		confirmed = "by that answer: the device has no report of this"
	}
	for _, step := range []struct {
		name, meaning string
		took          httpapi.Milliseconds
	}{
		{"read", "by the primary, after the append", s.Read},
		{"started", "write-ahead read back", s.Started},
		{"sent", "bytes with the device's socket", s.Sent},
		{"answered", "the device acknowledged", s.Answered},
		{"confirmed", confirmed, s.Confirmed},
	} {
		if step.took > 0 {
			t.row("  "+step.name, "+"+shortMs(step.took)+"  "+step.meaning)
		}
	}
}

func itemsTable(t *table, items []domain.Item) {
	if len(items) == 0 {
		return
	}
	t.text("")
	t.row("TARGET", "OUTCOME", "REASON")
	for _, i := range items {
		t.row(i.Target, inPlain(i.Outcome), i.Reason)
	}
}
