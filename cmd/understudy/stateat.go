package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/projections/moment"
)

// travelFlags are those of commands that fold the log up to a moment.
type travelFlags struct {
	historyFlags
	progressFlag
	device string
	cache  string
}

// noCache is the --cache that keeps nothing.
const noCache = "none"

func (t *travelFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.device, "device", "", "only this device: only its partition is read")
	cmd.Flags().StringVar(&t.cache, "cache", "", "folder for snapshots that are made while reading, or none (default: understudy/history in the user's cache folder)")
	t.historyFlags.register(cmd)
	t.progressFlag.register(cmd)
}

// traveller is a history that is folded.
type traveller struct {
	*past
	*history.Traveller
	screen *screen
	topic  string
	device string
	meter  *meter
	notes  func(format string, args ...any)
}

func (g *globals) travel(cmd *cobra.Command, o *travelFlags) (*traveller, error) {
	screen, err := newScreen(cmd, g.Output)
	if err != nil {
		return nil, err
	}
	p, err := g.openVerified(cmd, &o.historyFlags)
	if err != nil {
		return nil, err
	}
	t := &traveller{past: p, screen: screen, topic: domain.Topic(p.landscape, domain.TopicLog), device: o.device}
	t.notes = func(format string, args ...any) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "understudy: "+format+"\n", args...)
	}
	t.meter = newMeter(o.notes(cmd), "fold", 0, time.Now())
	t.Traveller = &history.Traveller{
		Source: p.source, Decoder: p.codec, Landscape: p.landscape,
		Note: func(n int) { t.meter.add(n, time.Now()) },
		Unkept: func(err error) {
			t.notes("no snapshot was kept, so the next look is as slow as this one; --cache names another folder: %v", err)
		},
	}
	if folder := cacheFolder(o.cache); folder != "" {
		t.Marks = history.NewMarks(folder, p.landscape, time.Now)
	}
	return t, nil
}

func cacheFolder(asked string) string {
	if asked == noCache {
		return ""
	}
	if asked != "" {
		return asked
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(base, "understudy", "history")
}

// whenFlags name one moment.
type whenFlags struct{ time, position, cut string }

func (w *whenFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.time, "time", "", "2026-11-21T20:14:07.25Z, or 15m for so long ago")
	cmd.Flags().StringVar(&w.position, "position", "", "right behind this record of the log: 3:81234")
	cmd.Flags().StringVar(&w.cut, "cut", "", "the next offset of each partition, as an answer has printed it")
}

// asked is a moment as it was asked for: exactly one of the three.
type asked struct {
	time     domain.Instant
	position *domain.Position
	cut      string
	young    bool // the log may have begun later
}

// parse reads the flags, before any log is opened.
func (w *whenFlags) parse(now time.Time) (asked, error) {
	given := 0
	for _, f := range []string{w.time, w.position, w.cut} {
		if f != "" {
			given++
		}
	}
	if given != 1 {
		return asked{}, usage("give one of --time, --position and --cut")
	}
	switch {
	case w.time != "":
		at, err := parseMoment(w.time, now)
		if err != nil {
			return asked{}, usage("time %q: %v", w.time, err)
		}
		if err := notAhead(at, now); err != nil {
			return asked{}, usage("time %v", err)
		}
		return asked{time: at}, nil
	case w.position != "":
		at, err := domain.ParsePosition(w.position)
		if err != nil {
			return asked{}, usage("%v", err)
		}
		return asked{position: &at}, nil
	}
	if _, err := history.ParseCut(w.cut, strings.Count(w.cut, ",")+1); err != nil {
		return asked{}, withExit(exitUsage, err)
	}
	return asked{cut: w.cut}, nil
}

