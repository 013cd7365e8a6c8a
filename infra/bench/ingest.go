package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

const (
	// ingestMost bounds the commands of one block.
	ingestMost = 20_000
	// ingestBytes is the size of a command's value, about.
	ingestBytes = 200
	// ingestPending is how many commands one device is given in a block: below
	// what may wait for it.
	ingestPending = 1_000
	ingestWithin  = 2 * time.Minute
)

func ingestSize(o *Options) int { return min(o.Records/4, ingestMost, ingestPending*(o.Devices-1)) }

func aboutIngest(o *Options) time.Duration {
	return 5*time.Second + time.Duration(o.Rounds)*time.Duration(ingestSize(o))*time.Second/5_000
}

// measureIngest produces commands in bulk and waits until the primary has
// folded them all. Its limit is the same bulk produce to a topic that nobody
// reads.
func measureIngest(ctx context.Context, b *bench) error {
	count := max(2, min(b.Devices, 100))
	return b.with(ctx, count, b.Servers, func(l *landscape) (err error) {
		idle := l.name + "-idle"
		if err := l.log.EnsureTopics(ctx, idle, kafka.TopicSpec{Partitions: partitions}); err != nil {
			return fmt.Errorf("a topic that nobody reads: %w", err)
		}
		if !l.embedded {
			defer func() { err = errors.Join(err, removeTopics(l.kafka, idle)) }()
		}
		if err := l.connected(ctx); err != nil {
			return err
		}
		folded, err := newBareProduce(l.kafka, domain.Topic(l.name, domain.TopicLog))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, folded.close()) }()
		bare, err := newBareProduce(l.kafka, domain.Topic(idle, domain.TopicLog))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bare.close()) }()
		return b.ingest(ctx, l, folded, bare)
	})
}

func (b *bench) ingest(ctx context.Context, l *landscape, folded, bare *bareProduce) error {
	run, n := 0, min(ingestSize(&b.Options), ingestPending*(len(l.definitions)-1))
	primary, err := l.primary(ctx)
	if err != nil {
		return err
	}
	p, err := b.inTurn(ctx, func(ctx context.Context) (float64, error) {
		messages, err := l.commands(run, n)
		run++
		if err != nil {
			return 0, err
		}
		before, err := primary.api.Status(ctx)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := folded.produce(ctx, messages); err != nil {
			return 0, err
		}
		took, err := awaitDecided(ctx, primary, before.Counters.Accepted+uint64(n), began)
		if err == nil {
			err = l.drained(ctx, primary)
		}
		return perSecond(n, took), err
	}, func(ctx context.Context) (float64, error) {
		messages, err := l.commands(run, n)
		run++
		if err != nil {
			return 0, err
		}
		began := time.Now()
		err = bare.produce(ctx, messages)
		return perSecond(n, time.Since(began)), err
	})
	if err != nil {
		return err
	}
	b.report(figure("ingest", median(p.value), "commands/s").beside(median(p.limit)).paired(p).ratioAtLeast(0.8))
	return nil
}

// commands are n commands for all devices in turn, ready to be produced.
func (l *landscape) commands(run, n int) ([]kafkago.Message, error) {
	out := make([]kafkago.Message, 0, n)
	devices := l.definitions[1:]
	for i := range n {
		device := devices[i%len(devices)].Device
		level := fmt.Sprintf("%d-%d-", run, i)
		level += strings.Repeat("x", max(0, ingestBytes-len(level)))
		wish := setLevel(level)
		m, err := l.codec.Encode(domain.TopicLog, domain.Partition(device, partitions), domain.Record{
			Type: wish.Type(), UID: fmt.Sprintf("%s-%d-%d", l.name, run, i), Source: "/understudy/bench", Subject: device, Created: now(), Payload: wish,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, bareMessage(m))
	}
	return out, nil
}

// awaitDecided waits until the server has accepted so many commands in all.
func awaitDecided(ctx context.Context, s *node, accepted uint64, began time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, ingestWithin)
	defer cancel()
	for {
		st, err := s.api.Status(ctx)
		if err == nil && st.Counters.Accepted >= accepted {
			return time.Since(began), nil
		}
		if err == nil && st.Counters.Refused > 0 {
			return 0, fmt.Errorf("server %s has refused %d commands: %w", s.name, st.Counters.Refused, domain.ErrConflict)
		}
		if sleep(ctx, lookPace) != nil {
			return 0, fmt.Errorf("server %s has not folded the commands within %s: %w", s.name, ingestWithin, domain.ErrTransient)
		}
	}
}

// drained waits until the log has come to rest: every command has its outcome.
func (l *landscape) drained(ctx context.Context, s *node) error {
	ctx, cancel := context.WithTimeout(ctx, ingestWithin)
	defer cancel()
	for still, last := 0, uint64(0); still < 4; {
		st, err := s.api.Status(ctx)
		if err == nil && st.Counters.Records == last {
			still++
		} else {
			still = 0
		}
		last = st.Counters.Records
		if sleep(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("the outcomes are not in the log within %s: %w", ingestWithin, domain.ErrTransient)
		}
	}
	return nil
}
