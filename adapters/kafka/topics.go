package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
)

// TopicSpec says how a landscape's topics are to be. Zeros take the defaults.
type TopicSpec struct {
	// Partitions of the log topic. It can never be changed: the partition of
	// a device follows from it. Default 8.
	Partitions int32
	// Replication is the number of brokers that hold each record. Default:
	// 3, or as many as there are.
	Replication int
	// MaxMessageBytes is the largest batch that the topics take. It is not
	// below Config.MaxBatchBytes. Default 2 MiB.
	MaxMessageBytes int
	// ControlRetention is how long control keeps its records; elections and
	// the log keep theirs for ever. Default 7 days; negative means for ever.
	ControlRetention time.Duration
	// ControlBytes bounds the size of control instead, where a broker cannot
	// afford the time. Default: no bound.
	ControlBytes int64
	// ControlSegment is the size of the pieces in which control is removed.
	// Default: the broker's own.
	ControlSegment int64
}

// What control must keep at least: several views, which come once a minute,
// and the heartbeats between them, about 100 a second of 300 bytes.
const (
	minControlRetention = time.Hour
	minControlBytes     = 64 << 20
)

// createWithin bounds the creation of all topics, until their leaders answer.
// A busy cluster needs seconds for it; each question has its own limit.
const createWithin = 30 * time.Second

// probeRetention is how long a probe of the log's speed is kept.
const probeRetention = time.Hour

var kinds = [...]domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter, domain.TopicProbe}

func (s TopicSpec) withDefaults(brokers int) TopicSpec {
	if s.Partitions == 0 {
		s.Partitions = 8
	}
	if s.Replication == 0 {
		s.Replication = min(3, brokers)
	}
	if s.MaxMessageBytes == 0 {
		s.MaxMessageBytes = 2 << 20
	}
	if s.ControlRetention == 0 {
		s.ControlRetention = 7 * 24 * time.Hour
	}
	return s
}

func (s TopicSpec) partitions(k domain.TopicKind) int {
	if k == domain.TopicLog {
		return int(s.Partitions)
	}
	return 1
}

// setting is one entry of a topic's configuration.
type setting struct{ name, value string }

func (s TopicSpec) settings(k domain.TopicKind) []setting {
	retention, size := int64(-1), int64(-1)
	var more []setting
	if k == domain.TopicProbe {
		retention = probeRetention.Milliseconds()
	}
	if k == domain.TopicControl {
		if s.ControlRetention > 0 {
			retention = s.ControlRetention.Milliseconds()
		}
		if s.ControlBytes > 0 {
			size = s.ControlBytes
		}
		if s.ControlSegment > 0 {
			more = []setting{{"segment.bytes", strconv.FormatInt(s.ControlSegment, 10)}}
		}
	}
	return append([]setting{
		{"cleanup.policy", "delete"},
		{"retention.ms", strconv.FormatInt(retention, 10)},
		{"retention.bytes", strconv.FormatInt(size, 10)},
		{"message.timestamp.type", "LogAppendTime"},
		{"max.message.bytes", strconv.Itoa(s.MaxMessageBytes)},
		{"min.insync.replicas", strconv.Itoa(s.minInSync())},
		{"unclean.leader.election.enable", "false"},
	}, more...)
}

// minInSync keeps an acknowledged record through the loss of any one broker.
// With two brokers that means that nothing is taken while one is away: what
// was promised weighs more than what could be.
func (s TopicSpec) minInSync() int { return min(2, s.Replication) }

