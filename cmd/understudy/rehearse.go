package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/infra/rehearse"
	"github.com/understudy-io/understudy/projections/sendings"
)

// rehearsing are the flags of replay.
type rehearsing struct {
	travelFlags
	from, to, speed, into string
}

// outcomeWithin is how long after a sending its outcome is looked for.
const outcomeWithin = time.Minute

func replayCommand(g *globals) *cobra.Command {
	var o rehearsing
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Play what was sent to a device into a simulator or a spare; or fold a log again",
		Long: `Play what was sent to a device in a stretch of time once more, at the original rhythm, into a
simulator or a spare: to rehearse a show, or to find a fault. It reads the log, or an
exported folder, and writes nothing to it. An address that a device of the landscape has
is refused, and no other one than --into is ever dialled.`,
		Example: `  understudy sim videohub --listen 127.0.0.1:9991
  understudy replay --device videohub-1 --from 2026-11-21T20:00:00Z --to 2026-11-21T21:00:00Z --into 127.0.0.1:9991
  understudy replay --device gate-1 --from 1h --to 0s --speed 10x --into http://127.0.0.1:8081 --file /backup/main --keys-file keys`,
		Args: oneOfItsCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.rehearse(cmd, &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "what was sent at this time or later: 2026-11-21T20:14:07.25Z, or 15m for so long ago")
	f.StringVar(&o.to, "to", "", "and before this time, in the same forms")
	f.StringVar(&o.speed, "speed", "1x", "1x is the original rhythm, 10x ten times as fast, max as fast as it is taken")
	f.StringVar(&o.into, "into", "", "the simulator or spare: host:port, or the URL of an HTTP device")
	o.register(cmd)
	f.Lookup("device").Usage = "the device whose commands are played"
	cmd.AddCommand(replayCheckCommand(g))
	return cmd
}

// parseSpeed reads 1x, 10x, 0.5x and max, which is 0.
func parseSpeed(text string) (float64, error) {
	if text == "max" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !strings.HasSuffix(text, "x") || n < 0.001 || n > 1e6 {
		return 0, usage("--speed %q: give 1x, 10x or another factor, or max", text)
	}
	return n, nil
}

func (g *globals) rehearse(cmd *cobra.Command, o *rehearsing) error {
	if o.device == "" || o.from == "" || o.to == "" || o.into == "" {
		return usage("name the device with --device, the stretch of time with --from and --to, and the simulator or spare with --into")
	}
	speed, err := parseSpeed(o.speed)
	if err != nil {
		return err
	}
	span, err := parseSpan(time.Now(), "from", o.from, "to", o.to)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	// What is wrong with the address itself is said before a long log is read.
	if err := checkSpare(ctx, o.into); err != nil {
		return err
	}
	t, err := g.travel(cmd, &o.travelFlags)
	if err != nil {
		return err
	}
	defer func() { _ = t.close() }()
	devices, driver, err := t.addresses(ctx)
	if err != nil {
		return err
	}
	if err := fits(o, driver); err != nil { // as it is defined now: what was sent is not looked for first
		return err
	}
	into, err := rehearse.NewSpare(ctx, o.into, devices)
	if err != nil {
		return err
	}
	def, list, err := t.sent(ctx, span)
	if err != nil {
		return g.pasted(err)
	}
	if err := fits(o, def.Driver); err != nil {
		return err
	}
	link, err := spareDriver(def.Driver, into)
	if err != nil {
		return err
	}
	m := newMeter(o.notes(cmd), "replay", int64(len(list.List())), time.Now())
	if m.out != nil {
		_, _ = fmt.Fprintf(m.out, "replay: %d commands of %s go to %s at %s, for %s\n", len(list.List()), t.device, o.into, o.speed, short(lasting(list.List(), speed)))
	}
	defer m.keep()()
	report, err := rehearse.Play(ctx, link, def, into, list.List(), speed, func() { m.add(1, time.Now()) })
	if err != nil {
		return err
	}
	return t.rehearsed(o, list, report)
}

// checkSpare says what is wrong with an address whatever the log holds. A name that cannot
// be resolved is no fault of the line.
func checkSpare(ctx context.Context, into string) error {
	_, err := rehearse.NewSpare(ctx, into, nil)
	if _, unknown := errors.AsType[*net.DNSError](err); err == nil || unknown {
		return err
	}
	return usage("--into: %w", err)
}

// fits refuses an address of a form that a device of this kind does not have.
func fits(o *rehearsing, driver domain.DriverName) error {
	if strings.Contains(o.into, "://") && driver == domain.DriverVideohub {
		return usage("--into %s is a URL, and %s is a %s: give host:port", o.into, o.device, driver)
	}
	return nil
}

