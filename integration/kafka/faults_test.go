//go:build integration && faults

package kafka_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/clock"
	"github.com/understudy-io/understudy/infra/drill"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

const (
	quietFirst   = 6 * time.Second                    // of the stream before a fault: its baseline and some more
	streamFor    = 30                                 // seconds, and what the log does not answer
	brokerBack   = time.Minute                        // until a broker that was started again is in sync
	longestLease = time.Second + 200*time.Millisecond // and until the last broker was ended
	bareEvery    = 5 * time.Millisecond
	bareTimeout  = 2 * time.Second // of one attempt
)

// brokerFault is something that happens to brokers while commands flow.
type brokerFault struct {
	name string
	// silent is how long, from the beginning of the fault, nobody can append to
	// any partition.
	silent time.Duration
	// make makes the fault, lifts it, and tells when it began.
	make func(t *testing.T, c *brokers, l *cluster.Landscape) (began domain.Mono)
}

var brokerFaults = []brokerFault{
	{"kill -9 of the broker that leads control", 0, func(t *testing.T, c *brokers, l *cluster.Landscape) (began domain.Mono) {
		return c.down(t, 5*time.Second, "KILL", c.leader(t, domain.Topic(l.Run.Landscape, domain.TopicControl), 0))
	}},
	{"kill -9 of the broker that leads the router's partition", 0, func(t *testing.T, c *brokers, l *cluster.Landscape) (began domain.Mono) {
		return c.down(t, 5*time.Second, "KILL", c.leader(t, domain.Topic(l.Run.Landscape, domain.TopicLog), routersPartition))
	}},
	{"kill -9 of the controller", 0, func(t *testing.T, c *brokers, _ *cluster.Landscape) (began domain.Mono) {
		return c.down(t, 5*time.Second, "KILL", c.controller(t))
	}},
	{"kill -9 of two of three", 5 * time.Second, func(t *testing.T, c *brokers, l *cluster.Landscape) (began domain.Mono) {
		leads := c.leader(t, domain.Topic(l.Run.Landscape, domain.TopicControl), 0)
		return c.down(t, 5*time.Second, "KILL", leads, leads%3+1)
	}},
	{"kill -9 of all", 5 * time.Second, func(t *testing.T, c *brokers, _ *cluster.Landscape) (began domain.Mono) {
		return c.down(t, 5*time.Second, "KILL", 1, 2, 3)
	}},
	{"SIGSTOP of the broker that leads control, 5 s", 0, func(t *testing.T, c *brokers, l *cluster.Landscape) (began domain.Mono) {
		id := c.leader(t, domain.Topic(l.Run.Landscape, domain.TopicControl), 0)
		began = clock.Boot()
		c.signal(t, id, "STOP")
		pause(t, 5*time.Second)
		c.signal(t, id, "CONT")
		return began
	}},
	{"rolling restart", 0, func(t *testing.T, c *brokers, _ *cluster.Landscape) (began domain.Mono) {
		began = clock.Boot()
		for id := 1; id <= len(c.containers); id++ {
			c.down(t, 0, "TERM", id)
		}
		return began
	}},
	{"a broker that stands still for 80 ms of each 100, for 10 s", 0, func(t *testing.T, c *brokers, l *cluster.Landscape) (began domain.Mono) {
		began = clock.Boot()
		c.shell(t, c.leader(t, domain.Topic(l.Run.Landscape, domain.TopicControl), 0),
			"p=$(cat "+pidAt+"); for i in $(seq 100); do kill -STOP $p; sleep 0.08; kill -CONT $p; sleep 0.02; done")
		return began
	}},
	{"a standby that cannot reach the broker that leads control, 5 s", 0, func(t *testing.T, c *brokers, l *cluster.Landscape) (began domain.Mono) {
		server := standbyOf(t, l).Name
		broker := c.leader(t, domain.Topic(l.Run.Landscape, domain.TopicControl), 0)
		steer := func(mode string) {
			if err := l.Steer(t.Context(), "/relay/"+server, fmt.Sprintf(`{"mode": %q, "broker": %d}`, mode, broker)); err != nil {
				t.Fatal(err)
			}
		}
		began = clock.Boot()
		steer("drop")
		pause(t, 5*time.Second)
		steer("heal")
		return began
	}},
}

