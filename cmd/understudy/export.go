package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/adapters/parquetfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/history"
)

// exporting are the flags of export.
type exporting struct {
	historyFlags
	spanFlags
	progressFlag
	form string
	to   string
}

func exportCommand(g *globals) *cobra.Command {
	var o exporting
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the log of a landscape to a folder, to be read without a broker",
		Long: `Write the log of a landscape to a folder: every record of the topics log, control,
elections and deadletter with its place, time, key, headers and value, byte for byte.
The user at the brokers only has to be allowed to read. What was interrupted goes on
with the same command; given again later, it adds what is new.`,
		Example: `  understudy export --to /backup/main
  understudy export --to incident --since 2026-11-21T20:00:00Z --until 2026-11-21T21:00:00Z
  understudy export --to copy --kafka broker-1:9092 --landscape main
  understudy export --format parquet --to tables --file /backup/main --keys-file keys`,
		Args: exactly,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.export(cmd, &o) },
	}
	cmd.Flags().StringVar(&o.form, "format", "jsonl", "jsonl: one CloudEvent in JSON on each line, which --file reads; parquet: by day, with decoded columns, for DuckDB, pandas and the like")
	cmd.Flags().StringVar(&o.to, "to", "", "the folder; it is made if it is not there")
	o.historyFlags.register(cmd)
	o.spanFlags.register(cmd)
	o.progressFlag.register(cmd)
	return cmd
}

// exported is what export tells.
type exported struct {
	Folder    string          `json:"folder"`
	Landscape string          `json:"landscape"`
	Complete  bool            `json:"complete"`
	Records   int64           `json:"records"` // in the folder
	New       int64           `json:"new"`     // of them, written now
	Files     int             `json:"files"`
	Bytes     int64           `json:"bytes"`
	Ranges    []archive.Range `json:"partitions"`
}

func (g *globals) export(cmd *cobra.Command, o *exporting) error {
	span, err := o.span(time.Now())
	switch {
	case err != nil:
		return err
	case o.to == "":
		return usage("name the folder to write with --to")
	case o.form != "jsonl" && o.form != "parquet":
		return usage("--format %q: give jsonl or parquet", o.form)
	}
	screen, err := newScreen(cmd, g.Output)
	if err != nil {
		return err
	}
	open := g.openHistory
	if o.form == "parquet" { // whose column signed is about the keys
		open = g.openVerified
	}
	p, err := open(cmd, &o.historyFlags)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }()
	result, err := p.export(cmd.Context(), p.formOf(o.form), o.to, span, o.notes(cmd))
	if err != nil {
		return err
	}
	return screen.show(result, func(t *table) {
		t.text("%s holds %d records of landscape %s in %d files, %d of them new.", result.Folder, result.Records, result.Landscape, result.Files, result.New)
		t.row("TOPIC", "PARTITION", "FROM", "UP TO")
		for _, r := range result.Ranges {
			t.row(r.Topic, r.Partition, r.From, r.To)
		}
	})
}

func (p *past) export(ctx context.Context, form archive.Form, folder string, span history.Span, notes io.Writer) (*exported, error) {
	ranges, err := history.Ranges(ctx, p.source, p.landscape, span)
	if err != nil {
		return nil, p.unread(err)
	}
	if err := p.continues(ctx, folder); err != nil {
		return nil, err
	}
	w, err := archive.CreateAs(form, folder, archive.Head{Landscape: p.landscape, Build: thisBuild().String(), Parts: ranges}, time.Now)
	if err != nil {
		return nil, err
	}
	left := int64(0)
	for _, r := range w.Head().Parts {
		left += r.To - w.Next(r.Topic, r.Partition)
	}
	meter := newMeter(notes, "export", left, time.Now())
	m, err := history.Export(ctx, p.source, w, func(n int) { meter.add(n, time.Now()) })
	if errors.Is(err, context.Canceled) {
		return nil, resumableError{fmt.Errorf("the export was interrupted; what was written is kept, and the same command goes on there: %w", err)}
	}
	if err != nil {
		return nil, err
	}
	out := &exported{Folder: folder, Landscape: p.landscape, Complete: m.Complete(), New: meter.done, Files: len(m.Files), Ranges: m.Parts}
	for _, f := range m.Files {
		out.Records += f.Records
		out.Bytes += f.Bytes
	}
	return out, nil
}

// parquetFormat names what a folder of Parquet files holds.
const parquetFormat = "understudy.parquet.v1"

// continues refuses a folder of another log, also where the landscape has the same name.
func (p *past) continues(ctx context.Context, folder string) error {
	had, err := openFolder(folder)
	if errors.Is(err, domain.ErrNotFound) {
		return nil // there is none yet
	}
	if err != nil {
		return err
	}
	if err := errors.Join(history.Continues(ctx, had, p.source, p.landscape), had.Close()); err != nil {
		return fmt.Errorf("%s cannot be continued; name another folder: %w", folder, err)
	}
	return nil
}

func (p *past) formOf(name string) archive.Form {
	if name == "jsonl" {
		return archive.Lines()
	}
	form := tables()
	form.Begin = func(w io.Writer) archive.Sink { return parquetfile.Begin(w, p.describe) }
	return form
}

// tables is the form of Parquet, to be read.
func tables() archive.Form {
	return archive.Form{Name: parquetFormat, Suffix: ".parquet", Daily: true, Open: func(path string, f archive.File, from int64) (archive.Reading, error) {
		return parquetfile.Open(path, f.Topic, f.Partition, f.From, from)
	}}
}

// openFolder opens what export wrote, in either form.
func openFolder(dir string) (*archive.Log, error) {
	return archive.OpenAs(dir, archive.Lines(), tables())
}

// describe decodes a record for its columns.
func (p *past) describe(topic string, partition int32, m *domain.Stored) parquetfile.Described {
	for _, kind := range history.Kinds {
		if domain.Topic(p.landscape, kind) != topic {
			continue
		}
		r := p.codec.Decode(kind, partition, *m)
		out := parquetfile.Described{Signed: r.Signed, Defect: r.Defect}
		if r.Payload != nil {
			out.Payload, _ = json.Marshal(r.Payload) // all payloads are plain values
		}
		return out
	}
	return parquetfile.Described{}
}

// unread says what to look at where a topic cannot be read.
func (p *past) unread(err error) error {
	return fmt.Errorf("read the history of landscape %s (topic %s and others): is the broker up, the landscape's name right, and may this user read its topics? %w",
		p.landscape, domain.Topic(p.landscape, domain.TopicLog), err)
}