// EnsureTopics creates those topics of the landscape that are missing. It
// changes nothing on those that are there; CheckTopics says what is wrong with
// them, MendTopics mends it.
func (l *Log) EnsureTopics(ctx context.Context, landscape string, spec TopicSpec) error {
	ctx, cancel := context.WithTimeout(ctx, createWithin)
	defer cancel()
	cluster, err := l.reading.picture(ctx)
	if err != nil {
		return fmt.Errorf("ensure topics of %q: %w", landscape, callError(err))
	}
	spec = spec.withDefaults(len(cluster.Brokers))
	request := &kafkago.CreateTopicsRequest{}
	for _, k := range kinds {
		name := domain.Topic(landscape, k)
		if _, ok := cluster.Topics[name]; ok {
			continue
		}
		t := kafkago.TopicConfig{Topic: name, NumPartitions: spec.partitions(k), ReplicationFactor: spec.Replication}
		for _, s := range spec.settings(k) {
			t.ConfigEntries = append(t.ConfigEntries, kafkago.ConfigEntry{ConfigName: s.name, ConfigValue: s.value})
		}
		request.Topics = append(request.Topics, t)
	}
	if len(request.Topics) == 0 {
		return nil
	}
	answer, err := l.client().CreateTopics(ctx, request)
	if err != nil {
		return fmt.Errorf("ensure topics of %q: %w", landscape, callError(err))
	}
	var faults []error
	for name, err := range answer.Errors {
		if err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
			faults = append(faults, fmt.Errorf("create topic %s with %d replicas on %d brokers: %w", name, spec.Replication, len(cluster.Brokers), topicError(err)))
		}
	}
	l.writing.renew() // it has not heard of them
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, t := range request.Topics {
		if err := l.awaitTopic(ctx, t.Topic); err != nil {
			return fmt.Errorf("ensure topics of %q: created, but it cannot be used yet: %w", landscape, err)
		}
	}
	return nil
}

// awaitTopic waits until the leaders of a new topic know that they are.
func (l *Log) awaitTopic(ctx context.Context, name string) error {
	for {
		_, err := l.Bounds(ctx, name)
		settling := errors.Is(err, domain.ErrTransient) || errors.Is(err, domain.ErrNotFound)
		if !settling || errors.Is(err, ErrSetup) || !pause(ctx, l.cfg.RefreshEvery) {
			return err
		}
	}
}

func topicError(err error) error {
	for _, is := range []kafkago.Error{kafkago.InvalidReplicationFactor, kafkago.InvalidPartitionNumber, kafkago.InvalidConfiguration} {
		if errors.Is(err, is) {
			return fmt.Errorf("%w: %w", domain.ErrInvalid, err)
		}
	}
	return callError(err)
}

// MendTopics sets the settings of the landscape's topics as EnsureTopics would
// have created them. It cannot change a number of partitions, and does not
// move replicas.
func (l *Log) MendTopics(ctx context.Context, landscape string, spec TopicSpec) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.QueryTimeout)
	defer cancel()
	request := &kafkago.IncrementalAlterConfigsRequest{}
	for _, k := range kinds {
		name := domain.Topic(landscape, k)
		// Replicas stay where they are, so what they permit decides.
		_, replicas, err := l.topicShape(ctx, name)
		if err != nil {
			return fmt.Errorf("mend topics of %q: %w", landscape, err)
		}
		own := spec
		own.Replication = replicas
		own = own.withDefaults(replicas)
		r := kafkago.IncrementalAlterConfigsRequestResource{ResourceType: kafkago.ResourceTypeTopic, ResourceName: name}
		for _, s := range own.settings(k) {
			r.Configs = append(r.Configs, kafkago.IncrementalAlterConfigsRequestConfig{Name: s.name, Value: s.value, ConfigOperation: kafkago.ConfigOperationSet})
		}
		request.Resources = append(request.Resources, r)
	}
	answer, err := l.client().IncrementalAlterConfigs(ctx, request)
	if err != nil {
		return fmt.Errorf("mend topics of %q: %w", landscape, callError(err))
	}
	var faults []error
	for _, r := range answer.Resources {
		if r.Error != nil {
			faults = append(faults, fmt.Errorf("mend topic %s: %w", r.ResourceName, topicError(r.Error)))
		}
	}
	return errors.Join(faults...)
}

// topicShape gives a topic's number of partitions and of replicas of the one
// that has fewest.
func (l *Log) topicShape(ctx context.Context, name string) (partitions, replicas int, err error) {
	if _, err := l.partitions(ctx, l.reading, name); err != nil {
		return 0, 0, err
	}
	cluster, err := l.reading.picture(ctx)
	if err != nil {
		return 0, 0, callError(err)
	}
	for _, p := range cluster.Topics[name].Partitions {
		if n := len(p.Replicas); partitions == 0 || n < replicas {
			replicas = n
		}
		partitions++
	}
	return partitions, replicas, nil
}
