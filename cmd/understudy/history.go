package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/projections/audit"
	"github.com/understudy-io/understudy/projections/merkle"
)

// historyFlags say which history a command looks at: of a live log, or of a folder
// that export wrote. Nothing is asked of a server.
type historyFlags struct {
	logFlags
	folder   string
	keysFile string
}

func (h *historyFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&h.folder, "file", "", "read this folder, written by export, and no broker; with brokers or --dir named beside it: first the folder, then what follows there")
	f.StringVar(&h.keysFile, "keys-file", "", "file with the landscape's keys (default: that of the configuration, or in --dir; without it nothing can be verified)")
	h.logFlags.register(cmd)
}

// past is a history that is open.
type past struct {
	landscape string
	source    history.Source
	codec     *codec.Codec
	ends      bool             // a folder alone, which ends where it was exported
	heads     []audit.HeldHead // what the manifest of a folder says that its files hash to
	close     func() error
}

// openHistory finds the log or the folder, and the keys.
func (g *globals) openHistory(cmd *cobra.Command, h *historyFlags) (*past, error) {
	if g.Address != "" && !h.named(cmd) && h.folder == "" || g.Server != "" {
		return nil, usage("history is read from Kafka or from a folder, not from a server: name the brokers with --kafka or --config, a landscape with --dir, or a folder with --file")
	}
	if h.folder != "" && !h.named(cmd) && !cmd.Flags().Changed("dir") {
		return h.openFolder(cmd)
	}
	cfg, err := h.settings(cmd, func() (*up.Run, error) {
		s, err := g.folder(cmd, "name one with --dir, its brokers with --kafka or --config, or an exported folder with --file")
		if err != nil {
			return nil, err
		}
		if s.run.OwnBroker() && !s.run.Alive() {
			return nil, s.ended()
		}
		return s.run, nil
	})
	if err != nil {
		return nil, err
	}
	if h.keysFile != "" {
		cfg.KeysFile = h.keysFile
	}
	keys, err := readKeys(cfg.KeysFile)
	if err != nil {
		return nil, err
	}
	log, err := openLog(cfg, "history", slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	p := &past{landscape: cfg.Landscape, source: log, codec: codec.New(cfg.Landscape, keys), close: log.Close}
	if h.folder != "" {
		if err := p.join(cmd.Context(), h.folder); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

// openVerified opens a history whose MACs can be checked: for all that derives
// something from what servers wrote. Without the keys nothing of theirs counts, and what
// comes out is false.
func (g *globals) openVerified(cmd *cobra.Command, h *historyFlags) (*past, error) {
	p, err := g.openHistory(cmd, h)
	if err != nil {
		return nil, err
	}
	if !p.codec.CanVerify() {
		return nil, errors.Join(usage("without the landscape's keys nobody can tell which records its servers wrote, and none of them counts: name the file with --keys-file"), p.close())
	}
	if err := p.keysFit(cmd.Context()); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// look opens a history whose MACs can be checked for one who shows something of it.
func (g *globals) look(cmd *cobra.Command, h *historyFlags, do func(p *past, screen *screen) error) error {
	screen, err := newScreen(cmd, g.Output)
	if err != nil {
		return err
	}
	p, err := g.openVerified(cmd, h)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }()
	return do(p, screen)
}

// keysFit looks at the first record of each partition, where servers' records stand.
// If there are some, and none has a MAC by these keys, they are those of another landscape.
func (p *past) keysFit(ctx context.Context) error {
	topic := domain.Topic(p.landscape, domain.TopicLog)
	bounds, err := p.source.Bounds(ctx, topic)
	if err != nil {
		return p.unread(err)
	}
	var foreign *domain.Record
	for i, b := range bounds {
		m, err := history.At(ctx, p.source, topic, int32(i), b.Start, b.End)
		if err != nil {
			return p.unread(err)
		}
		if m == nil {
			continue
		}
		r := p.codec.Decode(domain.TopicLog, int32(i), *m)
		switch {
		case r.Signed:
			return nil
		case domain.ClassOf(r.Type) == domain.ClassPrimary:
			foreign = &r
		}
	}
	if foreign == nil {
		return nil
	}
	return fmt.Errorf("the keys do not fit this history: no partition begins with a record that they have signed (%s: %s); name the file with all keys that landscape %s ever had with --keys-file: %w",
		foreign.Position, foreign.Detail, p.landscape, domain.ErrConflict)
}

// join puts a sealed folder before the log of the brokers.
func (p *past) join(ctx context.Context, folder string) error {
	old, err := openFolder(folder)
	if err != nil {
		return err
	}
	if p.heads, err = headsOf(old); err != nil {
		return errors.Join(err, old.Close())
	}
	young := p.close
	p.close = func() error { return errors.Join(old.Close(), young()) }
	if l := old.Manifest().Landscape; l != p.landscape {
		return fmt.Errorf("%s holds the history of landscape %q, the brokers are asked for %q; name the folder of that one: %w", folder, l, p.landscape, domain.ErrConflict)
	}
	var topics []string
	for _, kind := range history.Kinds {
		topics = append(topics, domain.Topic(p.landscape, kind))
	}
	p.source, err = history.Join(ctx, old, p.source, topics)
	return err
}

func (h *historyFlags) openFolder(cmd *cobra.Command) (*past, error) {
	log, err := openFolder(h.folder)
	if err != nil {
		return nil, err
	}
	landscape := log.Manifest().Landscape
	if f := cmd.Flags().Lookup("landscape"); f.Changed && f.Value.String() != landscape {
		_ = log.Close()
		return nil, fmt.Errorf("%s holds the history of landscape %q, not of %q; name the folder of that one: %w", h.folder, landscape, f.Value, domain.ErrConflict)
	}
	if m := log.Manifest(); !m.Complete() {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "understudy: %s does not hold all that was to be exported: the answer is of what it holds; the same export once more adds the rest\n", h.folder)
	}
	heads, err := headsOf(log)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	keys, err := readKeys(h.keysFile)
	if err != nil {
		return nil, err
	}
	return &past{landscape: landscape, source: log, codec: codec.New(landscape, keys), ends: true, heads: heads, close: log.Close}, nil
}

// headsOf are the Merkle roots that the manifest of a folder names, one for each file.
func headsOf(log *archive.Log) ([]audit.HeldHead, error) {
	m := log.Manifest()
	roots, err := m.Roots()
	if err != nil {
		return nil, err
	}
	var out []audit.HeldHead
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		out = append(out, audit.HeldHead{From: "the manifest for " + name, Head: merkle.Head{Landscape: m.Landscape, Roots: []merkle.Root{roots[name]}}})
	}
	return out, nil
}

// spanFlags are --since and --until.
type spanFlags struct{ since, until string }

func (s *spanFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.since, "since", "", "from this time on: 2026-11-21T20:14:07.25Z, or 15m for so long ago")
	cmd.Flags().StringVar(&s.until, "until", "", "before this time, in the same forms")
}

