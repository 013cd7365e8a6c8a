package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Step is one thing that happened to a command.
type Step struct {
	What     string          `json:"what"`
	Position domain.Position `json:"position"`
	Time     time.Time       `json:"time"` // append time of the record
	Type     domain.Type     `json:"type"`
	By       string          `json:"by,omitempty"`     // user, source or server
	Signed   bool            `json:"signed,omitempty"` // a server vouches for By
	Epoch    uint64          `json:"epoch,omitempty"`
	Text     string          `json:"text"`
	Wish     domain.Payload  `json:"wish,omitempty"`  // of a command
	Steps    *domain.Steps   `json:"steps,omitempty"` // of an outcome: from when the primary had read the command
}

// What a step is.
const (
	Wish       = "wish"
	Repeat     = "repeat"
	Forwarded  = "forwarded"
	Started    = "started"
	Outcome    = "outcome"
	Report     = "report"
	Answer     = "answer"
	Resolution = "resolution"
	Void       = "does not count"
)

// maxReports bounds the reports of the device that are told.
const maxReports = 16

// Command is the story of a command.
type Command struct {
	Device  string         `json:"device"`
	UID     string         `json:"uid"`
	Verdict string         `json:"verdict"`           // accepted, refused, …: what the fold decided
	Outcome domain.Outcome `json:"outcome,omitempty"` // empty: none yet
	Steps   []Step         `json:"story"`

	targets []domain.Value
	open    bool // accepted, and no outcome yet
	reports int
}

// NewCommand begins a story.
func NewCommand(device, uid string) *Command { return &Command{Device: device, UID: uid} }

// Watch takes what belongs to the story.
func (c *Command) Watch(_ *partition.State, r *domain.Record, ch *partition.Change) {
	if r.Subject != c.Device {
		return
	}
	switch p := r.Payload.(type) {
	case domain.Started:
		if p.UID == c.UID {
			c.fact(r, ch, Started, "it is about to be sent, and that is written ahead")
		}
	case domain.Ended:
		if p.UID == c.UID {
			c.ended(r, ch, &p)
		}
	case domain.Answer:
		if p.UID == c.UID {
			c.fact(r, ch, Answer, answered(&p))
		}
	case domain.Resolve:
		if p.UID == c.UID {
			c.fact(r, ch, Resolution, fmt.Sprintf("resolved as %s: %s", p.As, p.Reason))
		}
	case domain.Reported:
		c.reported(r, ch, &p)
	default:
		if r.UID == c.UID && domain.ClassOf(r.Type) == domain.ClassCommand {
			c.command(r, ch)
		}
	}
}

func answered(p *domain.Answer) string {
	text := fmt.Sprintf("the repeat at %s is answered: %s, as of the command at %s", p.Repeat, inWords(p.Outcome, p.Reason, p.Detail), p.Original)
	if p.Conflict {
		text += "; it had asked for something else"
	}
	return text
}

func inWords(o domain.Outcome, reason domain.Reason, detail string) string {
	text := strings.ReplaceAll(string(o), "_", " ")
	if reason != "" {
		text += ", " + string(reason)
	}
	if detail != "" {
		text += " (" + detail + ")"
	}
	return text
}

func (c *Command) add(r *domain.Record, what, text string) *Step {
	s := Step{What: what, Position: r.Position, Time: r.Appended.Time(), Type: r.Type, By: strings.Clone(r.Source), Epoch: r.Epoch, Text: text}
	if r.Signed && r.User != "" {
		s.By, s.Signed = strings.Clone(r.User), true
	} else {
		s.Signed = r.Signed
	}
	c.Steps = append(c.Steps, s)
	return &c.Steps[len(c.Steps)-1]
}

// fact tells a record of a server, and whether it counts.
func (c *Command) fact(r *domain.Record, ch *partition.Change, what, text string) *Step {
	if counts(ch) {
		return c.add(r, what, text)
	}
	return c.add(r, Void, text+": "+why(ch))
}

