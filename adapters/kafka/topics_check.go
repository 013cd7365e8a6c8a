package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
)

// CheckTopics says everything that is wrong with the landscape's topics, and
// with what this user may do there, each in a sentence with how to mend it. No
// findings: all is well. The error is set if the brokers could not be asked; it
// is ErrSetup where asking again does not help.
func (l *Log) CheckTopics(ctx context.Context, landscape string, spec TopicSpec) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	findings, err := l.checkTopics(ctx, landscape, spec)
	if err != nil {
		return nil, fmt.Errorf("check topics of %q: %w", landscape, err)
	}
	return findings, nil
}

// checkWithin bounds the whole check; each question has its own limit.
const checkWithin = 15 * time.Second

func (l *Log) checkTopics(ctx context.Context, landscape string, spec TopicSpec) ([]string, error) {
	cluster, err := l.reading.picture(ctx)
	if err != nil {
		return nil, callError(err)
	}
	spec = spec.withDefaults(len(cluster.Brokers))
	var names []string
	for _, k := range kinds {
		names = append(names, domain.Topic(landscape, k))
	}
	may, err := l.rights(ctx, names)
	if err != nil {
		return nil, err
	}
	var findings []string
	for i, k := range kinds {
		more, err := l.checkTopic(ctx, names[i], k, spec, may[names[i]])
		if err != nil {
			return nil, err
		}
		findings = append(findings, more...)
	}
	return findings, nil
}

func (l *Log) checkTopic(ctx context.Context, name string, k domain.TopicKind, spec TopicSpec, may rights) ([]string, error) {
	if kafkago.Error(may.code) == kafkago.TopicAuthorizationFailed {
		return []string{fmt.Sprintf("topic %s: user %s may not even see it: grant it what docs/kafka.md lists (%s), and create the topic if it is not there",
			name, l.cfg.principal(), l.grantLine(name, "Read"))}, nil
	}
	partitions, replicas, err := l.topicShape(ctx, name)
	if errors.Is(err, domain.ErrNotFound) {
		return []string{"topic " + name + missingTopic}, nil
	}
	if err != nil {
		return nil, err
	}
	findings := l.lacking(name, may.operations)
	if want := spec.partitions(k); partitions != want {
		findings = append(findings, fmt.Sprintf("topic %s has %d partitions, not %d: %s", name, partitions, want, mendPartitions(k)))
	}
	if replicas < spec.Replication {
		findings = append(findings, fmt.Sprintf("topic %s has %d replicas where %d are possible: the loss of a broker can lose it; "+
			"add replicas with kafka-reassign-partitions.sh", name, replicas, spec.Replication))
	}
	if !may.operations.may(kafkago.ACLOperationTypeDescribeConfigs) {
		return findings, nil
	}
	settings, own, err := l.topicSettings(ctx, name)
	if err != nil {
		return nil, err
	}
	findings = append(findings, judge(name, k, spec, replicas, settings, l.cfg.Brokers)...)
	if len(findings) > 0 && !own {
		findings = append(findings, "topic "+name+madeByBroker)
	}
	return findings, nil
}

// madeByBroker tells where all that is wrong with a topic may come from.
const madeByBroker = " has no setting of its own: it looks as if a broker had made it by itself when somebody wrote to it or read from it; " +
	"if nothing that counts is in it, delete it (kafka-topics.sh --delete) and create it (understudy topics create), " +
	"and set auto.create.topics.enable=false at the brokers"

const missingTopic = " is missing: create the landscape's topics, or grant this user the right to see them"

// IsMissing tells of a finding whether it is a missing topic, which EnsureTopics creates.
func IsMissing(finding string) bool { return strings.HasSuffix(finding, missingTopic) }

// mendPartitions says what another number of partitions does, and what is left
// to do: Kafka never takes a partition away.
func mendPartitions(k domain.TopicKind) string {
	if k == domain.TopicLog {
		return "devices would be looked for in other partitions than they are in; " +
			"set the landscape's partitions to what the topic was created with, or copy the log into a new landscape"
	}
	return "only a single partition keeps its records in one order, and Kafka cannot take one away again; " +
		"use a new landscape with another name (topics create), or, if nothing was ever written to this topic, delete it and create it anew"
}

// topicConfig is the source of a setting that a topic has of its own.
const topicConfig = 1

// topicSettings are those in force, and whether any of them was given to the
// topic itself.
func (l *Log) topicSettings(ctx context.Context, name string) (settings map[string]string, own bool, err error) {
	answer, err := l.client().DescribeConfigs(ctx, &kafkago.DescribeConfigsRequest{
		Resources: []kafkago.DescribeConfigRequestResource{{ResourceType: kafkago.ResourceTypeTopic, ResourceName: name}}})
	if err != nil {
		return nil, false, callError(err)
	}
	settings = make(map[string]string)
	for _, r := range answer.Resources {
		if r.Error != nil {
			return nil, false, callError(r.Error)
		}
		for _, e := range r.ConfigEntries {
			settings[e.ConfigName] = e.ConfigValue
			own = own || e.ConfigSource == topicConfig
		}
	}
	return settings, own, nil
}

// judge compares a topic's settings with what the log needs.
func judge(name string, k domain.TopicKind, spec TopicSpec, replicas int, settings map[string]string, brokers []string) []string {
	var findings []string
	wrong := func(setting, because, want string) {
		findings = append(findings, fmt.Sprintf("topic %s: %s is %q: %s; set it to %s (kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s=%s)",
			name, setting, settings[setting], because, want, strings.Join(brokers, ","), name, setting, want))
	}
	for _, s := range spec.settings(k) {
		got, ok := settings[s.name]
		if !ok || got == s.value {
			continue // what the broker does not know, it does not do
		}
		n, err := strconv.ParseInt(got, 10, 64)
		number := err == nil
		switch s.name {
		case "cleanup.policy":
			because := "the audit needs every record, in order"
			if strings.Contains(got, "compact") {
				because = "compaction removes records that the audit needs, and makes positions that once were read vanish"
			}
			wrong(s.name, because, s.value)
		case "retention.ms":
			switch {
			case k == domain.TopicProbe: // nobody needs what is in it
			case k != domain.TopicControl:
				wrong(s.name, "records of this topic are kept for ever, and these are deleted in time", s.value)
			case number && n >= 0 && time.Duration(n)*time.Millisecond < minControlRetention:
				wrong(s.name, "a server that was away could find neither a view nor what led to it", s.value)
			}
		case "retention.bytes":
			switch {
			case k == domain.TopicProbe:
			case k != domain.TopicControl:
				wrong(s.name, "a burst of commands would delete older ones", "-1")
			case number && n >= 0 && n < minControlBytes:
				wrong(s.name, "a server that was away could find neither a view nor what led to it", s.value)
			}
		case "message.timestamp.type":
			wrong(s.name, "then records carry the time that their producer claims, and log time can be forged", s.value)
		case "max.message.bytes":
			if !number || n < int64(spec.MaxMessageBytes) {
				wrong(s.name, "large records would be refused", s.value)
			}
		case "min.insync.replicas":
			if want := min(2, replicas); !number || n < int64(want) {
				wrong(s.name, "an acknowledged command could be lost with one broker", strconv.Itoa(want))
			} else if n > int64(replicas) {
				wrong(s.name, fmt.Sprintf("there are only %d replicas, so nothing can be written", replicas), strconv.Itoa(want))
			}
		case "unclean.leader.election.enable":
			wrong(s.name, "a broker that lags could take over and drop acknowledged commands", s.value)
		}
	}
	return findings
}
