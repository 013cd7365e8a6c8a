package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/auditpage"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/verify"
	"github.com/understudy-io/understudy/projections/audit"
)

func auditCommand(g *globals) *cobra.Command {
	return group("audit", "Prove from the log alone what happened", auditVerifyCommand(g), auditCheckpointCommand(g),
		auditProveCommand(g), auditCheckCommand(g), auditConsistencyCommand(g), auditWitnessCommand(g))
}

// formHTML is a form of output that only a report has.
const formHTML = "html"

// auditing are the flags of verify.
type auditing struct {
	historyFlags
	spanFlags
	progressFlag
	keyFlags
	held   []string // files with checkpoints
	cache  string
	resume bool
}

// errViolated ends a verification that found something: exit code 6.
var errViolated = errors.New("the log does not keep what is promised; the report names the records")

func auditVerifyCommand(g *globals) *cobra.Command {
	var o auditing
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Judge from the log alone whether every promise was kept",
		Long: `Read the topics of a landscape, straight from Kafka, and or from a folder that export
wrote, and derive from them again:
every election, who acted, what became of every command, and every state hash. Each
rule is held, violated (with the records that show it), or not decidable (with the
reason). It only reads: no server is asked, nothing can reach a device, and it may run
while the landscape works. The exit code is 6 if a rule was violated.

--since and --until bound what is told; all that came before is folded too. With
-o html the report is one file that needs nothing else.

While it runs it keeps each minute, and when it is interrupted, what it has judged of
the log: the same command with --resume goes on there.`,
		Example: `  understudy audit verify
  understudy audit verify -o html > report.html
  understudy audit verify --since 2026-11-21T20:00:00Z --until 2026-11-21T21:00:00Z -o json
  understudy audit verify --file /backup/main --keys-file keys`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.verify(cmd, &o) },
	}
	o.historyFlags.register(cmd)
	o.spanFlags.register(cmd)
	o.progressFlag.register(cmd)
	o.keyFlags.register(cmd)
	cmd.Flags().StringArrayVar(&o.held, "checkpoint", nil, "file with a signed checkpoint that you hold; more than once for several")
	cmd.Flags().StringVar(&o.cache, "cache", "", "folder for what is kept while it runs, or none (default: understudy/history in the user's cache folder)")
	cmd.Flags().BoolVar(&o.resume, "resume", false, "go on where the same command was interrupted")
	return cmd
}

func (g *globals) verify(cmd *cobra.Command, o *auditing) error {
	span, err := o.span(time.Now())
	if err != nil {
		return err
	}
	show, err := newReportScreen(cmd, g.Output)
	if err != nil {
		return err
	}
	if g.Output == formHTML {
		g.Output = formTable // of what is asked on the way
	}
	keys, err := o.verifiers()
	if err != nil {
		return err
	}
	p, err := g.openVerified(cmd, &o.historyFlags)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }()
	heads, err := heldHeads(o.held, p.landscape, keys)
	if err != nil {
		return err
	}
	job := verify.Config{
		Landscape: p.landscape, Source: p.source, Codec: p.codec, Keys: keys, Heads: append(heads, p.heads...),
		Within: audit.Range{Since: audit.Moment(span.Since), Until: audit.Moment(span.Until)},
	}
	if notes := o.notes(cmd); notes != nil {
		job.Progress = func(v verify.Progress) {
			_, _ = fmt.Fprintf(notes, "verify: %d of %d records, about %s left\n", v.Done, v.Total, short(v.Left.Round(time.Second)))
		}
	}
	job.Warn = func(err error) { _, _ = fmt.Fprintf(cmd.ErrOrStderr(), "understudy: %s\n", visible(domain.Plain(err))) }
	if folder := cacheFolder(o.cache); folder != "" {
		of, err := verify.Identity(cmd.Context(), p.source, p.landscape)
		if err != nil {
			return p.unread(err)
		}
		job.Bookmark = verify.Bookmark{Path: filepath.Join(folder, p.landscape, "verify-"+of+".bookmark"), Build: thisBuild().String(), Resume: o.resume}
	} else if o.resume {
		return usage("--resume goes on with what was kept in a folder: name it with --cache")
	}
	bulkCollections()
	report, err := verify.Run(cmd.Context(), job)
	var kept *verify.InterruptedError
	switch {
	case errors.As(err, &kept):
		return resumableError{err}
	case errors.Is(err, context.Canceled):
		return resumableError{fmt.Errorf("the verification was interrupted; nothing of it is kept: %w", err)}
	case err != nil:
		return err
	}
	if err := show(p.landscape, report); err != nil {
		return err
	}
	if report.Violated() {
		return withExit(exitViolated, errViolated)
	}
	return nil
}

// newReportScreen is how a report is shown: as other data, or as a page.
func newReportScreen(cmd *cobra.Command, form string) (func(landscape string, r *audit.Report) error, error) {
	if form == formHTML {
		return func(landscape string, r *audit.Report) error {
			return auditpage.Write(cmd.OutOrStdout(), landscape, r)
		}, nil
	}
	screen, err := newScreen(cmd, form)
	if err != nil {
		return nil, usage("output %q: give table, json, yaml or html", form)
	}
	return func(_ string, r *audit.Report) error {
		return screen.show(r, func(t *table) { verdictTable(t, r) })
	}, nil
}
