package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/infra/history"
)

func replayCheckCommand(g *globals) *cobra.Command {
	var o historyFlags
	var p progressFlag
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Fold a whole log with this build, and compare with every checkpoint in it",
		Long: `Fold a whole log with this build, from its first record, and compare the state hash
with every checkpoint that a primary wrote: before an upgrade, with the new build, against
the log of the running one. Exit code 6 if one differs, 3 if none could be compared.`,
		Example: `  understudy replay check --keys-file keys --file /backup/main
  /opt/new/understudy replay check --config /etc/understudy/server.yaml`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.look(cmd, &o, func(past *past, screen *screen) error {
				return past.foldAgain(cmd.Context(), newMeter(p.notes(cmd), "fold", 0, time.Now()), screen)
			})
		},
	}
	o.register(cmd)
	p.register(cmd)
	return cmd
}

func (p *past) foldAgain(ctx context.Context, m *meter, screen *screen) error {
	t := &history.Traveller{Source: p.source, Decoder: p.codec, Landscape: p.landscape, Note: func(n int) { m.add(n, time.Now()) }}
	checked, err := t.Check(ctx, p.codec)
	if err != nil {
		return err
	}
	if err := screen.show(checked, func(t *table) { checkedTable(t, checked) }); err != nil {
		return err
	}
	return differs(checked)
}

func checkedTable(t *table, c *history.Checked) {
	t.text("%d records folded by logic version %d; of %d checkpoint hashes %d are equal, %d differ or more, %d lie where this history has no record",
		c.Records, c.LogicVersion, c.Checkpoints, c.Equal, len(c.Different), c.Missed)
	t.row("NEXT", "STATE HASH")
	for _, e := range c.Ends {
		t.row(e.Next, e.Hash)
	}
	for i, d := range c.Different {
		if i == toldFindings {
			t.text("and %d more: -o json names them", len(c.Different)-i)
			break
		}
		t.text("%s: server %s wrote %s at control:%d, this build folds %s", d.Position, d.Server, d.Wrote, d.Control, d.Folds)
	}
}
