package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/config"
)

func configExportCommand(g *globals) *cobra.Command {
	var to string
	var revision uint64
	cmd := &cobra.Command{
		Use: "export", Short: "Write a revision into a file, to be imported elsewhere", Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			v, err := s.client.RevisionText(cmd.Context(), revision)
			if err != nil {
				return s.explain(err)
			}
			status, err := s.client.Status(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			b := config.Bundle{Landscape: status.Landscape, Revision: v.Revision, Hash: v.Hash, Text: []byte(v.Text)}
			if to == "-" {
				_, err = cmd.OutOrStdout().Write(b.Write())
				return err
			}
			if err := writeNew(to, b.Write()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "revision %d of landscape %s is in %s\n", v.Revision, status.Landscape, to)
			return err
		},
	}
	cmd.Flags().StringVar(&to, "to", "-", "file, which must not exist; - is the standard output")
	cmd.Flags().Uint64Var(&revision, "revision", 0, "number of the revision (default: the active one)")
	return cmd
}

func configImportCommand(g *globals) *cobra.Command {
	var c changes
	var another bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Publish an exported configuration as the next revision",
		Long: `Publish what config export has written, exactly as it was. It is refused if it was
changed since (publish takes any file), and if it is from another landscape, unless
--from-another says that this is meant.`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readConfiguration(cmd, args[0])
			if err != nil {
				return err
			}
			b, err := config.ReadBundle(text)
			if err != nil {
				return g.pasted(fmt.Errorf("%s: %w", args[0], err))
			}
			parsed, err := config.ParseLandscape(text)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if _, hash, err := codec.EncodeConfiguration(parsed); err != nil || hash != b.Hash {
				return fmt.Errorf("%s was changed since it was exported, its hash is %.12s and not %.12s: if that is meant, use `%s`: %w", args[0], hash, b.Hash, g.line("config", "publish", args[0], "--if-match", strconv.FormatUint(c.ifMatch, 10)), domain.ErrConflict)
			}
			s, err := g.open(cmd)
			if err != nil {
				return err
			}
			status, err := s.client.Status(cmd.Context())
			if err != nil {
				return s.explain(err)
			}
			if status.Landscape != b.Landscape && !another {
				return fmt.Errorf("%s was exported from landscape %s, and this is landscape %s, whose devices may be others: if that is meant, say --from-another: %w", args[0], b.Landscape, status.Landscape, domain.ErrConflict)
			}
			if c.comment == "" {
				c.comment = fmt.Sprintf("imported: revision %d of landscape %s", b.Revision, b.Landscape)
			}
			r, err := s.client.Publish(cmd.Context(), httpapi.Publication{Text: string(text), Comment: c.comment, Activate: c.activate, Override: c.override, IfMatch: c.ifMatch})
			return s.showRevised(r, err)
		},
	}
	c.register(cmd)
	c.match(cmd)
	cmd.Flags().BoolVar(&c.activate, "activate", false, "and activate it, in the same step")
	cmd.Flags().BoolVar(&another, "from-another", false, "it may be from another landscape")
	require(cmd, "if-match")
	return cmd
}
