package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
	"github.com/understudy-io/understudy/infra/up"
)

func importCommand(g *globals) *cobra.Command {
	var l logFlags
	var p progressFlag
	var folder string
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Write an exported log into the empty topics of a landscape of the same name",
		Long: `Write an exported log into the topics of a landscape of the same name, which hold
nothing yet: every record at its old offset, with its old time, so that positions, MACs
and state hashes stay what they were. No server may run there meanwhile. All is read back
and compared. What was interrupted goes on with the same command. For the while of the
import the topics keep the times that records come with; the user needs AlterConfigs.`,
		Example: `  understudy topics create --kafka broker-1:9092 --landscape main
  understudy import --from /backup/main --kafka broker-1:9092`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if folder == "" {
				return usage("name the exported folder with --from")
			}
			return g.importFolder(cmd, &l, folder, &p)
		},
	}
	cmd.Flags().StringVar(&folder, "from", "", "the folder that export wrote")
	l.register(cmd)
	p.register(cmd)
	return cmd
}

func (g *globals) importFolder(cmd *cobra.Command, l *logFlags, folder string, p *progressFlag) error {
	screen, err := newScreen(cmd, g.Output)
	if err != nil {
		return err
	}
	from, err := openFolder(folder)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	landscape := from.Manifest().Landscape
	if f := cmd.Flags().Lookup("landscape"); f.Changed && f.Value.String() != landscape {
		return fmt.Errorf("%s holds the history of landscape %q; its MACs are those of that name, so it cannot be imported as %q: %w", folder, landscape, f.Value, domain.ErrConflict)
	}
	cfg, err := l.settings(cmd, func() (*up.Run, error) {
		s, err := g.folder(cmd, "name brokers with --kafka or --config")
		if err != nil {
			return nil, err
		}
		if s.run.Alive() {
			return nil, fmt.Errorf("the landscape in %s runs; stop it, and import through its broker alone (understudy broker): %w", g.Dir, domain.ErrConflict)
		}
		return s.run, nil
	})
	if err != nil {
		return err
	}
	to, err := openLog(cfg, "import", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	total := int64(0)
	for _, f := range from.Manifest().Files {
		total += f.Records
	}
	m := newMeter(p.notes(cmd), "import", total, time.Now())
	done, err := history.Import(cmd.Context(), from, to, landscape, func(n int) { m.add(n, time.Now()) })
	if errors.Is(err, context.Canceled) {
		return resumableError{fmt.Errorf("the import was interrupted; what was written is kept, and the same command goes on there; no server may run before it is complete: %w", err)}
	}
	if err != nil {
		return err
	}
	return screen.show(done, func(t *table) {
		t.text("landscape %s is as in %s: every record was read back and compared", landscape, folder)
		t.row("TOPIC", "RECORDS", "NEW", "LEFT OUT")
		for _, d := range done {
			t.row(d.Topic, d.Records, d.New, d.LeftOut)
		}
	})
}

// sealing are the flags of seal.
type sealing struct {
	historyFlags
	progressFlag
	to string
}

func sealCommand(g *globals) *cobra.Command {
	var o sealing
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "Export the log, and prove the copy, before retention is shortened",
		Long: `Export the log of a landscape to a folder as export does, then read the folder back:
every record is compared with the log, and the log is folded from the folder and compared
with every checkpoint that a primary wrote. Only then it says up to which offsets the folder
stands for the log. Afterwards the same folder goes with --file beside --kafka or --dir: the
past is read from it and the rest from the brokers.`,
		Example: `  understudy seal --to /backup/main --keys-file keys`,
		Args:    exactly,
		RunE:    func(cmd *cobra.Command, _ []string) error { return g.seal(cmd, &o) },
	}
	cmd.Flags().StringVar(&o.to, "to", "", "the folder; one that was sealed before is continued")
	o.historyFlags.register(cmd)
	o.progressFlag.register(cmd)
	return cmd
}

// sealed is what seal tells.
type sealed struct {
	*exported
	Checked *history.Checked `json:"checked"`
}

func (g *globals) seal(cmd *cobra.Command, o *sealing) error {
	switch {
	case o.to == "":
		return usage("name the folder to seal to with --to")
	case o.folder != "":
		return usage("seal reads the log of a landscape, not a folder: leave --file out")
	}
	return g.look(cmd, &o.historyFlags, func(p *past, screen *screen) error { return p.seal(cmd, o, screen) })
}

func (p *past) seal(cmd *cobra.Command, o *sealing, screen *screen) (err error) {
	out := sealed{}
	if out.exported, err = p.export(cmd.Context(), archive.Lines(), o.to, history.Span{}, o.notes(cmd)); err != nil {
		return err
	}
	if out.Checked, err = p.proven(cmd.Context(), o.to); err != nil {
		return err
	}
	if err := screen.show(out, func(t *table) {
		says := "%s stands for the log of landscape %s up to these offsets: every record is the same, and %d of %d checkpoints fold to their hash (%d lie elsewhere)"
		if !out.Checked.Held() {
			says = "NOT PROVEN, so do not shorten retention: %s holds the records of the log of landscape %s up to these offsets; %d of %d checkpoints fold to their hash (%d lie elsewhere)"
		}
		t.text(says, out.Folder, out.Landscape, out.Checked.Equal, out.Checked.Checkpoints, out.Checked.Missed)
		t.row("TOPIC", "PARTITION", "FROM", "UP TO")
		for _, r := range out.Ranges {
			t.row(r.Topic, r.Partition, r.From, r.To)
		}
	}); err != nil {
		return err
	}
	return differs(out.Checked)
}

// proven compares a folder with the log, and folds it.
func (p *past) proven(ctx context.Context, folder string) (*history.Checked, error) {
	checked, err := p.compared(ctx, folder)
	if errors.Is(err, context.Canceled) {
		return nil, resumableError{fmt.Errorf("the seal was interrupted: the folder is written, and not yet proven, so do not shorten retention; the same command goes on: %w", context.Canceled)}
	}
	return checked, err
}

func (p *past) compared(ctx context.Context, folder string) (*history.Checked, error) {
	log, err := openFolder(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	if err := history.Compare(ctx, log, p.source, p.landscape); err != nil {
		return nil, fmt.Errorf("%s is not what the log is: do not shorten retention; %w", folder, err)
	}
	t := &history.Traveller{Source: log, Decoder: p.codec, Landscape: p.landscape}
	return t.Check(ctx, p.codec)
}

// differs is the error of a history that does not fold to what primaries wrote, or of
// which nobody can say that it does.
func differs(c *history.Checked) error {
	switch {
	case c.Held():
		return nil
	case len(c.Different) == 0:
		return fmt.Errorf("none of %d checkpoints of a primary could be compared, so nothing shows that the history folds to what they had; where the landscape is new, try again in some seconds: %w", c.Checkpoints, domain.ErrConflict)
	}
	d := c.Different[0]
	return withExit(exitViolated, fmt.Errorf("this build folds another state than primaries wrote, first at %s: server %s wrote %s (control offset %d), this build gives %s; the log was changed, or the logic of the builds differs: %w",
		d.Position, d.Server, d.Wrote, d.Control, d.Folds, domain.ErrCorrupt))
}
