package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/explain"
	"github.com/understudy-io/understudy/projections/letters"
)

func explainCommand(g *globals) *cobra.Command {
	var o travelFlags
	var s spanFlags
	cmd := &cobra.Command{
		Use:   "explain UID",
		Short: "Explain how a command came to what it came to, or how an epoch came about",
		Long: `Explain a command, from the log alone: the wish, what was decided, the epoch and the
server, when bytes were sent, what the device answered and reported, each with position
and time; repeats, refusals and doubts too. The log tells that and when bytes were handed to the
device's socket, not which.`,
		Example: `  understudy explain panel-7/1234
  understudy explain panel-7/1234 --device videohub-1 -o json --file /backup/main --keys-file keys
  understudy explain epoch 7`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			span, err := s.span(time.Now())
			if err != nil {
				return err
			}
			t, err := g.travel(cmd, &o)
			if err != nil {
				return err
			}
			defer func() { _ = t.close() }()
			return t.explain(cmd.Context(), args[0], span)
		},
	}
	s.register(cmd)
	o.register(cmd)
	cmd.AddCommand(explainEpochCommand(g))
	return cmd
}

func (t *traveller) explain(ctx context.Context, uid string, span history.Span) error {
	t.meter.what = "search"
	found, err := t.Search(ctx, uid, t.device, span)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return t.explainLetters(ctx, uid)
	}
	t.meter.what = "fold"
	stories := make([]*explain.Command, 0, 1)
	for _, r := range found {
		if !slices.ContainsFunc(stories, func(s *explain.Command) bool { return s.Device == r.Subject }) {
			stories = append(stories, explain.NewCommand(r.Subject, uid))
		}
	}
	if err := t.tellAll(ctx, found, stories); err != nil {
		return err
	}
	for _, s := range stories {
		slices.SortStableFunc(s.Steps, func(a, b explain.Step) int { return a.Time.Compare(b.Time) })
	}
	out, err := t.buried(ctx, stories)
	if err != nil {
		return err
	}
	return t.screen.show(out, func(table *table) {
		for _, s := range out {
			storyTable(table, s)
		}
	})
}

// storyTold is a command as explain tells it.
type storyTold struct {
	*explain.Command
	Letters []*letters.Letter `json:"dead_letters,omitempty"` // of a record that is no command
}

// buried adds the dead letters of records that never became commands.
func (t *traveller) buried(ctx context.Context, stories []*explain.Command) ([]storyTold, error) {
	var all *letters.Letters
	out := make([]storyTold, len(stories))
	for i, s := range stories {
		out[i].Command = s
		if s.Verdict != "" {
			continue
		}
		if all == nil {
			var err error
			if all, err = t.letters(ctx, letters.New(), 0); err != nil {
				return nil, err
			}
		}
		out[i].Letters = lettersAbout(all, s.UID, s.Device)
	}
	return out, nil
}

// lettersAbout are those of records under a UID, of a device if one is named.
func lettersAbout(all *letters.Letters, uid, device string) []*letters.Letter {
	return slices.DeleteFunc(slices.Clone(all.All()), func(l *letters.Letter) bool {
		h := l.Letter.Headers
		return h["ce_id"] != uid || device != "" && h["ce_subject"] != device
	})
}

// explainLetters tells of the dead letters under a UID that the log itself knows nothing
// of: as it stands there, their record is no command.
func (t *traveller) explainLetters(ctx context.Context, uid string) error {
	all, err := t.letters(ctx, letters.New(), 0)
	if err != nil {
		return err
	}
	about := lettersAbout(all, uid, t.device)
	if len(about) == 0 {
		return fmt.Errorf("no record of %s is about UID %s, and no dead letter; is it spelt so, and within --since and --until? %w", t.topic, uid, domain.ErrNotFound)
	}
	return t.screen.show(about, func(table *table) {
		table.text("%s was never a command: its record could not be understood", uid)
		for _, l := range about {
			letterTable(table, l)
		}
	})
}

// tellAll folds the partitions that the records stand in, from before the first of
// them to behind the last.
func (t *traveller) tellAll(ctx context.Context, found []domain.Record, stories []*explain.Command) error {
	bounds, err := t.source.Bounds(ctx, t.topic)
	if err != nil {
		return err
	}
	first, last := make(history.Cut, len(bounds)), make(history.Cut, len(bounds))
	for _, r := range found {
		p := r.Position.Partition
		if last[p] == 0 || r.Position.Offset < first[p] {
			first[p] = r.Position.Offset
		}
		last[p] = max(last[p], r.Position.Offset+1)
	}
	states, err := t.Begin(ctx, first, func(p int32) bool { return last[p] > 0 })
	if err != nil {
		return err
	}
	// One partition after the other: a story may lie in two.
	for p := range states {
		if states[p] == nil {
			continue
		}
		one := make([]*partition.State, len(states))
		one[p] = states[p]
		watch := func(s *partition.State, r *domain.Record, ch *partition.Change) {
			for _, story := range stories {
				story.Watch(s, r, ch)
			}
		}
		if err := t.on(ctx, one, last, func(int32) history.Watch { return watch }); err != nil {
			return err
		}
	}
	return nil
}