// lasting is how long a list takes at a speed; 0 for one that takes what it takes.
func lasting(list []sendings.Sending, speed float64) time.Duration {
	if speed == 0 {
		return 0
	}
	return time.Duration(float64(list[len(list)-1].At.Sub(list[0].At)) / speed)
}

// spareDriver reaches nothing but the spare.
func spareDriver(name domain.DriverName, into *rehearse.Spare) (domain.Driver, error) {
	switch name {
	case domain.DriverVideohub:
		return videohub.New(videohub.Options{Logger: slog.New(slog.DiscardHandler), Dial: into.Dial, Now: clock.Boot}), nil
	case domain.DriverHTTP:
		return httpdevice.New(httpdevice.Options{Dial: into.Dial}), nil
	}
	return nil, fmt.Errorf("this build has no driver %q: %w", name, domain.ErrNotFound)
}

// addresses are those of all devices at the end of the log, and the driver of the one that
// is looked at, if it is still there.
func (t *traveller) addresses(ctx context.Context) (out []string, driver domain.DriverName, err error) {
	bounds, err := t.source.Bounds(ctx, t.topic)
	if err != nil {
		return nil, "", t.unread(err)
	}
	end := make(history.Cut, len(bounds))
	for p, b := range bounds {
		end[p] = b.End
	}
	states, err := t.Begin(ctx, end, func(int32) bool { return true })
	if err != nil {
		return nil, "", err
	}
	if err := t.on(ctx, states, end, nil); err != nil {
		return nil, "", err
	}
	for _, s := range states {
		for _, d := range s.Devices() {
			if d.Definition.Address != "" {
				out = append(out, d.Definition.Address)
			}
			if d.ID() == t.device {
				driver = d.Definition.Driver
			}
		}
	}
	return out, driver, nil
}

// sent finds what was sent to the device, and how the device was defined then.
func (t *traveller) sent(ctx context.Context, span history.Span) (def domain.Definition, list *sendings.Sendings, err error) {
	begins, err := history.Within(ctx, t.source, t.topic, history.Span{Since: span.Since})
	if err != nil {
		return def, nil, err
	}
	from := make(history.Cut, len(begins))
	for p, b := range begins {
		from[p] = b.Start
	}
	to, err := history.CutAt(ctx, t.source, t.topic, span.Until.Add(outcomeWithin))
	if err != nil {
		return def, nil, err
	}
	states, err := t.Begin(ctx, from, t.wanted(len(from)))
	if err != nil {
		return def, nil, err
	}
	list = sendings.New(t.device, span.Since, span.Until)
	if err := t.on(ctx, states, to, func(int32) history.Watch {
		return func(s *partition.State, r *domain.Record, ch *partition.Change) { list.Watch(s, r, ch) }
	}); err != nil {
		return def, nil, err
	}
	for _, s := range states {
		if s == nil {
			continue
		}
		if d, ok := s.Device(t.device); ok {
			def = d.Definition
		}
	}
	switch {
	case def.Device == "":
		return def, nil, fmt.Errorf("there was no device %q then; `understudy state at` shows those that were: %w", t.device, domain.ErrNotFound)
	case len(list.List()) == 0:
		return def, nil, fmt.Errorf("nothing was sent to %s between %v and %v: %w", t.device, span.Since, span.Until, domain.ErrNotFound)
	case list.TooMany:
		return def, nil, fmt.Errorf("more than %d commands were sent to %s then; replay a shorter stretch: %w", sendings.Max, t.device, domain.ErrConflict)
	}
	return def, list, nil
}

// rehearsal is what replay tells.
type rehearsal struct {
	Device  string `json:"device"`
	Into    string `json:"into"`
	Speed   string `json:"speed"`
	Unknown int    `json:"unknown"` // left out: nobody knows whether they were sent
	*rehearse.Report
}

func (t *traveller) rehearsed(o *rehearsing, list *sendings.Sendings, r *rehearse.Report) error {
	out := rehearsal{t.device, o.into, o.speed, list.Unknown, r}
	err := t.screen.show(out, func(table *table) {
		table.text("%d commands of %s were sent to %s at %s: %d acknowledged, %d rejected, %d without an answer",
			r.Sent, t.device, o.into, o.speed, r.Acknowledged, r.Rejected, r.Unanswered)
		table.text("from the first to the last it took %s, and %s then; the latest was sent %s behind its time", short(r.Took), short(r.Original), short(r.Latest))
		if list.Unknown > 0 {
			table.text("%d one-shots that were in doubt are left out", list.Unknown)
		}
	})
	if err == nil && r.NotSent > 0 {
		err = fmt.Errorf("%d commands could not be sent to %s, first: %s", r.NotSent, o.into, r.FirstFault)
	}
	return err
}
