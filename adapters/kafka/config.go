package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Mechanism is a way to authenticate to the brokers.
type Mechanism string

// The mechanisms. The empty one sends no credentials.
const (
	Plain       Mechanism = "PLAIN"
	ScramSHA512 Mechanism = "SCRAM-SHA-512"
)

// SASL are the credentials for the brokers.
type SASL struct {
	Mechanism Mechanism
	User      string
	Password  string
}

// Config holds every setting of the log. A zero duration or size takes the
// default beside it.
type Config struct {
	// Brokers are the addresses to begin with, host:port. The others are
	// learnt from them.
	Brokers []string
	// ClientID names this process in the broker's logs and quotas.
	ClientID string
	// TLS encrypts the connections; nil sends everything in clear text.
	TLS  *tls.Config
	SASL SASL
	// AddressMap gives, for an address that a broker advertises, the address
	// to dial instead: behind NAT, or through a relay.
	AddressMap map[string]string

	// DialTimeout bounds one TCP connect. A dead host among several Brokers
	// must not use up the time for the others. Default 1 s.
	DialTimeout time.Duration
	// ConnectTimeout bounds all that it takes to make a connection usable:
	// connects to each address in turn, TLS, version exchange, SASL.
	// Default 5 s.
	ConnectTimeout time.Duration
	// AppendTimeout bounds one Append whose context has no earlier deadline.
	// The broker gives up at the same moment. Default 5 s.
	AppendTimeout time.Duration
	// QueryTimeout bounds questions about topics and offsets. Default 5 s.
	QueryTimeout time.Duration
	// FetchGrace is how much longer than its wait a fetch may take until the
	// broker counts as gone. Shorter than this, a busy broker looks dead.
	// Default 2 s.
	FetchGrace time.Duration
	// IdleTimeout closes a connection that nobody used. It is below the
	// broker's connections.max.idle.ms (10 minutes), so that the broker never
	// closes one on which a write is just leaving: that write's fate would be
	// unknown. Default 4 minutes; call Warm more often than that.
	IdleTimeout time.Duration
	// MetadataTTL is how old the picture of the cluster may get while nothing
	// goes wrong; kafka-go asks at random moments within it, on average twice
	// per TTL and transport. Every error that tells of a changed cluster makes
	// the picture anew at once, so it need not be short. It is also kafka-go's
	// time limit for that question, so it must not be short either: with
	// 100 ms a busy broker leaves a new connection without any picture.
	// Default 1 s.
	MetadataTTL time.Duration
	// RefreshEvery bounds how often errors make the picture anew, each time
	// with new connections. Default 50 ms.
	RefreshEvery time.Duration

	// MaxBatchBytes bounds one encoded batch; a larger one is refused before
	// anything is sent. It must not exceed the topics' max.message.bytes.
	// Default 2 MiB.
	MaxBatchBytes int
	// MaxRequestBytes bounds one produce request, and so the memory that it
	// costs here and there; an Append of more takes several. Default 16 MiB.
	MaxRequestBytes int
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		at   *time.Duration
		then time.Duration
	}{
		{&c.DialTimeout, time.Second},
		{&c.ConnectTimeout, 5 * time.Second},
		{&c.AppendTimeout, 5 * time.Second},
		{&c.QueryTimeout, 5 * time.Second},
		{&c.FetchGrace, 2 * time.Second},
		{&c.IdleTimeout, 4 * time.Minute},
		{&c.MetadataTTL, time.Second},
		{&c.RefreshEvery, 50 * time.Millisecond},
	} {
		if *d.at == 0 {
			*d.at = d.then
		}
	}
	if c.MaxBatchBytes == 0 {
		c.MaxBatchBytes = 2 << 20
	}
	if c.MaxRequestBytes == 0 {
		c.MaxRequestBytes = 16 << 20
	}
	if c.ClientID == "" {
		c.ClientID = "understudy"
	}
	return c
}

// Validate reports all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, a ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{domain.ErrInvalid}, a...)...))
	}
	if len(c.Brokers) == 0 {
		fault("brokers: name at least one, as host:port")
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			fault("broker %q: write it as host:port, for example kafka1:9092", b)
		}
	}
	switch c.SASL.Mechanism {
	case "":
		if c.SASL.User != "" || c.SASL.Password != "" {
			fault("sasl: there are credentials but no mechanism; use %s or %s", Plain, ScramSHA512)
		}
	case Plain, ScramSHA512:
		if c.SASL.User == "" {
			fault("sasl: the mechanism %s needs a user", c.SASL.Mechanism)
		}
	default:
		fault("sasl mechanism %q: use %s or %s", c.SASL.Mechanism, Plain, ScramSHA512)
	}
	d := c.withDefaults()
	for name, v := range map[string]time.Duration{
		"dial timeout": d.DialTimeout, "connect timeout": d.ConnectTimeout, "append timeout": d.AppendTimeout,
		"query timeout": d.QueryTimeout, "fetch grace": d.FetchGrace, "idle timeout": d.IdleTimeout,
		"metadata ttl": d.MetadataTTL, "refresh every": d.RefreshEvery,
	} {
		if v < time.Millisecond {
			fault("%s %v: must be at least 1 ms", name, v)
		}
	}
	if d.MaxBatchBytes < 1024 || d.MaxRequestBytes < d.MaxBatchBytes {
		fault("max batch bytes %d, max request bytes %d: the first must be at least 1024, the second not below the first",
			d.MaxBatchBytes, d.MaxRequestBytes)
	}
	return errors.Join(faults...)
}
