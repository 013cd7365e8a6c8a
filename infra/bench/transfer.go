package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	past "github.com/understudy-io/understudy/infra/history"
)

func aboutTransfer(o *Options) time.Duration {
	return aboutFill(o.Records) + 3*time.Duration(o.Rounds)*time.Duration(o.Records)*time.Second/60_000
}

// measureTransfer exports a log in both forms and imports it into an empty landscape. The
// limit is kafka-go's own reader on the same records. What was imported must give the
// same state.
func measureTransfer(ctx context.Context, b *bench) (err error) {
	l, config, err := b.readLog(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	timed := func(args ...string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			folder := l.file("export")
			if err := os.RemoveAll(folder); err != nil {
				return 0, err
			}
			began := time.Now()
			_, _, err := l.ask(ctx, append([]string{"export", "--config", config, "--to", folder}, args...)...)
			return perSecond(l.records, time.Since(began)), err
		}
	}
	for _, form := range []string{"parquet", "jsonl"} { // the last one is imported
		p, err := b.inTurn(ctx, timed("--format", form), l.bare)
		if err != nil {
			return err
		}
		b.report(figure("export_"+form, median(p.value), "records/s").beside(median(p.limit)).paired(p).ratioAtLeast(0.3))
	}
	if !l.embedded {
		return nil // the same topics cannot be there twice
	}
	hashes, err := l.hashes(ctx, config)
	if err != nil {
		return err
	}
	into := func(ctx context.Context) (float64, error) { return l.importInto(ctx, hashes) }
	p, err := b.inTurn(ctx, into, l.bare)
	if err != nil {
		return err
	}
	b.report(figure("import", median(p.value), "records/s").beside(median(p.limit)).paired(p).ratioAtLeast(0.3))
	return nil
}

// importInto imports the export into a broker of its own, and says how fast.
func (l *longLog) importInto(ctx context.Context, want []domain.Hash) (rate float64, err error) {
	dir := l.file("imported")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	other := &landscape{name: l.name, dir: dir, program: l.program, kafka: l.kafka, codec: l.codec, line: l.line, definitions: l.definitions}
	defer func() { err = errors.Join(err, other.close()) }()
	if err := other.startBroker(ctx); err != nil {
		return 0, err
	}
	if other.log, err = kafka.Open(other.kafka, slog.New(slog.DiscardHandler)); err != nil {
		return 0, err
	}
	if err := other.ensureTopics(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, _, err := l.ask(ctx, "import", "--from", l.file("export"), "--kafka", other.kafka.Brokers[0], "--landscape", l.name); err != nil {
		return 0, err
	}
	took := time.Since(began)
	keys, err := os.ReadFile(l.file("keys"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "keys"), keys, 0o600)
	}
	if err != nil {
		return 0, err
	}
	settings, err := other.addServer(0)
	if err != nil {
		return 0, err
	}
	bounds, err := other.log.Bounds(ctx, domain.Topic(l.name, domain.TopicLog))
	if err != nil {
		return 0, err
	}
	copied := &longLog{landscape: other, records: l.records, bounds: bounds}
	have, err := copied.hashes(ctx, settings.config)
	if err == nil && !slices.Equal(have, want) {
		err = fmt.Errorf("what was imported gives other states, %v and not %v: %w", have, want, domain.ErrCorrupt)
	}
	return perSecond(l.records, took), err
}

// hashes are those of the states at the end of the log.
func (l *longLog) hashes(ctx context.Context, config string) ([]domain.Hash, error) {
	cut := make(past.Cut, len(l.bounds))
	for p, b := range l.bounds {
		cut[p] = b.End
	}
	said, _, err := l.ask(ctx, "state", "at", "--config", config, "--cache", "none", "--cut", cut.String(), "-o", "json")
	if err != nil {
		return nil, err
	}
	var state struct {
		Partitions []struct {
			Hash domain.Hash `json:"hash"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(said, &state); err != nil || len(state.Partitions) != len(cut) {
		return nil, fmt.Errorf("state at has told %d partitions of %d: %w", len(state.Partitions), len(cut), errors.Join(err, domain.ErrCorrupt))
	}
	out := make([]domain.Hash, len(cut))
	for p := range out {
		out[p] = state.Partitions[p].Hash
	}
	return out, nil
}