func (s *spanFlags) span(now time.Time) (history.Span, error) {
	return parseSpan(now, "since", s.since, "until", s.until)
}

// parseSpan reads the two ends of a stretch of time, each with the flag that it is of.
func parseSpan(now time.Time, since, sinceText, until, untilText string) (history.Span, error) {
	var out history.Span
	for _, f := range []struct {
		name, text string
		to         *domain.Instant
	}{{since, sinceText, &out.Since}, {until, untilText, &out.Until}} {
		if f.text == "" {
			continue
		}
		t, err := parseMoment(f.text, now)
		if err != nil {
			return out, usage("--%s %q: %v", f.name, f.text, err)
		}
		if err := notAhead(t, now); err != nil {
			return out, usage("--%s %s", f.name, err)
		}
		*f.to = t
	}
	if out.Until != 0 && out.Until <= out.Since {
		return out, usage("--%s %s is not after --%s %s", until, out.Until, since, out.Since)
	}
	return out, nil
}

// parseMoment reads a time as people write it.
func parseMoment(text string, now time.Time) (domain.Instant, error) {
	if d, err := time.ParseDuration(text); err == nil {
		if d < 0 {
			return 0, fmt.Errorf("write it without the sign: %s is for so long ago", -d)
		}
		return domain.InstantOf(now.Add(-d)), nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(form, text); err == nil {
			return domain.InstantOf(t), nil
		}
	}
	return 0, fmt.Errorf("write it as 2026-11-21T20:14:07.25Z, with Z or an offset such as +01:00, or as 15m for so long ago")
}

// clocksApart is how far the brokers' clocks may be ahead of ours.
const clocksApart = time.Minute

// notAhead refuses a time that has not come yet: nobody knows what will be then.
func notAhead(t domain.Instant, now time.Time) error {
	if t.Time().After(now.Add(clocksApart)) {
		return fmt.Errorf("%v has not come yet: by this machine's clock it is %v", t, domain.InstantOf(now))
	}
	return nil
}
