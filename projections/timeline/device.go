package timeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// primaryRecord tells of devices and of what became of commands.
func (t *Timeline) primaryRecord(rec domain.Record) (string, bool) {
	if p, ok := rec.Payload.(domain.EpochOpened); ok {
		return t.epochOpened(rec, p)
	}
	if rec.Epoch < t.opened[rec.Position.Partition] {
		return "", false // written too late: it counts for nobody
	}
	switch p := rec.Payload.(type) {
	case domain.Configured:
		if p.Removed {
			return t.at(rec, "%s is no longer configured", rec.Subject)
		}
		return t.at(rec, "%s is configured: %s at %s", rec.Subject, p.Definition.Driver, p.Definition.Address)
	case domain.Connection:
		if p.Up {
			return t.at(rec, "%s is connected%s", rec.Subject, prefixed(": ", p.Detail))
		}
		return t.at(rec, "%s is lost%s", rec.Subject, prefixed(": ", p.Detail))
	case domain.Ended:
		return t.outcome(rec, p)
	case domain.Answer:
		text := fmt.Sprintf("%s: repeat of %s answered: %s", rec.Subject, p.UID, p.Outcome)
		if p.Conflict {
			text += ", though it asked for something else"
		}
		return t.at(rec, "%s", text)
	}
	return "", false
}

func (t *Timeline) outcome(rec domain.Record, p domain.Ended) (string, bool) {
	what := "command"
	if a := t.commands[command{rec.Subject, p.UID}]; a != nil {
		if a.done {
			return "", false // the same outcome, appended once more
		}
		a.done = true
		what = a.text
	}
	text := fmt.Sprintf("%s: %s: %s%s", rec.Subject, what, strings.ReplaceAll(string(p.Outcome), "_", " "), prefixed(", ", string(p.Reason)))
	if p.Detail != "" {
		text += " (" + p.Detail + ")"
	}
	text += prefixed(", by ", p.Server)
	if took := max(p.Steps.Sent, p.Steps.Answered, p.Steps.Confirmed); took > 0 && p.Outcome == domain.Confirmed {
		text += fmt.Sprintf(" in %v", took.Round(10*time.Microsecond))
	}
	return t.at(rec, "%s, uid %s", text, p.UID)
}

// wish says in short what a command asks for.
func wish(p domain.Payload) string {
	switch p := p.(type) {
	case domain.Take:
		return fmt.Sprintf("destination %d ← source %d%s", p.Destination, p.Source, prefixed(" of level ", p.Level))
	case domain.Salvo:
		return fmt.Sprintf("salvo of %d", len(p.Takes))
	case domain.SetLabel:
		return fmt.Sprintf("label of %s %d: %q", p.Port, p.Number, p.Text)
	case domain.SetLock:
		return fmt.Sprintf("%s destination %d", p.State, p.Destination)
	case domain.Invoke:
		words := []string{p.Verb}
		for _, k := range slices.Sorted(maps.Keys(p.Args)) {
			words = append(words, k+"="+p.Args[k])
		}
		return strings.Join(words, " ")
	}
	return "command"
}
