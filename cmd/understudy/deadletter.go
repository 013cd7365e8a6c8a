package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/letters"
)

func deadLetterCommand(g *globals) *cobra.Command {
	return group("deadletter", "Look at records that could not be understood, and decide about them",
		deadLetterListCommand(g), deadLetterShowCommand(g), deadLetterRequeueCommand(g), deadLetterDiscardCommand(g))
}

func deadLetterListCommand(g *globals) *cobra.Command {
	var h historyFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the dead letters that nobody has decided about",
		Long: `List the dead letters that nobody has decided about, read from the log or from an
exported folder; no server is asked. Each is named by its offset in the dead-letter topic.`,
		Example: `  understudy deadletter list
  understudy deadletter list --all -o json --file /backup/main --keys-file keys`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.look(cmd, &h, func(p *past, screen *screen) error {
				found, err := p.letters(cmd.Context(), letters.New(), 0)
				if err != nil {
					return err
				}
				list := slices.DeleteFunc(slices.Clone(found.All()), func(l *letters.Letter) bool { return !all && l.Decision != nil })
				return screen.show(list, func(t *table) { lettersTable(t, list, found) })
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "those too that were requeued or discarded")
	h.register(cmd)
	return cmd
}

// letters folds the dead-letter topic, from an offset.
func (p *past) letters(ctx context.Context, all *letters.Letters, from int64) (*letters.Letters, error) {
	topic := domain.Topic(p.landscape, domain.TopicDeadLetter)
	bounds, err := p.source.Bounds(ctx, topic)
	if err != nil {
		return nil, p.unread(err)
	}
	for i := range bounds {
		bounds[i].Start = min(max(bounds[i].Start, from), bounds[i].End)
	}
	err = history.Read(ctx, p.source, topic, bounds, func(run history.Run) error {
		for i := range run.Messages {
			r := p.codec.Decode(domain.TopicDeadLetter, run.Partition, run.Messages[i])
			all.Apply(&r)
		}
		return nil
	})
	return all, err
}

func lettersTable(t *table, list []*letters.Letter, all *letters.Letters) {
	if len(list) == 0 {
		t.text("no dead letter waits for a decision; there are %d", len(all.All()))
		return
	}
	t.row("LETTER", "BURIED", "REASON", "RECORD", "TYPE", "DEVICE", "UID", "FROM", "DECIDED")
	for _, l := range list {
		h := l.Letter.Headers
		t.row(l.Offset, l.Buried.Format(timeForm), l.Letter.Reason, l.Letter.Record, h["ce_type"], h["ce_subject"], h["ce_id"], h["ce_source"], decidedInWords(l))
	}
	if all.Forgotten > 0 {
		t.text("%d older ones are not shown", all.Forgotten)
	}
}

func decidedInWords(l *letters.Letter) string {
	if l.Decision == nil {
		return ""
	}
	return fmt.Sprintf("%s by %s", l.Decision.As, l.Decision.By)
}

func deadLetterShowCommand(g *globals) *cobra.Command {
	var h historyFlags
	cmd := &cobra.Command{
		Use:     "show LETTER",
		Short:   "Show a dead letter: the record, why it was not understood, what was decided",
		Example: `  understudy deadletter show 17`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := letterNumber(args[0])
			if err != nil {
				return err
			}
			return g.look(cmd, &h, func(p *past, screen *screen) error {
				found, err := p.letters(cmd.Context(), letters.Only(n), n)
				if err != nil {
					return err
				}
				l := found.Find(n)
				if l == nil {
					return fmt.Errorf("there is no dead letter %d: `%s` shows them: %w", n, g.line("deadletter", "list", "--all"), domain.ErrNotFound)
				}
				return screen.show(l, func(t *table) { letterTable(t, l) })
			})
		},
	}
	h.register(cmd)
	return cmd
}

func letterNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, usage("letter %q: give its number, as `understudy deadletter list` shows it", text)
	}
	return n, nil
}

func letterTable(t *table, l *letters.Letter) {
	d := &l.Letter
	t.text("dead letter %d, of %s: the record at %s of %s, appended at %s", l.Offset, l.Buried.Format(timeForm), d.Record, d.Topic, d.Appended)
	t.text("%s: %s", d.Reason, cmp.Or(d.Detail, "no more is said"))
	t.field("key", string(d.Key))
	for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
		t.field(name, d.Headers[name])
	}
	value := string(d.Value)
	if !utf8.ValidString(value) {
		value = fmt.Sprintf("%x", d.Value)
	}
	t.field("value", value)
	if d.Truncated {
		t.text("some of it was cut")
	}
	if dec := l.Decision; dec != nil {
		t.text("%s by %s at %s: %s", dec.As, dec.By, dec.Time.Format(timeForm), dec.Reason)
	} else {
		t.text("nobody has decided about it")
	}
}

func deadLetterRequeueCommand(g *globals) *cobra.Command {
	return deadLetterDecision(g, &cobra.Command{
		Use:   "requeue LETTER",
		Short: "Put the command of a dead letter into the log again, under its UID",
		Long: `Put the command of a dead letter into the log again, under its UID, and wait for its outcome:
after an upgrade, say, to a version that understands it. What no version understands has to
be sent anew by its producer. The log keeps who decided so, and why.`,
		Example: `  understudy deadletter requeue 17 --reason "this version knows crosspoint.take.v2"`,
	}, func(ctx context.Context, s *session, letter int64, reason string) error {
		r, err := s.client.Requeue(ctx, letter, reason)
		if err != nil {
			return s.explain(err)
		}
		return s.showResult(fmt.Sprintf("requeue dead letter %d", letter), r)
	})
}

func deadLetterDiscardCommand(g *globals) *cobra.Command {
	return deadLetterDecision(g, &cobra.Command{
		Use:     "discard LETTER",
		Short:   "Say that nothing more comes of a dead letter",
		Long:    `Say that nothing more comes of a dead letter. It stays in the log, with who decided so, and why.`,
		Example: `  understudy deadletter discard 17 --reason "a test of the new panel"`,
	}, func(ctx context.Context, s *session, letter int64, reason string) error {
		d, err := s.client.Discard(ctx, letter, reason)
		if err != nil {
			return s.explain(err)
		}
		return s.show(d, func(t *table) { t.text("%s", d.Done) })
	})
}

// deadLetterDecision is what the two decisions have in common.
func deadLetterDecision(g *globals, cmd *cobra.Command, decide func(ctx context.Context, s *session, letter int64, reason string) error) *cobra.Command {
	var reason string
	cmd.Args = exactly
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := letterNumber(args[0])
		if err != nil {
			return err
		}
		if reason == "" {
			return usage("--reason is empty: the log keeps why you decided so")
		}
		s, err := g.open(cmd)
		if err != nil {
			return err
		}
		return decide(cmd.Context(), s, n, reason)
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept in the log")
	require(cmd, "reason")
	return cmd
}
