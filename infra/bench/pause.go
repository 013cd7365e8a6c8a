package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

const (
	pauseRate  = 500
	pauseBlock = 2 * time.Second // at least: so that snapshots fall into each block
	pauseEvery = time.Second     // between two snapshots
	pauseNever = 24 * time.Hour
	pauseMost  = 1.0 // ms
)

func aboutPause(o *Options) time.Duration {
	return 2*aboutFill(recordsPerCommand*o.UIDs) + time.Duration(o.Rounds)*2*(max(o.Block, pauseBlock)+settleFor) + 3*time.Second
}

// measurePause takes the latency at the highest quantiles while the primary
// takes a snapshot each second. Its limit is another landscape with the same
// contents, whose server takes none.
func measurePause(ctx context.Context, b *bench) (err error) {
	var both [2]*traffic
	for i, every := range []time.Duration{pauseEvery, pauseNever} {
		l, err := b.open(ctx, b.Devices)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		l.every = every
		if _, err := l.fill(ctx, b, recordsPerCommand*b.UIDs, b.UIDs); err != nil {
			return err
		}
		if err := errors.Join(l.startServers(ctx, 1), l.connected(ctx)); err != nil {
			return err
		}
		if both[i], err = l.newTraffic(ctx); err != nil {
			return err
		}
		defer both[i].close()
		if err := both[i].warm(ctx); err != nil {
			return err
		}
	}
	var took [2][]time.Duration
	block := func(i int) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			list, err := both[i].routes(ctx, pauseRate, max(b.Block, pauseBlock))
			took[i] = append(took[i], list...)
			return quantile(list, 0.999), err
		}
	}
	p, err := b.inTurn(ctx, block(0), block(1))
	if err != nil {
		return err
	}
	for i, want := range []bool{true, false} {
		if found, err := both[i].hasSnapshots(); err != nil || found != want {
			return errors.Join(err, fmt.Errorf("snapshots were taken: %v, meant to be: %v: %w", found, want, domain.ErrConflict))
		}
	}
	with, without := quantile(took[0], 0.999), quantile(took[1], 0.999)
	held, err := b.longestExport()
	if err != nil {
		return err
	}
	b.report(
		figure("pause_p999", with, "ms").beside(without).paired(p).aim(with-without <= pauseMost, "≤ limit + %g ms", pauseMost),
		figure("pause_export", held, "ms").atMost(pauseMost),
	)
	return nil
}

// hasSnapshots says whether the only server has taken a snapshot.
func (l *landscape) hasSnapshots() (bool, error) {
	files, err := os.ReadDir(snapshotsOf(l.servers[0]))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return len(files) > 0, err
}

// snapshotsOf is the folder of a server's snapshots.
func snapshotsOf(s *node) string { return filepath.Join(filepath.Dir(s.runFile), "snapshots") }

// longestExport is how long the fold of one partition stands still to be
// exported, at least: the median of some.
func (b *bench) longestExport() (float64, error) {
	b.step("exports a state")
	c := codec.New("bench", codec.Generate())
	var definitions []domain.Definition
	for _, d := range (&devices{ports: []string{"127.0.0.1:1"}, count: b.Devices}).httpDefinitions() {
		if domain.Partition(d.Device, partitions) == 0 {
			definitions = append(definitions, d)
		}
	}
	uids := max(1, b.UIDs/partitions)
	h := newHistory(c, 0, definitions, recordsPerCommand*uids, uids)
	state := partition.New(0, partitions, partition.DefaultLimits())
	for offset := int64(0); offset < int64(recordsPerCommand*uids); {
		list, err := h.take(fillBatch)
		if err != nil {
			return 0, err
		}
		for _, m := range list {
			state.Apply(c.Decode(domain.TopicLog, 0, domain.Stored{Message: m, Offset: offset, Appended: now()}))
			offset++
		}
	}
	var took []float64
	for range max(5, b.Rounds) {
		began := time.Now()
		kept := state.Export()
		took = append(took, milliseconds(time.Since(began)))
		runtime.KeepAlive(kept)
	}
	return median(took), nil
}
