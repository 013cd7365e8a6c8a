package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/understudy-io/understudy/domain"
)

// route is a set of connections to the cluster, and the picture of the cluster
// by which requests find their broker.
type route struct {
	transport *kafkago.Transport
	bootstrap net.Addr
	every     time.Duration // at most one renewal of the picture in this time

	mu      sync.Mutex
	renewed time.Time
}

func newRoute(cfg Config) (*route, error) {
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cfg.DialTimeout}
	var encryption *tls.Config
	if cfg.TLS != nil {
		encryption = cfg.TLS.Clone()
	}
	return &route{
		transport: &kafkago.Transport{
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if there, ok := cfg.AddressMap[address]; ok {
					address = there
				}
				return dialer.DialContext(ctx, network, address)
			},
			DialTimeout: cfg.ConnectTimeout,
			IdleTimeout: cfg.IdleTimeout,
			MetadataTTL: cfg.MetadataTTL,
			ClientID:    cfg.ClientID,
			TLS:         encryption,
			SASL:        mechanism,
		},
		bootstrap: kafkago.TCP(cfg.Brokers...),
		every:     cfg.RefreshEvery,
	}, nil
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case Plain:
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case ScramSHA512:
		m, err := scram.Mechanism(scram.SHA512, s.User, s.Password)
		if err != nil {
			return nil, fmt.Errorf("%w: sasl user or password cannot be used with %s: %w", domain.ErrInvalid, ScramSHA512, err)
		}
		return m, nil
	}
	return nil, nil
}

func (r *route) send(ctx context.Context, m protocol.Message) (protocol.Message, error) {
	return r.transport.RoundTrip(ctx, r.bootstrap, m)
}

func (r *route) close() { r.transport.CloseIdleConnections() }

// renew forgets connections and picture, so that the next request begins with
// a new one. kafka-go has no other way to ask for it. Requests under way are
// not disturbed.
func (r *route) renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.renewed) >= r.every {
		r.renewed = now
		r.transport.CloseIdleConnections()
	}
}