// TestBrokerFaults makes every fault of brokers on a landscape under traffic,
// and beside it on a producer that is nothing but kafka-go's.
func TestBrokerFaults(t *testing.T) {
	if os.Getenv(brokersVariable) != "" {
		t.Log("these faults need brokers that the test may kill; they are made on containers")
		return
	}
	// As docs/kafka.md advises.
	c := start(t, 3, "broker.session.timeout.ms=2000", "broker.heartbeat.interval.ms=300")
	l := startLandscape(t, c)
	bare := c.bareTopic(t)
	var lines []faultLine
	for _, f := range brokerFaults {
		t.Run(f.name, func(t *testing.T) {
			line := underFault(t, c, l, bare, f)
			lines = append(lines, line)
		})
	}
	t.Run("afterwards all servers hold the state that the log gives", func(t *testing.T) { proven(t, l) })
	printFaults(lines)
}

// faultLine is what one fault did.
type faultLine struct {
	fault      string
	report     drill.Report
	ours, bare time.Duration // the longest times without an action of the router, and without an append
	elections  uint64
}

func underFault(t *testing.T, c *brokers, l *cluster.Landscape, bareTopic string, f brokerFault) faultLine {
	primary, err := l.Settled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := status(t, l, primary)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var running sync.WaitGroup
	var appended []domain.Mono
	running.Go(func() { appended = c.bareProducer(ctx, bareTopic) })
	var said cluster.Said
	observing, observed := context.WithCancel(ctx)
	running.Go(func() {
		defer observed()
		said = l.CLI(ctx, "drill", "failover", "--kind", "observe", "--runs", fmt.Sprint(streamFor), "--rate", "200", "--yes", "-o", "json")
	})
	pause(t, quietFirst)
	began := f.make(t, c, l)
	select {
	case <-observing.Done():
	case <-time.After(2 * time.Minute):
		t.Error("the stream does not come to its end")
	}
	end()
	running.Wait()

	wants(t, said, 0)
	r, err := cluster.JSON[drill.Report](said)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, r)
	if r.Commands < 300 || r.Outcomes[domain.Confirmed] == 0 {
		t.Errorf("this is no stream: %+v", r)
	}
	if _, err := l.Settled(t.Context()); err != nil {
		t.Fatalf("not all servers are ready again: %v", err)
	}
	after := status(t, l, primary)
	if after.Epoch != before.Epoch {
		t.Errorf("epoch %d became %d, for a fault of brokers alone\n%s", before.Epoch, after.Epoch,
			l.CLI(t.Context(), "log", "tail", "--topic", "elections", "-n", "8"))
		t.Log(l.Log(60))
	}
	acted := routed(t, l, began-time.Second)
	for _, at := range acted {
		if at > began+longestLease && at < began+f.silent {
			t.Errorf("the router was written to %v after nobody could append any more", at-began)
		}
	}
	for i := 1; i < len(acted); i++ {
		if acted[i]-acted[i-1] > time.Second {
			t.Logf("nothing was sent to the router from %v to %v behind the beginning", acted[i-1]-began, acted[i]-began)
		}
	}
	return faultLine{f.name, r, longest(acted, began), longest(appended, began), after.Epoch - before.Epoch}
}

// routed are the times since then at which the router was sent a route.
func routed(t *testing.T, l *cluster.Landscape, since domain.Mono) (at []domain.Mono) {
	t.Helper()
	for next := uint64(0); ; {
		writes, err := l.HubWrites(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		if len(writes) == 0 {
			return at
		}
		for _, w := range writes {
			// The others are asked whether it is there, which standbys do too.
			if next = w.Sequence; w.At > since && len(w.Changes) > 0 {
				at = append(at, w.At)
			}
		}
	}
}

// longest is the longest time between two moments in order, of those that end
// after one.
func longest(moments []domain.Mono, after domain.Mono) (gap time.Duration) {
	for i := 1; i < len(moments); i++ {
		if moments[i] > after {
			gap = max(gap, moments[i]-moments[i-1])
		}
	}
	return gap
}

// bareTopic makes a topic as durable as the log, with partitions on all brokers.
func (c *brokers) bareTopic(t *testing.T) string {
	t.Helper()
	const name = "understudy.rehearsal-bare"
	out, err := c.client().CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{
		Topic: name, NumPartitions: 3, ReplicationFactor: 3,
		ConfigEntries: []kafkago.ConfigEntry{{ConfigName: "min.insync.replicas", ConfigValue: "2"}},
	}}})
	if err == nil {
		err = out.Errors[name]
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.delete(t, []string{name}) })
	return name
}

// bareProducer appends to all partitions in turn with kafka-go's own writer, as
// it comes, until ctx ends; it gives the times at which appends were acknowledged.
func (c *brokers) bareProducer(ctx context.Context, topic string) (acknowledged []domain.Mono) {
	w := &kafkago.Writer{Addr: kafkago.TCP(c.plain...), Topic: topic, Balancer: &kafkago.RoundRobin{},
		BatchSize: 1, WriteTimeout: bareTimeout, ReadTimeout: bareTimeout, RequiredAcks: kafkago.RequireAll}
	defer func() { _ = w.Close() }()
	for ctx.Err() == nil {
		if err := w.WriteMessages(ctx, kafkago.Message{Value: make([]byte, 200)}); err == nil {
			acknowledged = append(acknowledged, clock.Boot())
		}
		select {
		case <-ctx.Done():
		case <-time.After(bareEvery):
		}
	}
	return acknowledged
}

