package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/timeline"
)

const (
	followWait  = 500 * time.Millisecond // of one fetch
	followBytes = 1 << 20
	followRetry = 500 * time.Millisecond // after a fetch that failed
	// lookBack is how many records of each partition are read from before, so
	// that the timeline knows who is primary and what was asked.
	lookBack = 500
	// maxLines bounds the lines of a second; nobody reads more.
	maxLines = 40
)

// Follow tells what happens in the landscape, from now on, until ctx ends. A
// log that is away for a while is waited for.
func (u *Up) Follow(ctx context.Context) error {
	run := u.Run()
	b, err := os.ReadFile(run.KeysFile)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	keys, err := codec.ParseKeyFile(b)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	log, err := kafka.Open(kafka.Config{Brokers: run.Kafka, ClientID: "understudy-up"}, u.opts.Logger)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	f := &follower{log: log, codec: codec.New(run.Landscape, keys), landscape: run.Landscape, lines: timeline.New(time.Local), printf: u.opts.Printf, since: u.readySince()}
	watching, stop := context.WithCancel(ctx)
	var disk sync.WaitGroup
	disk.Go(func() { u.watchDisk(watching) })
	err = f.run(ctx)
	stop()
	disk.Wait()
	return errors.Join(err, log.Close())
}

type follower struct {
	log       *kafka.Log
	codec     *codec.Codec
	landscape string
	lines     *timeline.Timeline
	printf    func(string, ...any)

	from   []domain.FetchFrom
	since  domain.Instant // when the landscape was ready: older records are not told
	second time.Time
	told   int // in this second
	untold int
}

func (f *follower) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := f.round(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(followRetry):
		}
	}
	return nil
}

// round begins shortly before the end of every partition, or goes on from there.
func (f *follower) round(ctx context.Context) error {
	if f.from == nil {
		return f.begin(ctx)
	}
	fetched, err := f.log.Fetch(ctx, f.from, followWait, followBytes)
	for _, p := range fetched {
		if p.Err != nil {
			if errors.Is(p.Err, domain.ErrNotFound) {
				f.from = nil // the log was cut or made anew
				return p.Err
			}
			err = errors.Join(err, p.Err)
			continue
		}
		f.take(p)
	}
	f.flush()
	return err
}

func (f *follower) begin(ctx context.Context) error {
	var from []domain.FetchFrom
	for _, kind := range []domain.TopicKind{domain.TopicControl, domain.TopicLog} {
		topic := domain.Topic(f.landscape, kind)
		bounds, err := f.log.Bounds(ctx, topic)
		if err != nil {
			return err
		}
		for p, b := range bounds {
			from = append(from, domain.FetchFrom{Topic: topic, Partition: int32(p), Offset: max(b.Start, b.End-lookBack)})
		}
	}
	f.from = from
	return nil
}

func (f *follower) take(p domain.Fetched) {
	kind := domain.TopicLog
	if p.Topic == domain.Topic(f.landscape, domain.TopicControl) {
		kind = domain.TopicControl
	}
	for _, m := range p.Messages {
		if line, ok := f.lines.Line(f.codec.Decode(kind, p.Partition, m)); ok && m.Appended >= f.since {
			f.tell(line, kind == domain.TopicControl)
		}
	}
	for i := range f.from {
		if f.from[i].Topic == p.Topic && f.from[i].Partition == p.Partition {
			f.from[i].Offset = p.Next
		}
	}
}

// tell prints a line, unless there were too many in this second. What concerns
// the election is always told: a flood of outcomes must not hide it.
func (f *follower) tell(line string, always bool) {
	f.flush()
	if f.told >= maxLines && !always {
		f.untold++
		return
	}
	f.told++
	f.printf("%s", line)
}

// flush begins a new second, if it is time.
func (f *follower) flush() {
	now := time.Now()
	if now.Sub(f.second) < time.Second {
		return
	}
	if f.untold > 0 {
		f.printf("              … and %d more", f.untold)
	}
	f.second, f.told, f.untold = now, 0, 0
}
