//go:build integration

package kafka_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/cluster"
)

// wrongTopics: what would break a guarantee in silence is refused, by the check
// and by a server that starts, in a sentence that says how to mend it; and what
// it says does mend it.
func wrongTopics(t *testing.T, c *brokers) {
	landscape := c.topics(t, kafka.TopicSpec{})
	s := c.settings(t, landscape, nobody)
	log := domain.Topic(landscape, domain.TopicLog)
	if said := s.check(t); said.Code != 0 {
		t.Fatalf("new topics are not as they must be: %s", said)
	}
	wrong := map[string]string{
		"cleanup.policy":                 "compact",
		"retention.ms":                   "604800000",
		"retention.bytes":                "1073741824",
		"message.timestamp.type":         "CreateTime",
		"max.message.bytes":              "1048588",
		"unclean.leader.election.enable": "true",
	}
	if c.replicas() == 3 {
		wrong["min.insync.replicas"] = "1"
	}
	for name, value := range wrong {
		c.alter(t, log, name, value)
	}
	await(t, func() error { // a change takes a moment to reach the broker that is asked
		said := s.check(t)
		for name, value := range wrong {
			if finding := fmt.Sprintf("topic %s: %s is %q:", log, name, value); said.Code != 3 || !strings.Contains(said.Err, finding) {
				return fmt.Errorf("it is not found that %s=%s: %s", name, value, said)
			}
		}
		return nil
	})
	s.refused(t, log, "cleanup.policy", "CreateTime")
	c.mend(t, s.check(t).Err, len(wrong))
	await(t, func() error {
		if said := s.check(t); said.Code != 0 {
			return fmt.Errorf("mended as it was said, and still: %s", said)
		}
		return nil
	})
}

// alter sets one setting of a topic.
func (c *brokers) alter(t *testing.T, topic, name, value string) {
	t.Helper()
	out, err := c.client().IncrementalAlterConfigs(t.Context(), &kafkago.IncrementalAlterConfigsRequest{
		Resources: []kafkago.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafkago.IncrementalAlterConfigsRequestConfig{{Name: name, Value: value, ConfigOperation: kafkago.ConfigOperationSet}},
		}}})
	if err == nil {
		err = out.Resources[0].Error
	}
	if err != nil {
		t.Fatalf("set %s=%s: %v", name, value, err)
	}
}

var advice = regexp.MustCompile(`kafka-configs\.sh --bootstrap-server \S+ (--alter --entity-type topics --entity-name (\S+) --add-config (\S+?)=([^\s)]+))`)

// mend does what the findings say: one of them to the letter, as an operator
// would, where there are Kafka's tools; the others in the same words.
func (c *brokers) mend(t *testing.T, said string, findings int) {
	t.Helper()
	all := advice.FindAllStringSubmatch(said, -1)
	if len(all) != findings {
		t.Fatalf("%d findings say how to mend them, wanted %d:\n%s", len(all), findings, said)
	}
	for i, a := range all {
		if i == 0 && c.containers != nil {
			c.tool(t, "kafka-configs.sh", strings.Fields(a[1])...)
			continue
		}
		c.alter(t, a[2], a[3], a[4])
	}
}

// wrongPartitions: a log with too few, and one that somebody has given more.
func wrongPartitions(t *testing.T, c *brokers) {
	few := c.topics(t, kafka.TopicSpec{Partitions: 4})
	said := c.settings(t, few, nobody).check(t)
	wants(t, said, 3, "has 4 partitions, not 8", "set the landscape's partitions to what the topic was created with")

	more := c.topics(t, kafka.TopicSpec{})
	log := domain.Topic(more, domain.TopicLog)
	out, err := c.client().CreatePartitions(t.Context(), &kafkago.CreatePartitionsRequest{Topics: []kafkago.TopicPartitionsConfig{{Name: log, Count: 9}}})
	if err = errors.Join(err, out.Errors[log]); err != nil {
		t.Fatal(err)
	}
	s := c.settings(t, more, nobody)
	await(t, func() error {
		if said := s.check(t); said.Code != 3 || !strings.Contains(said.Err, "has 9 partitions, not 8") {
			return fmt.Errorf("a partition that was added is not found: %s", said)
		}
		return nil
	})
	s.refused(t, log, "has 9 partitions, not 8")
}