// cutOf maps a moment to positions, and says in words which it is.
func (t *traveller) cutOf(ctx context.Context, a asked) (cut history.Cut, words string, err error) {
	bounds, err := t.source.Bounds(ctx, t.topic)
	if err != nil {
		return nil, "", t.unread(err)
	}
	switch {
	case a.position != nil:
		cut, appended, err := history.CutBehind(ctx, t.source, t.topic, *a.position)
		return cut, fmt.Sprintf("position %s, appended at %s", a.position, appended), err
	case a.cut != "":
		cut, err = history.ParseCut(a.cut, len(bounds))
		return cut, "the cut", withExit(exitUsage, err)
	}
	at := history.CutAt
	if a.young {
		at = history.CutSince
	}
	cut, err = at(ctx, t.source, t.topic, a.time)
	if err == nil && t.ends && t.isEnd(cut, bounds) {
		t.notes("%v is behind the last record of this folder: what came after its export is not in the answer", a.time)
	}
	return cut, "the time " + a.time.String(), err
}

// isEnd says whether nothing stands behind a cut.
func (t *traveller) isEnd(cut history.Cut, bounds []domain.Bounds) bool {
	for p, b := range bounds {
		if cut[p] < b.End {
			return false
		}
	}
	return true
}

// wanted says which partitions are folded.
func (t *traveller) wanted(partitions int) func(p int32) bool {
	return func(p int32) bool { return t.device == "" || domain.Partition(t.device, int32(partitions)) == p }
}

// fold goes to a cut, which may have to reach a little further: see Close. One that
// was named as such stays as it is.
func (t *traveller) fold(ctx context.Context, cut history.Cut, exact bool) ([]*partition.State, error) {
	states, err := t.Begin(ctx, cut, t.wanted(len(cut)))
	if err != nil {
		return nil, err
	}
	if exact {
		return states, t.on(ctx, states, cut, nil)
	}
	t.expect(states, cut)
	return states, t.Close(ctx, states, cut)
}

// expect tells the meter how much is to be folded.
func (t *traveller) expect(states []*partition.State, cut history.Cut) {
	left := int64(0)
	for p, s := range states {
		if s != nil {
			left += max(0, cut[p]-s.Next())
		}
	}
	t.meter.restart(left, time.Now())
}

// on folds on to a cut.
func (t *traveller) on(ctx context.Context, states []*partition.State, cut history.Cut, watch func(p int32) history.Watch) error {
	t.expect(states, cut)
	return t.Advance(ctx, states, cut, watch)
}

// stateAt is what state at tells.
type stateAt struct {
	Landscape string         `json:"landscape"`
	Asked     string         `json:"asked"`
	Cut       history.Cut    `json:"cut"`   // give it to --cut for the very same state
	Edges     []history.Edge `json:"edges"` // where it goes through each partition
	moment.State
}

func stateAtCommand(g *globals) *cobra.Command {
	var o travelFlags
	var w whenFlags
	cmd := &cobra.Command{
		Use:   "at",
		Short: "Show what the devices were at a moment of the past, folded from the log",
		Long: `Show what the devices were at a moment of the past, folded from the log or from an
exported folder; no server is asked. A time stands for all records that were
appended at it or before, by the records' own append times. The answer prints the cut:
the next offset of each partition.`,
		Example: `  understudy state at --time 2026-11-21T20:14:07.250Z
  understudy state at --position 3:81234 --device videohub-1
  understudy state at --time 15m -o json --file /backup/main --keys-file keys`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := w.parse(time.Now())
			if err != nil {
				return err
			}
			t, err := g.travel(cmd, &o)
			if err != nil {
				return err
			}
			defer func() { _ = t.close() }()
			return t.stateAt(cmd.Context(), at)
		},
	}
	w.register(cmd)
	o.register(cmd)
	return cmd
}

func (t *traveller) stateAt(ctx context.Context, at asked) error {
	cut, words, err := t.cutOf(ctx, at)
	if err != nil {
		return err
	}
	states, err := t.fold(ctx, cut, at.cut != "")
	if err != nil {
		return err
	}
	out := stateAt{Landscape: t.landscape, Asked: words, Cut: cut, State: moment.Of(states, t.device)}
	if out.Edges, err = history.Edges(ctx, t.source, t.topic, cut); err != nil {
		return err
	}
	if err := t.known(&out.State); err != nil {
		return err
	}
	return t.screen.show(out, func(table *table) { stateAtTable(table, &out) })
}

