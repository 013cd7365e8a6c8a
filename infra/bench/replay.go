package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// How a server reads the log: see infra/server.
const (
	replayFetchBytes = 4 << 20
	replayWait       = 200 * time.Millisecond
	replayAhead      = 16 // batches that may wait to be folded
)

// fillRate is about how many records a second can be made and appended.
const fillRate = 50_000

func aboutReplay(o *Options) time.Duration {
	return aboutFill(o.Records) + time.Duration(o.Rounds)*time.Duration(o.Records)*time.Second/100_000
}

// measureReplay reads and folds a log as a server does that starts without a
// snapshot. Its limit is kafka-go's own reader on the same records.
func measureReplay(ctx context.Context, b *bench) (err error) {
	l, err := b.longLog(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	fold := func(ctx context.Context) (float64, error) {
		took, err := l.replay(ctx, l.bounds)
		return perSecond(l.records, took), err
	}
	p, err := b.inTurn(ctx, fold, l.bare)
	if err != nil {
		return err
	}
	b.report(figure("replay", median(p.value), "records/s").beside(median(p.limit)).paired(p).ratioAtLeast(0.7))
	return nil
}

// replay folds the log up to its bounds: one goroutine fetches and decodes, one
// folds.
func (l *landscape) replay(ctx context.Context, bounds []domain.Bounds) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	decoded, folded := make(chan []domain.Record, replayAhead), make(chan []domain.Record, replayAhead)
	var fetching sync.WaitGroup
	var failed error
	began := time.Now()
	fetching.Go(func() {
		defer close(decoded)
		failed = l.fetchAll(ctx, bounds, decoded, folded)
	})
	states := make([]*partition.State, len(bounds))
	for p := range states {
		states[p] = partition.New(int32(p), int32(len(bounds)), partition.DefaultLimits())
	}
	for records := range decoded {
		state := states[records[0].Position.Partition]
		for i := range records {
			state.Apply(records[i])
		}
		clear(records)
		select {
		case folded <- records: // as a server does, the list is used again
		default:
		}
	}
	for _, state := range states {
		state.Hash() // what is not hashed yet is work that is still to be done
	}
	took := time.Since(began)
	fetching.Wait()
	if failed != nil {
		return took, failed
	}
	for p, state := range states {
		if n := state.Counters(); n.Dead > 0 || n.Fenced > 0 || state.Next() != bounds[p].End {
			return took, fmt.Errorf("partition %d: %d dead letters, %d fenced, folded up to %d of %d: %w", p, n.Dead, n.Fenced, state.Next(), bounds[p].End, domain.ErrCorrupt)
		}
	}
	return took, nil
}

func (l *landscape) fetchAll(ctx context.Context, bounds []domain.Bounds, decoded chan<- []domain.Record, folded <-chan []domain.Record) error {
	topic := domain.Topic(l.name, domain.TopicLog)
	next := make([]int64, len(bounds))
	for {
		var from []domain.FetchFrom
		for p, b := range bounds {
			if next[p] < b.End {
				from = append(from, domain.FetchFrom{Topic: topic, Partition: int32(p), Offset: next[p]})
			}
		}
		if len(from) == 0 {
			return nil
		}
		answers, err := l.log.Fetch(ctx, from, replayWait, replayFetchBytes)
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		for _, a := range answers {
			if a.Err != nil {
				return fmt.Errorf("read the log: %w", a.Err)
			}
			next[a.Partition] = max(next[a.Partition], a.Next)
			if len(a.Messages) == 0 {
				continue
			}
			var records []domain.Record
			select {
			case records = <-folded:
			default:
			}
			records = l.codec.DecodeAll(records[:0], domain.TopicLog, a.Partition, a.Messages)
			select {
			case decoded <- records:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}
