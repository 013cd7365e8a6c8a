package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/understudy-io/understudy/domain"
)

func TestCredentials(t *testing.T) {
	for _, mechanism := range []Mechanism{Plain, ScramSHA512} {
		t.Run(string(mechanism), func(t *testing.T) {
			c := cluster(t, 1, kfake.EnableSASL(), kfake.Superuser(string(mechanism), "studio", "right"))
			right := Config{Brokers: c.ListenAddrs(), SASL: SASL{mechanism, "studio", "right"}}
			if _, err := openLog(t, right).Append(t.Context(), one(0, "a")); err != nil {
				t.Fatal(err)
			}
			wrong := right
			wrong.SASL.Password = "wrong"
			// This broker closes the connection; Kafka answers with a code.
			_, err := openLog(t, wrong).Append(within(t, 5*time.Second), one(0, "a"))
			if !errors.Is(err, domain.ErrNotSent) || !strings.Contains(err.Error(), "credentials") {
				t.Fatalf("a wrong password: %v; wanted %v, with the cause", err, domain.ErrNotSent)
			}
		})
	}
}

func TestEncryption(t *testing.T) {
	server := httptest.NewTLSServer(nil) // only for its certificate
	defer server.Close()
	c := cluster(t, 1, kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates}))
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	if _, err := openLog(t, Config{Brokers: c.ListenAddrs(), TLS: &tls.Config{RootCAs: trusted}}).Append(t.Context(), one(0, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := openLog(t, Config{Brokers: c.ListenAddrs(), TLS: &tls.Config{RootCAs: x509.NewCertPool()}}).Append(within(t, 5*time.Second), one(0, "a")); !errors.Is(err, domain.ErrNotSent) {
		t.Fatalf("a certificate that nobody vouches for: %v; wanted %v", err, domain.ErrNotSent)
	}
}

func TestCodesHaveTheirClass(t *testing.T) {
	for code, class := range map[kafkago.Error]error{
		kafkago.SASLAuthenticationFailed: domain.ErrTransient, kafkago.TopicAuthorizationFailed: domain.ErrTransient,
		kafkago.MessageSizeTooLarge: domain.ErrInvalid, kafkago.OffsetOutOfRange: domain.ErrNotFound,
		kafkago.NotLeaderForPartition: domain.ErrTransient, kafkago.RequestTimedOut: domain.ErrTransient, kafkago.Unknown: domain.ErrTransient,
	} {
		if err := callError(code); !errors.Is(err, class) {
			t.Errorf("%v: %v, wanted %v", code, err, class)
		}
	}
	if said := callError(kafkago.BrokerNotAvailable).Error(); said != "transient: no broker can be reached" {
		t.Errorf("where no broker answers it says %q", said)
	}
	for code, fate := range map[kafkago.Error]error{
		kafkago.NotLeaderForPartition: domain.ErrUnknownFate, kafkago.LeaderNotAvailable: domain.ErrUnknownFate,
		kafkago.UnknownTopicOrPartition: domain.ErrUnknownFate, kafkago.ReplicaNotAvailable: domain.ErrUnknownFate,
		kafkago.NotEnoughReplicas: domain.ErrNotSent, kafkago.InvalidMessage: domain.ErrNotSent,
		kafkago.TopicAuthorizationFailed: domain.ErrNotSent, kafkago.SASLAuthenticationFailed: domain.ErrNotSent,
		kafkago.NotEnoughReplicasAfterAppend: domain.ErrUnknownFate, kafkago.RequestTimedOut: domain.ErrUnknownFate,
		kafkago.KafkaStorageError: domain.ErrUnknownFate, kafkago.Unknown: domain.ErrUnknownFate, 999: domain.ErrUnknownFate,
	} {
		if err := landed(codeError(int16(code))); !errors.Is(err, fate) || errors.Is(err, domain.ErrNotSent) && errors.Is(err, domain.ErrUnknownFate) {
			t.Errorf("%v: %v, wanted %v and no other", code, err, fate)
		}
	}
}

func TestAConfigurationSaysAllItsFaults(t *testing.T) {
	err := Config{Brokers: []string{"kafka1"}, SASL: SASL{Mechanism: "GSSAPI"}, AppendTimeout: -1, MaxBatchBytes: 1}.Validate()
	for _, part := range []string{"kafka1", "GSSAPI", "append timeout", "max batch bytes"} {
		if err == nil || !strings.Contains(err.Error(), part) || !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%v\ndoes not speak of %q", err, part)
		}
	}
	if err := (Config{Brokers: []string{"kafka1:9092"}}).Validate(); err != nil {
		t.Error(err)
	}
}
