package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/moment"
)

// stateDiff is what state diff tells.
type stateDiff struct {
	Landscape string          `json:"landscape"`
	From      diffEnd         `json:"from"`
	To        diffEnd         `json:"to"`
	Changes   []moment.Change `json:"changes"`
}

// diffEnd is one of the two moments.
type diffEnd struct {
	Asked string      `json:"asked"`
	Cut   history.Cut `json:"cut"`
}

func stateDiffCommand(g *globals) *cobra.Command {
	var o travelFlags
	var from, to string
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what changed between two moments, by whom, because of which command",
		Long: `Show what is different between two moments of the past: desired and reported values,
connections, definitions, and what was pending or in doubt, each with the record that
it came about by. A moment is a time (2026-11-21T20:14:07.25Z, or 15m for so long ago), a
position (3:81234) or a cut that an answer has printed.`,
		Example: `  understudy state diff --from 2026-11-21T20:14:00Z --to 2026-11-21T20:15:00Z
  understudy state diff --from 1h --to 0s --device videohub-1 -o json`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return usage("give both --from and --to")
			}
			now := time.Now()
			w, v := when(from), when(to)
			begin, err := w.parse(now)
			if err != nil {
				return fmt.Errorf("--from: %w", err)
			}
			end, err := v.parse(now)
			if err != nil {
				return fmt.Errorf("--to: %w", err)
			}
			t, err := g.travel(cmd, &o)
			if err != nil {
				return err
			}
			defer func() { _ = t.close() }()
			return t.stateDiff(cmd.Context(), begin, end)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the earlier moment")
	cmd.Flags().StringVar(&to, "to", "", "the later moment")
	o.register(cmd)
	return cmd
}

// when tells which form of a moment a text has.
func when(text string) whenFlags {
	if _, err := parseMoment(text, time.Time{}); err == nil {
		return whenFlags{time: text}
	}
	for _, r := range text {
		if r == ',' {
			return whenFlags{cut: text}
		}
		if (r < '0' || r > '9') && r != ':' {
			return whenFlags{time: text} // and its fault is told
		}
	}
	return whenFlags{position: text}
}

func (t *traveller) stateDiff(ctx context.Context, from, to asked) error {
	out := stateDiff{Landscape: t.landscape, Changes: []moment.Change{}}
	var err error
	from.young = true
	if out.From.Cut, out.From.Asked, err = t.cutOf(ctx, from); err != nil {
		return err
	}
	if out.To.Cut, out.To.Asked, err = t.cutOf(ctx, to); err != nil {
		return err
	}
	for p := range out.From.Cut {
		if out.From.Cut[p] > out.To.Cut[p] {
			return usage("--to is before --from in partition %d: %d and %d", p, out.To.Cut[p], out.From.Cut[p])
		}
	}
	states, err := t.fold(ctx, out.From.Cut, from.cut != "")
	if err != nil {
		return err
	}
	before := moment.Of(states, t.device)
	for p := range out.From.Cut { // which may have reached further
		out.To.Cut[p] = max(out.To.Cut[p], out.From.Cut[p])
	}
	causes := moment.NewCauses(len(states))
	if err := t.on(ctx, states, out.To.Cut, func(int32) history.Watch { return causes.Watch }); err != nil {
		return err
	}
	after := moment.Of(states, t.device)
	if err := t.known(&before, &after); err != nil {
		return err
	}
	out.Changes = append(out.Changes, moment.Compare(before, after, causes)...)
	return t.screen.show(out, func(table *table) { diffTable(table, &out) })
}

var _ history.Watch = (*moment.Causes)(nil).Watch

func diffTable(t *table, d *stateDiff) {
	t.text("landscape %s", d.Landscape)
	t.text("from %s: --cut %s", d.From.Asked, d.From.Cut)
	t.text("to   %s: --cut %s", d.To.Asked, d.To.Cut)
	t.text("")
	if len(d.Changes) == 0 {
		t.text("nothing is different")
		return
	}
	t.row("DEVICE", "TARGET", "WHAT", "FROM", "TO", "BY", "BECAUSE OF", "POSITION", "APPENDED")
	for _, c := range d.Changes {
		cause, at, when := "", "", ""
		if c.Cause != nil {
			cause, at, when = string(c.Cause.Type), c.Cause.Position.String(), c.Cause.Time.Format(timeForm)
			if c.Cause.UID != "" {
				cause = "uid " + c.Cause.UID
			}
		}
		t.row(c.Device, c.Target, c.What, value(c.From), value(c.To), by(c.Cause), cause, at, when)
	}
	t.text("%s", fmt.Sprintf("%d differences", len(d.Changes)))
}
