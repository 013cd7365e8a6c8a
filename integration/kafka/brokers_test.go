//go:build integration

package kafka_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/testcontainers/testcontainers-go"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
)

// brokersVariable names an Apache Kafka to test on, as host:port,..., instead
// of containers.
const brokersVariable = "UNDERSTUDY_KAFKA"

// brokers are the Apache Kafka under test.
type brokers struct {
	plain []string // addresses that want neither TLS nor credentials

	// Only of containers:
	secure        []string // addresses with TLS and SASL/SCRAM-SHA-512
	authority     *authority
	authorityFile string
	containers    []*testcontainers.DockerContainer
}

// each runs a test on one broker and on three, or on those that the environment
// names. Each is started once.
func each(t *testing.T, test func(t *testing.T, c *brokers)) {
	if named := os.Getenv(brokersVariable); named != "" {
		t.Run("brokers of "+brokersVariable, func(t *testing.T) { test(t, &brokers{plain: strings.Split(named, ",")}) })
		return
	}
	t.Run("one broker", func(t *testing.T) { test(t, start(t, 1)) })
	t.Run("three brokers", func(t *testing.T) { test(t, start(t, 3)) })
}

// replicas is how many a topic of ours has.
func (c *brokers) replicas() int { return min(3, len(c.plain)) }

// login is how somebody connects.
type login struct {
	user, password string // without a user: in clear text, as nobody
}

var nobody = login{}

// config connects somebody to the cluster.
func (c *brokers) config(as login) kafka.Config {
	if as == nobody {
		return kafka.Config{Brokers: c.plain}
	}
	return kafka.Config{
		Brokers: c.secure,
		TLS:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.authority.pool()},
		SASL:    kafka.SASL{Mechanism: kafka.ScramSHA512, User: as.user, Password: as.password},
	}
}

// open connects somebody, until the test ends.
func (c *brokers) open(t *testing.T, as login) *kafka.Log {
	t.Helper()
	return open(t, c.config(as))
}

func open(t *testing.T, cfg kafka.Config) *kafka.Log {
	t.Helper()
	l, err := kafka.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// client is kafka-go's own, which may do everything.
func (c *brokers) client() *kafkago.Client {
	return &kafkago.Client{Addr: kafkago.TCP(c.plain...), Timeout: 20 * time.Second}
}

var landscapes atomic.Int64

// landscape gives a name that has no topics yet, also not from an earlier run.
// What topics it has at the end of the test are deleted.
func (c *brokers) landscape(t *testing.T) string {
	name := fmt.Sprintf("rehearsal-%d-%d", time.Now().UnixMilli(), landscapes.Add(1))
	t.Cleanup(func() { c.remove(t, name) })
	return name
}

// topics makes a new landscape's.
func (c *brokers) topics(t *testing.T, spec kafka.TopicSpec) (landscape string) {
	t.Helper()
	landscape = c.landscape(t)
	if err := c.open(t, nobody).EnsureTopics(t.Context(), landscape, spec); err != nil {
		t.Fatal(err)
	}
	return landscape
}

var kinds = []domain.TopicKind{domain.TopicLog, domain.TopicControl, domain.TopicElections, domain.TopicDeadLetter, domain.TopicProbe}

func (c *brokers) remove(t *testing.T, landscape string) {
	var topics []string
	for _, k := range kinds {
		topics = append(topics, domain.Topic(landscape, k))
	}
	c.delete(t, topics)
}

// removeAll deletes all topics whose names begin so.
func (c *brokers) removeAll(t *testing.T, prefix string) {
	known, err := c.client().Metadata(context.Background(), &kafkago.MetadataRequest{})
	if err != nil {
		t.Logf("topics of %s stay: %v", prefix, err)
		return
	}
	var topics []string
	for _, topic := range known.Topics {
		if strings.HasPrefix(topic.Name, prefix) {
			topics = append(topics, topic.Name)
		}
	}
	c.delete(t, topics)
}

func (c *brokers) delete(t *testing.T, topics []string) {
	out, err := c.client().DeleteTopics(context.Background(), &kafkago.DeleteTopicsRequest{Topics: topics})
	if err != nil {
		t.Logf("these topics stay: %v: %v", topics, err)
		return
	}
	for topic, err := range out.Errors {
		if err != nil && !errors.Is(err, kafkago.UnknownTopicOrPartition) {
			t.Logf("topic %s stays: %v", topic, err)
		}
	}
}
