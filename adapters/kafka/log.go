package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
)

// Log is the log on Kafka. Its methods may be called from several goroutines;
// batches of calls that overlap have no order among each other.
//
// Give each purpose that must not wait for another one (control, data) a Log
// of its own: connections are shared within one.
type Log struct {
	cfg    Config
	logger *slog.Logger
	// Writes never share a connection with reads: a fetch may hold one for as
	// long as it waits, and a warm connection must stay for the next write.
	writing, reading *route

	mu     sync.Mutex
	closed bool
	polls  map[*poll]struct{} // fetches under way
	turn   int                // counts fetches
	calls  sync.WaitGroup
}

// Open prepares a log. It connects to nothing yet, so it succeeds while the
// brokers are away.
func Open(cfg Config, logger *slog.Logger) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	cfg = cfg.withDefaults()
	writing, err := newRoute(cfg)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	reading, err := newRoute(cfg)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &Log{cfg: cfg, logger: logger, writing: writing, reading: reading, polls: make(map[*poll]struct{})}, nil
}

// Close ends the fetches under way and gives the connections back.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	for p := range l.polls {
		p.cancel()
	}
	l.mu.Unlock()
	l.calls.Wait()
	l.writing.close()
	l.reading.close()
	return nil
}

var errClosed = fmt.Errorf("%w: the log is closed: %w", domain.ErrConflict, domain.ErrNotSent)

func (l *Log) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed
}

// Warm opens the producing connection to each broker that leads a partition of
// the topic, and runs a produce request over it that writes nothing. The first
// write then pays for no connect, TLS handshake or login. Call it again more
// often than Config.IdleTimeout.
//
// kafka-go hands an answer over a moment before it takes the connection back.
// A write in that moment, microseconds, opens a second one.
func (l *Log) Warm(ctx context.Context, topic string) error {
	if !l.open() {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.QueryTimeout)
	defer cancel()
	partitions, err := l.partitions(ctx, l.writing, topic)
	if err != nil {
		return fmt.Errorf("warm connection for %q: %w", topic, err)
	}
	brokers, faults, err := l.writing.leaders(ctx, partitions)
	if err != nil {
		return fmt.Errorf("warm connection for %q: %w", topic, callError(err))
	}
	done := make(map[int32]bool)
	for i, broker := range brokers {
		if faults[i] == nil && !done[broker] {
			done[broker] = true
			faults[i] = l.warmBroker(ctx, broker)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("warm connection for %q: %w", topic, err)
	}
	return nil
}

func (l *Log) warmBroker(ctx context.Context, broker int32) error {
	_, err := l.writing.send(ctx, newProduce(broker, l.cfg.ClientID, nil, epochStart, l.cfg.QueryTimeout))
	if err == nil {
		return nil
	}
	err = callError(err)
	if movedOn(err) {
		l.writing.renew()
	}
	return err
}

// partitions lists the partitions of a topic.
func (l *Log) partitions(ctx context.Context, via *route, topic string) ([]partition, error) {
	// Asking for partition 0 makes the picture anew if the topic is not in it.
	if _, faults, err := via.leaders(ctx, []partition{{topic, 0}}); err != nil {
		return nil, callError(err)
	} else if errors.Is(faults[0], domain.ErrNotFound) {
		return nil, faults[0]
	}
	cluster, err := via.picture(ctx)
	if err != nil {
		return nil, callError(err)
	}
	out := make([]partition, len(cluster.Topics[topic].Partitions))
	for i := range out {
		out[i] = partition{topic, int32(i)}
	}
	return out, nil
}

// Bounds gives the bounds of each partition of a topic, by its number.
func (l *Log) Bounds(ctx context.Context, topic string) ([]domain.Bounds, error) {
	if !l.open() {
		return nil, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.QueryTimeout)
	defer cancel()
	bounds, err := l.bounds(ctx, topic)
	if err != nil {
		if movedOn(err) {
			l.reading.renew()
		}
		return nil, fmt.Errorf("bounds of %q: %w", topic, err)
	}
	return bounds, nil
}

func (l *Log) bounds(ctx context.Context, topic string) ([]domain.Bounds, error) {
	partitions, err := l.partitions(ctx, l.reading, topic)
	if err != nil {
		return nil, err
	}
	var ask []kafkago.OffsetRequest
	for i := range partitions {
		ask = append(ask, kafkago.FirstOffsetOf(i), kafkago.LastOffsetOf(i))
	}
	answer, err := l.client().ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{topic: ask}})
	if err != nil {
		return nil, callError(err)
	}
	out := make([]domain.Bounds, len(partitions))
	seen := 0
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, callError(p.Error)
		}
		if p.Partition >= 0 && p.Partition < len(out) {
			out[p.Partition] = domain.Bounds{Start: p.FirstOffset, End: p.LastOffset}
			seen++
		}
	}
	if seen != len(out) {
		return nil, fmt.Errorf("%w: the brokers answered for %d of %d partitions", domain.ErrTransient, seen, len(out))
	}
	return out, nil
}

// client is kafka-go's own client, on the reading connections.
func (l *Log) client() *kafkago.Client {
	return &kafkago.Client{Addr: l.reading.bootstrap, Timeout: l.cfg.QueryTimeout, Transport: l.reading.transport}
}