// down ends brokers with a signal, starts them again after a while, and returns
// when all partitions are in sync.
func (c *brokers) down(t *testing.T, lasts time.Duration, signal string, ids ...int) (began domain.Mono) {
	t.Helper()
	var ending sync.WaitGroup
	for _, id := range ids {
		ending.Go(func() {
			c.shell(t, id, "touch "+downAt+"; p=$(cat "+pidAt+"); kill -"+signal+" $p; while kill -0 $p 2>/dev/null; do sleep 0.05; done")
		})
	}
	ending.Wait()
	began = clock.Boot() // the tools take their time
	pause(t, lasts)
	for _, id := range ids {
		c.shell(t, id, "rm "+downAt)
	}
	c.awaitInSync(t)
	return began
}

func (c *brokers) awaitInSync(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), brokerBack)
	defer cancel()
	for {
		client := &kafkago.Client{Addr: kafkago.TCP(c.plain...), Timeout: 5 * time.Second, Transport: &kafkago.Transport{}}
		known, err := client.Metadata(ctx, &kafkago.MetadataRequest{})
		client.Transport.(*kafkago.Transport).CloseIdleConnections()
		if err == nil && inSync(known, len(c.containers)) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not all partitions are in sync within %v: %v", brokerBack, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func inSync(m *kafkago.MetadataResponse, brokers int) bool {
	for _, topic := range m.Topics {
		for _, p := range topic.Partitions {
			if len(p.Isr) < brokers && !topic.Internal {
				return false
			}
		}
	}
	return len(m.Brokers) == brokers && len(m.Topics) > 0
}

// leader is the number of the broker that leads a partition.
func (c *brokers) leader(t *testing.T, topic string, partition int) int {
	t.Helper()
	known, err := c.client().Metadata(t.Context(), &kafkago.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range known.Topics[0].Partitions {
		if p.ID == partition {
			return p.Leader.ID
		}
	}
	t.Fatalf("topic %s has no partition %d", topic, partition)
	return 0
}

// controller is the number of the broker that leads the cluster's own log. What
// clients are told as the controller is any broker.
func (c *brokers) controller(t *testing.T) int {
	t.Helper()
	said := c.shell(t, 1, "cat $(find / -name quorum-state -not -path '/proc/*' 2>/dev/null | head -1)")
	var quorum struct {
		LeaderID int `json:"leaderId"`
	}
	if err := json.Unmarshal([]byte(said), &quorum); err != nil || quorum.LeaderID < 1 {
		t.Fatalf("quorum-state is %q: %v", said, err)
	}
	return quorum.LeaderID
}

func (c *brokers) signal(t *testing.T, id int, signal string) {
	t.Helper()
	c.shell(t, id, "kill -"+signal+" $(cat "+pidAt+")")
}

// shell runs a line in the container of a broker.
func (c *brokers) shell(t *testing.T, id int, line string) string {
	t.Helper()
	code, said, err := c.containers[id-1].Exec(t.Context(), []string{"bash", "-c", line}, tcexec.Multiplexed())
	if err != nil {
		t.Error(err)
		return ""
	}
	out, err := io.ReadAll(said)
	if code != 0 || err != nil {
		t.Error(errors.Join(fmt.Errorf("broker %d: %s: exit code %d: %s", id, line, code, out), err))
	}
	return strings.TrimSpace(string(out))
}

// routersPartition is where the commands to the simulated router stand.
var routersPartition = int(domain.Partition(up.VideohubID, 8))

func status(t *testing.T, l *cluster.Landscape, server string) httpapi.Status {
	t.Helper()
	s, err := l.Status(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// printFaults is what somebody runs this for.
func printFaults(lines []faultLine) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "\nFAULT\tROUTER WAITED S\tBARE PRODUCER S\tELECTIONS\tCOMMANDS\tLOST\tDOUBLED\tOUT OF ORDER\tIN DOUBT\tEXPIRED\n")
	for _, l := range lines {
		r := l.report
		_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", l.fault, l.ours.Seconds(), l.bare.Seconds(), l.elections,
			r.Commands, r.Lost, r.Doubled, r.OutOfOrder, r.InDoubt, r.Outcomes[domain.Expired])
	}
	_ = w.Flush()
}
