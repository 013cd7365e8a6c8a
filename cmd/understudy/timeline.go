package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/timeline"
)

// telling are the flags of timeline.
type telling struct {
	historyFlags
	spanFlags
	timeline.Filter
	follow bool
	gaps   bool
}

func timelineCommand(g *globals) *cobra.Command {
	var o telling
	cmd := &cobra.Command{
		Use:   "timeline",
		Short: "Tell what happened, in the order of time: commands, devices, primacy",
		Long: `Tell what happened in a landscape, one record on each line, in the order of the append
times: commands and what became of them, what devices reported, and how primacy
moved. --user and --source show what was asked for and what became of it. Heartbeats,
checkpoints and other records that a landscape writes all the time are left out, unless
--type asks for them.

--gaps tells instead when devices were not watched, so that nothing which they did then
is in the log: the primary was not connected to a device, primacy moved, or the log was
away.`,
		Example: `  understudy timeline --since 10m --device videohub-1
  understudy timeline --user anna --since 2026-11-21T20:00:00Z --until 2026-11-21T21:00:00Z
  understudy timeline --epoch 7 --type epoch -o json
  understudy timeline --gaps --since 24h --device videohub-1
  understudy timeline --since 1m --follow`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := g.timeline(cmd, &o)
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Device, "device", "", "only this device, or this server")
	f.StringVar(&o.User, "user", "", "only what this user asked for, and what became of it; believed where a server vouches for it")
	f.StringVar(&o.Source, "source", "", "only what this source wrote, and what became of it")
	f.StringVar(&o.UID, "uid", "", "only records about this command")
	f.Uint64Var(&o.Epoch, "epoch", 0, "only records of this epoch")
	f.StringVar(&o.Type, "type", "", "only this type of record, or types that begin so: crosspoint, epoch, member.heartbeat")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what is appended, until interrupted")
	f.BoolVar(&o.gaps, "gaps", false, "tell from when to when devices were not watched")
	o.spanFlags.register(cmd)
	o.historyFlags.register(cmd)
	return cmd
}

func (g *globals) timeline(cmd *cobra.Command, o *telling) error {
	span, err := o.span(time.Now())
	switch {
	case err != nil:
		return err
	case o.follow && (o.until != "" || o.folder != ""):
		return usage("--follow goes on for ever: leave out --until and --file")
	}
	if err := o.gapsFault(); err != nil {
		return err
	}
	return g.look(cmd, &o.historyFlags, func(p *past, screen *screen) error {
		return p.timeline(cmd, o, span, screen)
	})
}

func (p *past) timeline(cmd *cobra.Command, o *telling, span history.Span, screen *screen) error {
	ctx := cmd.Context()
	var streams []history.Stream
	for _, kind := range []domain.TopicKind{domain.TopicElections, domain.TopicControl, domain.TopicLog} {
		of, err := history.Streams(ctx, p.source, domain.Topic(p.landscape, kind), span)
		if err != nil {
			return p.unread(err)
		}
		streams = append(streams, of...)
	}
	control, err := p.source.Bounds(ctx, domain.Topic(p.landscape, domain.TopicControl))
	if err != nil {
		return p.unread(err)
	}
	t := &teller{past: p, telling: o, out: &tail{screen: screen}, held: control[0].Start, last: -1}
	if o.gaps {
		return t.gaps(cmd, streams)
	}
	if err := history.Merge(ctx, p.source, streams, t.tell); err != nil {
		return err
	}
	if t.shown == 0 {
		if err := t.nothing(cmd); err != nil {
			return err
		}
	}
	if !o.follow {
		return nil
	}
	if err := history.Merge(ctx, p.source, history.Follow(streams), t.tell); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil // that is how following ends
}

// teller prints the records that are asked for.
type teller struct {
	*past
	*telling
	out  *tail
	held int64 // the first offset that control holds
	last int64 // of control, that was told from elections

	shown int
}

// nothing says that no record is what was asked for: nobody must take a slip of the pen
// for silence.
func (t *teller) nothing(cmd *cobra.Command) error {
	if t.Device != "" {
		known, err := history.Knows(cmd.Context(), t.source, t.landscape, t.Device)
		if err != nil {
			return t.unread(err)
		}
		if !known {
			return fmt.Errorf("no record of landscape %s is of a device or a server %q; is it spelt so? %w", t.landscape, t.Device, domain.ErrNotFound)
		}
	}
	_, err := fmt.Fprintln(cmd.ErrOrStderr(), "understudy: no record is what was asked for")
	return err
}

// decode gives a record, and the topic that it was written to; of elections only what
// control has forgotten.
func (t *teller) decode(s *history.Stream, m *domain.Stored) (r domain.Record, kind domain.TopicKind, ok bool) {
	kind = domain.TopicLog
	switch s.Topic {
	case domain.Topic(t.landscape, domain.TopicControl):
		kind = domain.TopicControl
	case domain.Topic(t.landscape, domain.TopicElections):
		kind = domain.TopicElections
	}
	r = t.codec.Decode(kind, s.Partition, *m)
	if kind == domain.TopicElections {
		c, ok := r.Payload.(domain.Copied)
		if !ok || !r.Signed || c.Control <= t.last || c.Control >= t.held {
			return r, kind, false
		}
		t.last = c.Control
		r, kind = t.codec.Original(c), domain.TopicControl
	}
	return r, kind, true
}

func (t *teller) tell(s *history.Stream, m *domain.Stored) error {
	r, kind, ok := t.decode(s, m)
	if !ok || !t.Matches(&r, history.About(&r)) {
		return nil
	}
	t.shown++
	t.out.topic = domain.Topic(t.landscape, kind)
	if t.out.form != formTable {
		return t.out.print(&r)
	}
	place := r.Position.String()
	if kind == domain.TopicControl {
		place = fmt.Sprintf("control:%d", r.Position.Offset)
	}
	_, err := fmt.Fprintf(t.out.out, "%s  %-13s %s\n", r.Appended.Time().Format(timeForm), place, told(&r))
	return err
}
