package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/understudy-io/understudy/domain"
)

// TestAWrongCertificateIsSaidWithWhatToDo: it is one of the set-up, and whoever
// waits for the log goes on waiting, because certificates are renewed.
func TestAWrongCertificateIsSaidWithWhatToDo(t *testing.T) {
	valid := func(*x509.Certificate) {}
	for name, test := range map[string]struct {
		make   func(*x509.Certificate)
		client func(*tls.Config)
		says   string
	}{
		"nobody knows who signed it": {valid, func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, "kafka.tls.ca"},
		"it is for another address":  {func(c *x509.Certificate) { c.IPAddresses = nil }, func(*tls.Config) {}, "kafka.tls.server_name"},
		"it is out of date":          {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, func(*tls.Config) {}, "renew it"},
	} {
		t.Run(name, func(t *testing.T) {
			pair, pool := selfSigned(t, test.make)
			c := cluster(t, 1, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
			client := &tls.Config{RootCAs: pool}
			test.client(client)
			_, err := openLog(t, Config{Brokers: c.ListenAddrs(), TLS: client}).CheckTopics(t.Context(), "studio", TopicSpec{})
			if !errors.Is(err, ErrSetup) || !errors.Is(err, domain.ErrTransient) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v\nwanted %v, for the time being, with %q", err, ErrSetup, test.says)
			}
		})
	}
}

// selfSigned is a certificate for 127.0.0.1, changed, and who trusts it.
func selfSigned(t *testing.T, change func(*x509.Certificate)) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestAnOldBrokerIsFoundByTheCheck: before anything is written to it.
func TestAnOldBrokerIsFoundByTheCheck(t *testing.T) {
	c := cluster(t, 1, kfake.MaxVersions(kversion.V2_2_0()))
	_, err := openLog(t, Config{Brokers: c.ListenAddrs()}).CheckTopics(t.Context(), "studio", TopicSpec{})
	if !errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), "use Kafka 2.4 or newer") {
		t.Errorf("%v; wanted %v, with what to do", err, ErrSetup)
	}
}

// TestABrokerThatFailsHidesNothing: what the others say is enough, or no server
// could start while one of three is away.
func TestABrokerThatFailsHidesNothing(t *testing.T) {
	c := cluster(t, 3)
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	if err := l.EnsureTopics(t.Context(), "studio", TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int32
	c.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if m := r.(*kmsg.MetadataRequest); m.IncludeTopicAuthorizedOperations && c.CurrentNode() == 1 {
			failed.Add(1)
			return nil, errors.New("cut"), true
		}
		return nil, nil, false
	})
	findings, err := l.CheckTopics(t.Context(), "studio", TopicSpec{})
	if err != nil || len(findings) > 0 {
		t.Errorf("%q, %v; wanted nothing", findings, err)
	}
	if failed.Load() == 0 {
		t.Error("no broker has failed: this was no test")
	}
}

// TestAServiceThatDoesNotTellRightsWillDo: Kafka does since 2.3.
func TestAServiceThatDoesNotTellRightsWillDo(t *testing.T) {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.Metadata), rightsVersion-1)
	c := cluster(t, 1, kfake.MaxVersions(versions))
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	if err := l.EnsureTopics(t.Context(), "studio", TopicSpec{}); err != nil {
		t.Fatal(err)
	}
	if findings, err := l.CheckTopics(t.Context(), "studio", TopicSpec{}); err != nil || len(findings) > 0 {
		t.Errorf("%q, %v; wanted nothing", findings, err)
	}
}

func TestPermissionsThatLackAreNamed(t *testing.T) {
	l := openLog(t, Config{Brokers: []string{"kafka-1:9092"}, SASL: SASL{Mechanism: Plain, User: "server"}})
	all := operations(1<<kafkago.ACLOperationTypeRead | 1<<kafkago.ACLOperationTypeWrite | 1<<kafkago.ACLOperationTypeDescribeConfigs)
	for name, test := range map[string]struct {
		permitted operations
		findings  int
	}{
		"everything":             {all, 0},
		"no writing":             {all &^ (1 << kafkago.ACLOperationTypeWrite), 1},
		"nothing":                {0, 3},
		"the broker cannot tell": {notTold, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := l.lacking("understudy.studio.log", test.permitted)
			if len(got) != test.findings {
				t.Fatalf("%q, wanted %d", got, test.findings)
			}
			for _, f := range got {
				if !strings.Contains(f, "kafka-acls.sh --bootstrap-server kafka-1:9092 --add --allow-principal User:server --operation") {
					t.Errorf("%q does not say how to grant it", f)
				}
			}
		})
	}
}

// TestAPublishThatIsNotPermittedIsSaidAtOnce: to try it again would give the same.
func TestAPublishThatIsNotPermittedIsSaidAtOnce(t *testing.T) {
	c := cluster(t, 1)
	var asked atomic.Int32
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked.Add(1)
		answer := r.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range r.(*kmsg.ProduceRequest).Topics {
			refused := kmsg.ProduceResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				refused.Partitions = append(refused.Partitions, kmsg.ProduceResponseTopicPartition{
					Partition: p.Partition, ErrorCode: int16(kafkago.TopicAuthorizationFailed)})
			}
			answer.Topics = append(answer.Topics, refused)
		}
		return answer, nil, true
	})
	l := openLog(t, Config{Brokers: c.ListenAddrs()})
	err := NewPublisher(l).Publish(topic, message.NewMessageWithContext(within(t, 2*time.Second), "one", []byte("refused")))
	if !errors.Is(err, ErrSetup) || !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("%v; wanted %v", err, ErrSetup)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the broker was asked %d times, wanted once", n)
	}
}

// TestANewTopicThatMayNotBeReadIsSaidAtOnce: its leader is there, and waiting for it
// would grant nothing.
func TestANewTopicThatMayNotBeReadIsSaidAtOnce(t *testing.T) {
	c := cluster(t, 1)
	c.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, t := range r.(*kmsg.ListOffsetsRequest).Topics {
			refused := kmsg.ListOffsetsResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				refused.Partitions = append(refused.Partitions, kmsg.ListOffsetsResponseTopicPartition{
					Partition: p.Partition, ErrorCode: int16(kafkago.TopicAuthorizationFailed)})
			}
			answer.Topics = append(answer.Topics, refused)
		}
		return answer, nil, true
	})
	ctx := within(t, 5*time.Second)
	err := openLog(t, Config{Brokers: c.ListenAddrs()}).EnsureTopics(ctx, "studio", TopicSpec{})
	if !errors.Is(err, ErrSetup) || ctx.Err() != nil {
		t.Errorf("%v after %v; wanted %v at once", err, ctx.Err(), ErrSetup)
	}
}