// awaitRenewal renews as soon as it is permitted.
func (r *route) awaitRenewal(ctx context.Context) error {
	r.mu.Lock()
	rest := r.every - time.Since(r.renewed)
	r.mu.Unlock()
	if rest > 0 {
		t := time.NewTimer(rest)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.renew()
	return nil
}

// partition names one partition of one topic.
type partition struct {
	topic string
	id    int32
}

// newTopicTries bounds how often the picture is made anew for a partition that
// is not in it. It may have been created a moment ago, and in a cluster not all
// brokers hear of that at once.
const newTopicTries = 5

// leaders finds the broker that leads each partition. What is not in the
// picture, also after it has been made anew, has an error in its place.
func (r *route) leaders(ctx context.Context, wanted []partition) ([]int32, []error, error) {
	brokers, faults := make([]int32, len(wanted)), make([]error, len(wanted))
	for attempt := 0; ; attempt++ {
		cluster, err := r.picture(ctx)
		if err != nil {
			return nil, nil, err
		}
		unknown := false
		for i, p := range wanted {
			brokers[i], faults[i] = leader(cluster, p)
			unknown = unknown || errors.Is(faults[i], domain.ErrNotFound)
		}
		if !unknown || attempt >= newTopicTries {
			return brokers, faults, nil
		}
		if err := r.awaitRenewal(ctx); err != nil {
			return brokers, faults, nil //nolint:nilerr // what is unknown is said in faults
		}
	}
}

func leader(cluster protocol.Cluster, p partition) (int32, error) {
	topic, ok := cluster.Topics[p.topic]
	if !ok {
		return -1, fmt.Errorf("%w: the broker has no topic %q; create the landscape's topics first", domain.ErrNotFound, p.topic)
	}
	at, ok := topic.Partitions[p.id]
	if !ok {
		return -1, fmt.Errorf("%w: topic %q has %d partitions, and no number %d", domain.ErrNotFound, p.topic, len(topic.Partitions), p.id)
	}
	if _, ok := cluster.Brokers[at.Leader]; !ok {
		return -1, fmt.Errorf("%w: no broker leads partition %d of %q at the moment: %w", domain.ErrTransient, p.id, p.topic, domain.ErrNotSent)
	}
	return at.Leader, nil
}

// picture gives the cluster as the transport knows it, without asking anybody
// unless it knows nothing yet.
func (r *route) picture(ctx context.Context) (protocol.Cluster, error) {
	answer, err := r.send(ctx, pictureRequest{})
	if err != nil {
		return protocol.Cluster{}, err
	}
	if cluster := answer.(pictureAnswer).cluster; len(cluster.Brokers) > 0 {
		return cluster, nil
	}
	// It has none. A question about no topic is answered from what the
	// transport keeps, which is then the reason.
	if _, err := r.send(ctx, &metadata.Request{TopicNames: []string{}}); err != nil {
		return protocol.Cluster{}, err
	}
	return protocol.Cluster{}, fmt.Errorf("%w: the cluster names no brokers", domain.ErrTransient)
}

// pictureRequest is a message that splits into none: all that the transport
// does with it is to hand over its picture of the cluster.
type pictureRequest struct{}

type pictureAnswer struct {
	pictureRequest
	cluster protocol.Cluster
}

// ApiKey is only there to be a message; nothing is sent.
func (pictureRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Split hands the picture to the merger.
func (pictureRequest) Split(c protocol.Cluster) ([]protocol.Message, protocol.Merger, error) {
	return nil, pictureAnswer{cluster: c}, nil
}

// Merge returns the picture.
func (a pictureAnswer) Merge([]protocol.Message, []any) (protocol.Message, error) { return a, nil }

var correlations atomic.Int32

// exchanged is what all our own messages share: they write and read the
// connection themselves, at one fixed version, at the broker named.
type exchanged struct {
	broker   int32
	clientID string
	frame    []byte
	state    atomic.Int32 // one of the states below
	versions map[protocol.ApiKey]int16
}

// The states of an exchange. Whoever gives up before a connection took the
// frame knows that not a byte of it will leave.
const (
	waiting   = 0
	leaving   = 1
	withdrawn = 2
)

// Broker routes to the broker that was chosen; no other may answer.
func (e *exchanged) Broker(c protocol.Cluster) (protocol.Broker, error) {
	b, ok := c.Brokers[e.broker]
	if !ok {
		return protocol.Broker{}, fmt.Errorf("%w: broker %d is not in the cluster any more: %w", domain.ErrTransient, e.broker, domain.ErrNotSent)
	}
	return b, nil
}

// Required takes the exchange over in any case.
func (e *exchanged) Required(versions map[protocol.ApiKey]int16) bool {
	e.versions = versions
	return true
}

// oldest is the first Kafka that speaks all versions used here.
const oldest = "2.4"

// speaks refuses a broker that does not know a version of a request.
func (e *exchanged) speaks(key protocol.ApiKey, version int16) error {
	if got := e.versions[key]; got < version {
		return fmt.Errorf("%w: %w: the broker is too old: it speaks %v up to version %d, and %d is needed; use Kafka %s or newer",
			domain.ErrInvalid, ErrSetup, key, got, version, oldest)
	}
	return nil
}

// begin is called on the connection, before the first byte is written.
func (e *exchanged) begin(key protocol.ApiKey, version int16) error {
	if err := e.speaks(key, version); err != nil {
		return err
	}
	if !e.state.CompareAndSwap(waiting, leaving) {
		return context.Canceled
	}
	return nil
}

// withdraw says whether the frame has stayed here, and sees to it that it does.
func (e *exchanged) withdraw() bool { return e.state.CompareAndSwap(waiting, withdrawn) }
