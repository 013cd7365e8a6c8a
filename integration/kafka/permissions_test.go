//go:build integration

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/understudy-io/understudy/adapters/kafka"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/cluster"
)

// leastPermissions runs the lines of docs/kafka.md for a landscape of its own.
// Then a server that has only those becomes primary, a producer gets an answer
// to its command, an auditor reads it all, and none of them may do more.
func leastPermissions(t *testing.T, c *brokers) {
	landscape := c.topics(t, kafka.TopicSpec{})
	users := map[string]login{}
	for _, name := range []string{"server", "producer", "auditor"} {
		users[name] = c.user(t, landscape+"-"+name)
	}
	c.grantAsDocumented(t, landscape, users)

	s := c.settings(t, landscape, users["server"])
	await(t, func() error { // a permission takes a moment to reach all brokers
		if said := s.check(t); said.Code != 0 {
			return errors.New(said.String())
		}
		return nil
	})
	s.runs(t)
	uid := c.commands(t, landscape, users["producer"])
	log := domain.Topic(landscape, domain.TopicLog)
	await(t, func() error {
		said := cluster.Run(t.Context(), program(t), "log", "tail", "--from", "start", "--json", "--config", c.settings(t, landscape, users["auditor"]).file(t))
		if said.Code != 0 || !strings.Contains(said.Out, uid) || !strings.Contains(said.Out, "unknown_device") {
			return fmt.Errorf("the auditor does not see that %s was refused: %s", uid, said)
		}
		return nil
	})

	for _, may := range []struct {
		user  string
		topic domain.TopicKind
		write bool
	}{
		{"server", domain.TopicLog, true}, {"server", domain.TopicControl, true}, {"server", domain.TopicElections, true}, {"server", domain.TopicDeadLetter, true},
		{"producer", domain.TopicLog, true}, {"producer", domain.TopicControl, false}, {"producer", domain.TopicElections, false}, {"producer", domain.TopicDeadLetter, false},
		{"auditor", domain.TopicLog, false}, {"auditor", domain.TopicControl, false}, {"auditor", domain.TopicElections, false}, {"auditor", domain.TopicDeadLetter, false},
	} {
		topic := domain.Topic(landscape, may.topic)
		_, err := c.open(t, users[may.user]).Append(t.Context(), []domain.Batch{{Topic: topic, Messages: []domain.Message{{Value: []byte("try")}}}})
		if may.write != (err == nil) {
			t.Errorf("%s writes to %s: %v; wanted permitted: %v", may.user, topic, err, may.write)
		}
	}
	for name, as := range users {
		client := c.clientOf(as)
		if out, err := client.DeleteTopics(t.Context(), &kafkago.DeleteTopicsRequest{Topics: []string{log}}); err == nil && out.Errors[log] == nil {
			t.Errorf("%s may delete the log", name)
		}
		if out, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{
			{Topic: log + ".more", NumPartitions: 1, ReplicationFactor: 1}}}); err == nil && out.Errors[log+".more"] == nil {
			t.Errorf("%s may create topics", name)
		}
	}
}

// documented are the lines of docs/kafka.md that grant something.
var documented = regexp.MustCompile(`(?m)^kafka-acls\.sh --bootstrap-server \S+ (.*)$`)

// grantAsDocumented runs them for a landscape's users.
func (c *brokers) grantAsDocumented(t *testing.T, landscape string, users map[string]login) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "kafka.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := documented.FindAllStringSubmatch(string(page), -1)
	if len(lines) < len(users) {
		t.Fatalf("docs/kafka.md has %d lines of kafka-acls.sh, wanted one for each of %d users at least", len(lines), len(users))
	}
	for _, line := range lines {
		args := strings.ReplaceAll(line[1], "understudy.main.", "understudy."+landscape+".")
		for name, as := range users {
			args = strings.ReplaceAll(args, "User:"+name+" ", "User:"+as.user+" ")
		}
		c.tool(t, "kafka-acls.sh", strings.Fields(args)...)
	}
}

// clientOf is kafka-go's own, as somebody.
func (c *brokers) clientOf(as login) *kafkago.Client {
	cfg := c.config(as)
	mechanism, err := scram.Mechanism(scram.SHA512, as.user, as.password)
	if err != nil {
		panic(err)
	}
	return &kafkago.Client{Addr: kafkago.TCP(cfg.Brokers...), Timeout: 20 * time.Second, Transport: &kafkago.Transport{TLS: cfg.TLS, SASL: mechanism}}
}

// runs starts a server with these settings, and waits until it is primary. It
// ends with the test.
func (s settings) runs(t *testing.T) {
	t.Helper()
	said := filepath.Join(t.TempDir(), "said")
	out, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t), "server", "--no-guard", "--config", s.file(t))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(endWithin):
			_ = cmd.Process.Kill()
		}
	})
	await(t, func() error {
		text, err := os.ReadFile(said)
		if err == nil && !strings.Contains(string(text), "new=primary") {
			err = fmt.Errorf("the server is not primary; it said:\n%s", text)
		}
		return err
	})
}

// commands sends a command as a producer would, and reads the log until it says
// what became of it.
func (c *brokers) commands(t *testing.T, landscape string, as login) (uid string) {
	t.Helper()
	uid = "of-" + as.user
	l := c.open(t, as)
	topic := domain.Topic(landscape, domain.TopicLog)
	m := domain.Message{Key: []byte("nothing-1"), Value: []byte(`{"destination":1,"source":1}`)}
	for k, v := range cluster.CommandHeaders("nothing-1", uid, "crosspoint.take.v1") {
		m.Headers = append(m.Headers, domain.Header{Key: k, Value: []byte(v)})
	}
	partition := int32(kafkago.Murmur2Balancer{}.Balance(kafkago.Message{Key: m.Key}, 0, 1, 2, 3, 4, 5, 6, 7))
	done, err := l.Append(t.Context(), []domain.Batch{{Topic: topic, Partition: partition, Messages: []domain.Message{m}}})
	if err != nil {
		t.Fatal("the producer cannot write to the log:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for next := done[0].Offset + 1; ; {
		got, err := l.Fetch(ctx, []domain.FetchFrom{{Topic: topic, Partition: partition, Offset: next}}, time.Second, 1<<20)
		if err != nil {
			t.Fatal("the producer does not learn what became of its command:", err)
		}
		for _, m := range got[0].Messages {
			if strings.Contains(string(m.Value), uid) {
				return uid
			}
		}
		next = got[0].Next
	}
}
