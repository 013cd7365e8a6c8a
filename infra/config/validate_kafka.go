package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The ways to log in at the brokers.
const (
	saslPlain = "PLAIN"
	saslScram = "SCRAM-SHA-512"
)

// Validate reports every fault of the settings of the log, for whoever needs no
// more than these.
func (k Kafka) Validate() error {
	r := &report{}
	k.validate(r)
	return errors.Join(r.faults...)
}

func (k Kafka) validate(r *report) {
	if len(k.Brokers) == 0 {
		r.add("kafka.brokers", "is empty: name at least one broker as host:port")
	}
	for i, b := range k.Brokers {
		key := fmt.Sprintf("kafka.brokers[%d]", i)
		r.reachable(key, b)
		if slices.Contains(k.Brokers[:i], b) {
			r.add(key, "%q is named twice: take one away", b)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(k.AddressMap)) {
		r.reachable("kafka.address_map", from)
		r.reachable(fmt.Sprintf("kafka.address_map[%s]", from), k.AddressMap[from])
	}
	k.validateTLS(r)
	k.validateSASL(r)
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"kafka.dial_timeout", k.DialTimeout},
		{"kafka.connect_timeout", k.ConnectTimeout},
		{"kafka.append_timeout", k.AppendTimeout},
		{"kafka.query_timeout", k.QueryTimeout},
		{"kafka.fetch_grace", k.FetchGrace},
		{"kafka.metadata_ttl", k.MetadataTTL},
	} {
		if d.value < 10*time.Millisecond || d.value > time.Minute {
			r.add(d.key, "%s: use 10ms to 1m", d.value)
		}
	}
	if k.DialTimeout > k.ConnectTimeout {
		r.add("kafka.dial_timeout", "%s is above kafka.connect_timeout %s, of which it is a part: lower the first or raise the second", k.DialTimeout, k.ConnectTimeout)
	}
}

// reachable checks the address of a broker.
func (r *report) reachable(key, address string) {
	if host, ok := r.hostPort(key, address); ok && host == "" {
		r.add(key, "%q names no host", address)
	}
}

func (k Kafka) validateTLS(r *report) {
	if (k.TLS.Cert == "") != (k.TLS.Key == "") {
		r.add("kafka.tls", "cert and key belong together: set both, or neither")
	}
	if !k.TLS.Enabled && (k.TLS.CA != "" || k.TLS.Cert != "" || k.TLS.Key != "" || k.TLS.ServerName != "") {
		r.add("kafka.tls.enabled", "is false, so the other kafka.tls keys mean nothing: set it to true, or take them away")
	}
}

func (k Kafka) validateSASL(r *report) {
	s := k.SASL
	switch s.Mechanism {
	case "":
		if s.User != "" || s.Password != "" || s.PasswordFile != "" {
			r.add("kafka.sasl.mechanism", "is missing, but there are credentials: say %s or %s, or take them away", saslPlain, saslScram)
		}
		return
	case saslPlain:
		if !k.TLS.Enabled {
			r.add("kafka.sasl.mechanism", "%s without kafka.tls.enabled sends the password in clear text: enable TLS, or use %s", saslPlain, saslScram)
		}
	case saslScram:
	default:
		r.add("kafka.sasl.mechanism", "%q: use %s or %s", s.Mechanism, saslPlain, saslScram)
	}
	if s.User == "" {
		r.add("kafka.sasl.user", "is missing: %s needs one", s.Mechanism)
	}
	if (s.Password == "") == (s.PasswordFile == "") {
		r.add("kafka.sasl.password", "set either it or kafka.sasl.password_file, and not both")
	}
}