// anAutoCreatedTopic is one that a broker made, with its own settings, when a
// foreign producer wrote to it.
func anAutoCreatedTopic(t *testing.T, c *brokers) {
	landscape := c.landscape(t)
	log := domain.Topic(landscape, domain.TopicLog)
	w := &kafkago.Writer{Addr: kafkago.TCP(c.plain...), Topic: log, AllowAutoTopicCreation: true, RequiredAcks: kafkago.RequireAll, Transport: &kafkago.Transport{}}
	t.Cleanup(func() { _ = w.Close() })
	await(t, func() error { return w.WriteMessages(t.Context(), kafkago.Message{Value: []byte("somebody")}) })
	if err := c.open(t, nobody).EnsureTopics(t.Context(), landscape, kafka.TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	s := c.settings(t, landscape, nobody)
	wants(t, s.check(t), 3, "topic "+log+" has no setting of its own", "auto.create.topics.enable=false", "has 1 partitions, not 8", "message.timestamp.type")
	s.refused(t, log, "auto.create.topics.enable=false")
}

// wrongPermissions: what a user lacks is named, topic by topic.
func wrongPermissions(t *testing.T, c *brokers) {
	landscape := c.topics(t, kafka.TopicSpec{})
	log := domain.Topic(landscape, domain.TopicLog)
	user := c.user(t, "nobody-in-particular")
	s := c.settings(t, landscape, user)
	wants(t, s.check(t), 3, "topic "+log+": user nobody-in-particular may not even see it", "kafka-acls.sh")
	c.allow(t, user, kafkago.ACLOperationTypeRead)
	await(t, func() error {
		said := s.check(t)
		for _, part := range []string{"has not the permission Write", "has not the permission DescribeConfigs", "--operation Write --topic " + log} {
			if said.Code != 3 || !strings.Contains(said.Err, part) {
				return fmt.Errorf("it does not say %q: %s", part, said)
			}
		}
		return nil
	})
	s.refused(t, log, "has not the permission Write")
}

// wrongLogin: what TLS and SASL refuse is said with what to do.
func wrongLogin(t *testing.T, c *brokers) {
	landscape := c.topics(t, kafka.TopicSpec{})
	right := c.server(t)
	foreign := filepath.Join(t.TempDir(), "foreign.pem")
	if err := os.WriteFile(foreign, newAuthority(t).pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		settings settings
		says     string
	}{
		"a wrong password":               {c.settings(t, landscape, login{right.user, "guess"}), "check kafka.sasl"},
		"an unknown user":                {c.settings(t, landscape, login{"stranger", "guess"}), "check kafka.sasl"},
		"an authority that did not sign": {c.settings(t, landscape, right).with("ca: "+c.authorityFile, "ca: "+foreign), "kafka.tls.ca"},
		"a certificate for another name": {c.settings(t, landscape, right).with("enabled: true", "enabled: true\n    server_name: kafka.example"), "kafka.tls.server_name"},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, test.settings.check(t), 3, test.says)
			test.settings.refused(t, test.says)
		})
	}
	// The broker hangs up, and that is all that it says. It may do so for other
	// reasons, so a server waits, and says what it suspects.
	wants(t, c.settings(t, landscape, right).with(strings.Join(c.secure, ", "), strings.Join(c.plain, ", ")).check(t), 1, "check credentials and TLS")
	wants(t, c.settings(t, landscape, nobody).with(strings.Join(c.plain, ", "), strings.Join(c.secure, ", ")).check(t), 1, "check credentials and TLS")
}

// settings are the configuration file of a server.
type settings string

// settings makes those of a server that logs in as somebody.
func (c *brokers) settings(t *testing.T, landscape string, as login) settings {
	t.Helper()
	keys := filepath.Join(folder, "keys")
	if _, err := os.Stat(keys); err != nil {
		wants(t, cluster.Run(t.Context(), program(t), "keys", "create", "--file", keys), 0)
	}
	text := fmt.Sprintf("landscape: %s\ndir: %s\nkeys_file: %s\nserver: {name: A}\nhttp: {listen: '127.0.0.1:0'}\n", landscape, t.TempDir(), keys)
	if as == nobody {
		return settings(fmt.Sprintf("%skafka:\n  brokers: [%s]\n", text, strings.Join(c.plain, ", ")))
	}
	return settings(fmt.Sprintf("%skafka:\n  brokers: [%s]\n  tls:\n    enabled: true\n    ca: %s\n  sasl: {mechanism: SCRAM-SHA-512, user: %s, password: %q}\n",
		text, strings.Join(c.secure, ", "), c.authorityFile, as.user, as.password))
}

func (s settings) with(pairs ...string) settings {
	return settings(strings.NewReplacer(pairs...).Replace(string(s)))
}

func (s settings) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// check runs `topics check`.
func (s settings) check(t *testing.T) cluster.Said {
	t.Helper()
	return cluster.Run(t.Context(), program(t), "topics", "check", "--config", s.file(t))
}

// refused starts a server, which must end by itself, not to be started again,
// and say all of this.
func (s settings) refused(t *testing.T, says ...string) {
	t.Helper()
	wants(t, cluster.Run(t.Context(), program(t), "server", "--config", s.file(t)), 78, says...)
}

func wants(t *testing.T, said cluster.Said, code int, says ...string) {
	t.Helper()
	if said.Code != code {
		t.Errorf("wanted exit code %d: %s", code, said)
	}
	for _, part := range says {
		if !strings.Contains(said.Err, part) {
			t.Errorf("it does not say %q: %s", part, said)
		}
	}
}