// known says that a device which was asked for was not there.
func (t *traveller) known(states ...*moment.State) error {
	if t.device == "" || slices.ContainsFunc(states, func(s *moment.State) bool { _, ok := s.Device(t.device); return ok }) {
		return nil
	}
	return fmt.Errorf("there was no device %q then; leave --device out to see all that were: %w", t.device, domain.ErrNotFound)
}

func stateAtTable(t *table, s *stateAt) {
	t.text("landscape %s at %s", s.Landscape, s.Asked)
	t.text("--cut %s", s.Cut)
	t.text("")
	edgesTable(t, s)
	for i := range s.Devices {
		t.text("")
		momentTable(t, &s.Devices[i])
	}
	if len(s.Devices) == 0 {
		t.text("no device was configured")
	}
}

func edgesTable(t *table, s *stateAt) {
	folded := make(map[int32]moment.Partition)
	for _, p := range s.Partitions {
		folded[p.Next.Partition] = p
	}
	t.row("PARTITION", "LAST RECORD", "APPENDED", "NEXT RECORD", "APPENDED", "EPOCH", "STATE HASH")
	for _, e := range s.Edges {
		p, ok := folded[e.Partition]
		if !ok {
			continue
		}
		last, lastTime := appendedCells(e.Last)
		behind, behindTime := appendedCells(e.Behind)
		t.row(e.Partition, last, lastTime, behind, behindTime, p.Epoch, p.Hash.String()[:16])
	}
}

func appendedCells(a *history.Appended) (offset, at string) {
	if a == nil {
		return "", ""
	}
	return fmt.Sprint(a.Offset), a.Time.Format(timeForm)
}

// timeForm is how times of the past are shown: in UTC, as they can be typed.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

func momentTable(t *table, d *moment.Device) {
	connected := "connected"
	if !d.Connected {
		connected = "not connected"
	}
	t.text("%s, %s at %s: %s", oneLine(d.ID), d.Driver, oneLine(d.Address), connected)
	if d.Removed {
		t.text("it was no longer configured")
	}
	if len(d.Cells) > 0 {
		t.row("TARGET", "DESIRED", "REPORTED", "STATE", "REPORTED AT", "WISHED BY UID")
		slices.SortStableFunc(d.Cells, func(a, b moment.Cell) int { return byPort(a.Target, b.Target) })
		for _, c := range d.Cells {
			at := ""
			if c.ReportedAt != nil {
				at = c.ReportedAt.String()
			}
			t.row(c.Target, value(c.Desired), value(c.Reported), momentState(&c), at, c.DesiredUID)
		}
	}
	for _, p := range d.Pending {
		t.text("pending: %s%s, uid %s, at %s, by %s", inWords(p.Wish), startedMark(p.Started), p.UID, p.Command, p.By)
	}
	for _, q := range d.Doubts {
		t.text("in doubt: %s, uid %s, at %s, since %s %s", inWords(q.Wish), q.UID, q.Command, q.Since.Format(timeForm), q.Detail)
	}
}

func momentState(c *moment.Cell) string {
	switch {
	case c.Reported == nil:
		return "never reported"
	case c.Foreign:
		return "foreign change"
	case c.Desired != nil && *c.Desired != *c.Reported:
		return "differs"
	}
	return "ok"
}

// by names who wanted something.
func by(c *moment.Cause) string {
	if c == nil {
		return ""
	}
	if c.Foreign {
		return "nobody through the log"
	}
	claim := ""
	if c.By != "" && !c.Signed && domain.ClassOf(c.Type) == domain.ClassCommand {
		claim = " (says so itself)"
	}
	return cmp.Or(c.By, "-") + claim
}