func storyTable(t *table, s storyTold) {
	outcome := "no outcome in the log yet"
	if s.Outcome != "" {
		outcome = inPlain(s.Outcome)
	}
	switch {
	case len(s.Letters) > 0:
		t.text("%s of %s was never a command: its record could not be understood", s.UID, oneLine(s.Device))
	case s.Verdict == "":
		t.text("%s of %s: no command that counts, %s", s.UID, oneLine(s.Device), outcome)
	default:
		t.text("%s of %s: %s, %s", s.UID, oneLine(s.Device), s.Verdict, outcome)
	}
	t.row("WHAT", "POSITION", "APPENDED", "BY", "EPOCH", "")
	for _, step := range s.Steps {
		text, epoch := step.Text, ""
		if step.Wish != nil {
			text = inWords(step.Wish) + ": " + text
		}
		if step.Epoch != 0 {
			epoch = strconv.FormatUint(step.Epoch, 10)
		}
		who := step.By
		if !step.Signed {
			who += " (says so itself)"
		}
		t.row(step.What, step.Position, step.Time.Format(timeForm), who, epoch, text)
	}
	for _, l := range s.Letters {
		letterTable(t, l)
	}
	t.text("")
}

// electionTold is what explain epoch tells.
type electionTold struct {
	*explain.Election
	Opened []openedAt   `json:"opened"` // when each partition was
	Gap    *explain.Gap `json:"nobody_acted,omitempty"`
}

type openedAt struct {
	Position domain.Position `json:"position"`
	Time     time.Time       `json:"time"`
}

func explainEpochCommand(g *globals) *cobra.Command {
	var o historyFlags
	cmd := &cobra.Command{
		Use:   "epoch EPOCH",
		Short: "Derive an election again: who could claim, who did, what was void and why, how long nobody acted",
		Example: `  understudy explain epoch 7
  understudy explain epoch 7 -o json --file /backup/main --keys-file keys`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			epoch, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || epoch == 0 {
				return usage("epoch %q: give a whole number from 1", args[0])
			}
			return g.look(cmd, &o, func(p *past, screen *screen) error {
				return p.explainEpoch(cmd.Context(), epoch, screen)
			})
		},
	}
	o.register(cmd)
	return cmd
}

func (p *past) explainEpoch(ctx context.Context, epoch uint64, screen *screen) error {
	e := explain.NewElection(epoch)
	_, err := history.Control(ctx, p.source, p.codec, p.landscape, func(r *domain.Record, copied bool) error {
		e.Apply(r, copied)
		return nil
	})
	if err != nil {
		return p.unread(err)
	}
	if len(e.Claims) == 0 {
		return fmt.Errorf("nobody has claimed epoch %d of landscape %s, as far as this history and its keys tell: %w", epoch, p.landscape, domain.ErrNotFound)
	}
	out := electionTold{Election: e}
	var last time.Time
	if e.Won != nil {
		marks, err := history.Opened(ctx, p.source, p.codec, p.landscape, epoch, domain.InstantOf(e.Won.Time.Add(-openedBefore)))
		if err != nil {
			return err
		}
		for _, r := range marks {
			if r != nil {
				out.Opened = append(out.Opened, openedAt{r.Position, r.Appended.Time()})
				if r.Appended.Time().After(last) {
					last = r.Appended.Time()
				}
			}
		}
	}
	if gap, ok := e.Gap(last); ok {
		out.Gap = &gap
	}
	return screen.show(out, func(t *table) { electionTable(t, &out) })
}

// openedBefore is how far the clocks of two brokers may be apart.
const openedBefore = time.Minute

func electionTable(t *table, e *electionTold) {
	if e.Won == nil {
		t.text("epoch %d: no claim counted", e.Epoch)
	} else {
		t.text("epoch %d: %s, by the claim at control:%d, %s", e.Epoch, e.Winner, e.Won.Offset, e.Won.Time.Format(timeForm))
	}
	if b := e.Before; b != nil {
		t.text("before: %s; its last record that counts: control:%d, %s, with a lease of %v", b, b.Last.Offset, b.Last.Time.Format(timeForm), b.TTL)
		if b.Ending != nil {
			t.text("it ended: %s, control:%d, %s", b.Ending.Text, b.Ending.Offset, b.Ending.Time.Format(timeForm))
		}
	}
	t.text("")
	t.row("MEMBER", "SENIORITY", "PRECEDENCE", "READY", "AT THE CLAIM")
	for _, m := range e.Members {
		ready := yesNo(m.Ready)
		if e.Copied {
			ready = "not kept"
		}
		t.row(m.Name, m.Seniority, m.Precedence, ready, m.Why)
	}
	t.text("")
	t.row("CLAIM", "APPENDED", "BY", "CAUSE", "SEEN", "LEASE", "COUNTS")
	for _, c := range e.Claims {
		counts := "yes"
		if !c.Counts {
			counts = "void: " + c.Void
		}
		t.row(fmt.Sprintf("control:%d", c.Offset), c.Time.Format(timeForm), c.Member, c.Cause, c.Seen, c.TTL, counts)
	}
	t.text("")
	for _, o := range e.Opened {
		t.text("partition %d opened at %s, %s", o.Position.Partition, o.Position, o.Time.Format(timeForm))
	}
	if e.Gap != nil {
		t.text("nobody acted from %s (%s) to %s, for %v, as the append times tell", e.Gap.From.Format(timeForm), e.Gap.Since, e.Gap.To.Format(timeForm), e.Gap.Took)
	}
	if e.After != nil {
		t.text("it ended: %s, control:%d, %s", e.After.Text, e.After.Offset, e.After.Time.Format(timeForm))
	}
}