func counts(ch *partition.Change) bool {
	return ch.Verdict == partition.Applied || ch.Verdict == partition.Accepted
}

// why says why the fold passes over a record.
func why(ch *partition.Change) string {
	switch ch.Verdict {
	case partition.Fenced:
		return "it is of an epoch that is over in this partition"
	case partition.Repeated:
		return "the same record of the primary was here before"
	case partition.Dead:
		return "it was not understood, or cannot be true: " + string(ch.Defect)
	case partition.Refused:
		return "refused, " + string(ch.Reason)
	}
	return ch.Verdict.String()
}

func (c *Command) command(r *domain.Record, ch *partition.Change) {
	switch ch.Verdict {
	case partition.Accepted:
		c.Verdict, c.open = ch.Verdict.String(), true
		c.targets = slices.Clone(ch.Pending.Wishes)
		text := fmt.Sprintf("accepted: %s, valid for %v", ch.Pending.Effect, ch.Pending.ValidFor)
		if r.Origin != nil {
			text += fmt.Sprintf("; forwarded from %s", r.Origin)
		}
		c.add(r, Wish, text).Wish = r.Payload
	case partition.Refused:
		if c.Verdict == "" {
			c.Verdict = ch.Verdict.String()
		}
		c.add(r, Wish, why(ch)).Wish = r.Payload
	case partition.Duplicate:
		c.add(r, Repeat, fmt.Sprintf("a repeat of the command at %s: it has no effect of its own", ch.Command)).Wish = r.Payload
	case partition.Conflict:
		c.add(r, Repeat, fmt.Sprintf("the UID of the command at %s, and another wish: it has no effect", ch.Command)).Wish = r.Payload
	case partition.Misplaced:
		c.add(r, Forwarded, "this partition does not own the device: the primary forwards it").Wish = r.Payload
	default:
		c.add(r, Void, why(ch))
	}
}

func (c *Command) ended(r *domain.Record, ch *partition.Change, p *domain.Ended) {
	text := inWords(p.Outcome, p.Reason, p.Detail)
	for _, s := range []struct {
		after time.Duration
		what  string
	}{
		{p.Steps.Started, "written ahead and read back"}, {p.Steps.Sent, "bytes handed to the device's socket"},
		{p.Steps.Answered, "the device's answer"}, {p.Steps.Confirmed, c.confirmation()},
	} {
		if s.after > 0 {
			text += fmt.Sprintf("; %s after %v", s.what, s.after.Round(time.Microsecond))
		}
	}
	if p.By != "" {
		text += "; the command with UID " + p.By + " took its place"
	}
	step := c.fact(r, ch, Outcome, text)
	if p.Server != "" {
		step.By = strings.Clone(p.Server)
	}
	steps := p.Steps
	step.Steps = &steps
	if counts(ch) {
		c.Outcome, c.open = p.Outcome, false
	}
}

// confirmation is what confirms the command. One without targets, a one-shot for
// example, wishes nothing that the device could report.
func (c *Command) confirmation() string {
	switch {
	case c.Verdict != partition.Accepted.String():
		return "confirmed" // the command itself was not seen
	case len(c.targets) == 0:
		return "confirmed by that answer, for it sets nothing that the device reports"
	}
	return "the device's own report"
}

// reported tells what the device says of the command's targets while it waits.
func (c *Command) reported(r *domain.Record, ch *partition.Change, p *domain.Reported) {
	if !c.open || !counts(ch) {
		return
	}
	for _, v := range p.Values {
		i := slices.IndexFunc(c.targets, func(w domain.Value) bool { return w.Target == v.Target })
		if i < 0 || c.reports == maxReports {
			continue
		}
		c.reports++
		text := fmt.Sprintf("the device reports %s = %q, as wished", v.Target, v.Value)
		if v.Value != c.targets[i].Value {
			text = fmt.Sprintf("the device reports %s = %q; wished is %q", v.Target, v.Value, c.targets[i].Value)
		}
		c.add(r, Report, text)
	}
}
