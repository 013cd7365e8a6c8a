package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// maxPayloadText bounds how much of a payload a line shows.
const maxPayloadText = 160

// logRecord is a record as log tail shows it to programs.
type logRecord struct {
	Topic    string           `json:"topic"`
	Position domain.Position  `json:"position"`
	Appended time.Time        `json:"appended"` // broker append time
	Type     domain.Type      `json:"type,omitempty"`
	UID      string           `json:"uid,omitempty"`
	Subject  string           `json:"subject,omitempty"` // the device, or the member
	Source   string           `json:"source,omitempty"`  // a claim, unless signed
	User     string           `json:"user,omitempty"`    // a claim, unless signed
	Created  time.Time        `json:"created,omitzero"`
	ValidFor string           `json:"valid_for,omitempty"`
	Origin   *domain.Position `json:"origin,omitempty"`
	Epoch    uint64           `json:"epoch,omitempty"`
	Sequence uint64           `json:"sequence,omitempty"`
	Signed   bool             `json:"signed"`
	Payload  domain.Payload   `json:"payload,omitempty"` // times and durations in nanoseconds
	Defect   domain.Defect    `json:"defect,omitempty"`
	Detail   string           `json:"detail,omitempty"`
}

func (t *tail) print(r *domain.Record) error {
	t.shown++
	switch t.form {
	case formTable:
		_, err := fmt.Fprintln(t.out, logLine(r))
		return err
	case formYAML:
		if _, err := fmt.Fprintln(t.out, "---"); err != nil {
			return err
		}
		return t.show(t.record(r), nil)
	}
	enc := json.NewEncoder(t.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(t.record(r))
}

func (t *tail) record(r *domain.Record) logRecord {
	out := logRecord{
		Topic: t.topic, Position: r.Position, Appended: r.Appended.Time(), Type: r.Type, UID: r.UID,
		Subject: r.Subject, Source: r.Source, User: r.User, Created: r.Created.Time(), Origin: r.Origin,
		Epoch: r.Epoch, Sequence: r.Sequence, Signed: r.Signed, Payload: r.Payload, Defect: r.Defect, Detail: r.Detail,
	}
	if r.ValidFor != 0 {
		out.ValidFor = r.ValidFor.String()
	}
	return out
}

// logLine is a record on one line: where and when, what about, what it says,
// and who wrote it.
func logLine(r *domain.Record) string {
	return fmt.Sprintf("%-9s", r.Position) + "  " + r.Appended.Time().Local().Format("2006-01-02 15:04:05.000") + "  " + told(r)
}

// told is what a record is about, what it says, and who wrote it.
func told(r *domain.Record) string {
	words := []string{fmt.Sprintf("%-12s", r.Subject), fmt.Sprintf("%-20s", r.Type)}
	words = append(words, says(r))
	if r.UID != "" && domain.ClassOf(r.Type) <= domain.ClassOperator {
		words = append(words, "uid "+r.UID)
	}
	switch {
	case r.Signed && r.User != "":
		words = append(words, "by "+r.User)
	case r.Epoch != 0:
		words = append(words, fmt.Sprintf("epoch %d/%d from %s", r.Epoch, r.Sequence, r.Source))
	case r.Source != "":
		words = append(words, "from "+r.Source)
	}
	return oneLine(strings.Join(words, "  "))
}

// says is what a record says, or why it says nothing.
func says(r *domain.Record) string {
	if r.Defect != domain.DefectNone {
		return "NOT UNDERSTOOD: " + string(r.Defect) + " (" + r.Detail + ")"
	}
	return recordInWords(r.Payload)
}

// deadLetterInWords says which record it was, and why it was not understood: all
// that its producer needs to find it.
func deadLetterInWords(d *domain.DeadLetter) string {
	text := fmt.Sprintf("%s at %s of %s", d.Reason, d.Record, d.Topic)
	if d.Detail != "" {
		text += " (" + d.Detail + ")"
	}
	for _, h := range []struct{ name, key string }{{"uid", "ce_id"}, {"device", "ce_subject"}, {"from", "ce_source"}} {
		if v := d.Headers[h.key]; v != "" {
			text += fmt.Sprintf("  %s %q", h.name, v)
		}
	}
	return text
}

// recordInWords says what a record tells: in words where they are clearer than
// its fields.
func recordInWords(p domain.Payload) string {
	switch p := p.(type) {
	case domain.Ended:
		text := fmt.Sprintf("%s: %s", p.UID, inPlain(p.Outcome))
		if p.Reason != "" {
			text += ", " + string(p.Reason)
		}
		if p.Detail != "" {
			text += " (" + p.Detail + ")"
		}
		return text
	case domain.Started:
		return p.UID + ": is about to be sent"
	case domain.Answer:
		if p.Conflict {
			return fmt.Sprintf("%s: the one at %s is NOT done: it asks for something else than the command at %s, which has its UID and is %s", p.UID, p.Repeat, p.Original, inPlain(p.Outcome))
		}
		return fmt.Sprintf("%s: repeat at %s answered: %s", p.UID, p.Repeat, inPlain(p.Outcome))
	case domain.DeadLetter:
		return deadLetterInWords(&p)
	case domain.LetterDecided:
		return fmt.Sprintf("dead letter %d is %s: %s", p.Letter, p.As, p.Reason)
	case domain.EpochOpened:
		return "opened by " + p.Server
	}
	if text := inWords(p); text != "" {
		return text
	}
	b, err := json.Marshal(p)
	if err != nil || p == nil {
		return ""
	}
	text := string(b)
	if len(text) > maxPayloadText {
		text = strings.ToValidUTF8(text[:maxPayloadText], "") + "…"
	}
	return text
}
