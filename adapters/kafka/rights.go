package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/understudy-io/understudy/domain"
)

// rightsVersion is the first that tells what this user may do, and the last
// without the compact encoding. Kafka speaks it since 2.3.
const rightsVersion = 8

// operations are what a user may do with a topic, a bit for each of Kafka's
// codes.
type operations int32

// notTold is a broker's answer where it was not asked, or cannot know.
const notTold operations = math.MinInt32

// may says whether an operation is permitted, as far as the broker tells.
func (o operations) may(op kafkago.ACLOperationType) bool { return o == notTold || o&(1<<op) != 0 }

// needed is what a server does with each topic, and the word for it in Kafka's
// permissions.
var needed = []struct {
	operation kafkago.ACLOperationType
	word      string
	because   string
}{
	{kafkago.ACLOperationTypeRead, "Read", "without it nothing can be folded"},
	{kafkago.ACLOperationTypeWrite, "Write", "without it this server could not take over"},
	{kafkago.ACLOperationTypeDescribeConfigs, "DescribeConfigs", "without it nobody can tell whether the topic's settings are safe"},
}

// rights is what a broker says of a topic.
type rights struct {
	code       int16
	operations operations
}

// lacking says what this user may not do and must.
func (l *Log) lacking(topic string, permitted operations) []string {
	var out []string
	for _, n := range needed {
		if !permitted.may(n.operation) {
			out = append(out, fmt.Sprintf("topic %s: user %s has not the permission %s: %s; grant it (%s)",
				topic, l.cfg.principal(), n.word, n.because, l.grantLine(topic, n.word)))
		}
	}
	return out
}

// grantLine is what an operator runs to grant a permission.
func (l *Log) grantLine(topic, operation string) string {
	return fmt.Sprintf("kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s --operation %s --topic %s",
		strings.Join(l.cfg.Brokers, ","), l.cfg.principal(), operation, topic)
}

// principal names the user as whom the brokers know us, as far as we do.
func (c Config) principal() string {
	if c.SASL.User != "" {
		return c.SASL.User
	}
	if c.TLS != nil && len(c.TLS.Certificates) > 0 && c.TLS.Certificates[0].Leaf != nil {
		return c.TLS.Certificates[0].Leaf.Subject.String()
	}
	return "ANONYMOUS"
}

// rights asks every broker, so that one which is too old is found whichever it
// is, and gives what they say of each topic. A broker that does not answer is no
// reason to wait when another one has.
func (l *Log) rights(ctx context.Context, topics []string) (map[string]rights, error) {
	cluster, err := l.reading.picture(ctx)
	if err != nil {
		return nil, callError(err)
	}
	type answer struct {
		topics map[string]rights
		err    error
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithTimeout(ctx, l.cfg.QueryTimeout)
	defer cancel()
	answers := make(chan answer, len(cluster.Brokers))
	for id, b := range cluster.Brokers {
		asking.Go(func() {
			m, err := l.reading.send(ctx, newRights(id, l.cfg.ClientID, topics))
			if err != nil {
				answers <- answer{err: fmt.Errorf("broker %d at %s:%d: %w", id, b.Host, b.Port, callError(err))}
				return
			}
			answers <- answer{topics: m.(*rightsAnswer).topics}
		})
	}
	var out map[string]rights
	var faults []error
	var others <-chan time.Time
	for range cluster.Brokers {
		select {
		case a := <-answers:
			switch {
			case errors.Is(a.err, ErrSetup):
				return nil, a.err
			case a.err != nil:
				faults = append(faults, a.err)
			case out == nil:
				out, others = a.topics, time.After(l.cfg.DialTimeout)
			}
		case <-others:
			return out, nil
		}
	}
	if out == nil {
		return nil, errors.Join(faults...)
	}
	return out, nil
}

// rightsRequest asks one broker what this user may do. kafka-go would answer
// from its own picture, which does not hold that.
type rightsRequest struct {
	exchanged
	correlation int32
	topics      []string
}

type rightsAnswer struct {
	rightsRequest
	topics map[string]rights
}

func newRights(broker int32, clientID string, topics []string) *rightsRequest {
	m := &rightsRequest{exchanged: exchanged{broker: broker, clientID: clientID}, correlation: correlations.Add(1), topics: topics}
	buf := request(make([]byte, 0, 64+64*len(topics)), protocol.Metadata, rightsVersion, m.correlation, clientID)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(topics)))
	for _, t := range topics {
		buf = appendString(buf, t)
	}
	// Create no topic; of the cluster nothing is asked, of the topics it is.
	m.frame = append(buf, 0, 0, 1)
	return m
}

// ApiKey names the request for the transport.
func (m *rightsRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// RawExchange sends the request and reads the answer.
func (m *rightsRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	for _, spoken := range []struct {
		key     protocol.ApiKey
		version int16
	}{{protocol.Produce, produceVersion}, {protocol.Fetch, fetchVersion}} {
		if err := m.speaks(spoken.key, spoken.version); err != nil {
			return nil, err
		}
	}
	if m.versions[protocol.Metadata] < rightsVersion { // whatever it is, it has all that is needed
		unknown := make(map[string]rights)
		for _, t := range m.topics {
			unknown[t] = rights{operations: notTold}
		}
		return &rightsAnswer{topics: unknown}, nil
	}
	if err := m.begin(protocol.Metadata, rightsVersion); err != nil {
		return nil, err
	}
	body, err := exchange(rw, m.frame, m.correlation)
	if err != nil {
		return nil, err
	}
	topics, err := decodeRights(body)
	if err != nil {
		return nil, err
	}
	return &rightsAnswer{topics: topics}, nil
}

func decodeRights(body []byte) (map[string]rights, error) {
	r := reader{buf: body}
	r.i32()                 // throttled for so long
	for range r.count(11) { // brokers
		r.i32()
		r.string()
		r.i32()
		r.nullable()
	}
	r.nullable() // the cluster's name
	r.i32()      // its controller
	out := make(map[string]rights)
	for range r.count(11) {
		code := r.i16()
		name := r.string()
		r.i8()                  // internal or not
		for range r.count(30) { // partitions
			r.take(2 + 4 + 4 + 4)
			for range 3 { // replicas: all, in sync, offline
				r.take(4 * r.count(4))
			}
		}
		out[name] = rights{code: code, operations: operations(r.i32())}
	}
	if r.failed {
		return nil, fmt.Errorf("%w: a metadata response of %d bytes cannot be read", domain.ErrCorrupt, len(body))
	}
	return out, nil
}
