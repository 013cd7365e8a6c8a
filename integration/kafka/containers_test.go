//go:build integration

package kafka_test

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/network"
)

// The ports of a broker within its container.
const (
	clientsPort = "9092/tcp" // clear text, for nobody, who may do everything
	securePort  = "9094/tcp" // TLS and SASL/SCRAM-SHA-512, for users, who may do what they are granted
)

const (
	imageWithin = 15 * time.Minute // to pull or to build it
	startWithin = 3 * time.Minute  // three brokers on two busy cores
	keystoreAt  = "/tmp/keystore.pem"
	startAt     = "/tmp/start"
	whole       = "# end"          // the last line of it
	downAt      = "/tmp/down"      // there while the broker must not run
	pidAt       = "/tmp/pid"       // of the broker
	endWithin   = 30 * time.Second // of a server that is told to
	heap        = "-Xms128m -Xmx320m"
)

// image is the name of the broker's image, once this machine has it.
var image = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), imageWithin)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "./image.sh")
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, said.String())
	}
	// What cleans up behind a test that was killed is an image too. Each test
	// ends its own containers.
	if has, err := exec.CommandContext(ctx, "docker", "image", "ls", "-q", "testcontainers/ryuk").Output(); err != nil || len(has) == 0 {
		err = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
		return strings.TrimSpace(string(out)), err
	}
	return strings.TrimSpace(string(out)), nil
})

// start starts a cluster of so many brokers, with more settings as key=value; it
// ends with the test.
func start(t *testing.T, count int, settings ...string) *brokers {
	t.Helper()
	name, err := image()
	if err != nil {
		t.Fatal("there is no image to run brokers of:", err)
	}
	net, err := network.New(t.Context())
	testcontainers.CleanupNetwork(t, net)
	if err != nil {
		t.Fatal(err)
	}
	c := &brokers{authority: newAuthority(t), authorityFile: filepath.Join(t.TempDir(), "authority.pem")}
	if err := os.WriteFile(c.authorityFile, c.authority.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	for id := 1; id <= count; id++ {
		c.containers = append(c.containers, c.run(t, name, net, id, environment(id, count, settings...)))
	}
	t.Cleanup(func() { c.sayWhatBrokersSaid(t) }) // before they are ended
	c.awaitReady(t, count)
	return c
}

// run starts one of the brokers.
func (c *brokers) run(t *testing.T, image string, net *testcontainers.DockerNetwork, id int, env map[string]string) *testcontainers.DockerContainer {
	t.Helper()
	return startContainer(t, image, []string{clientsPort, securePort}, func(at []string) string {
		c.plain, c.secure = append(c.plain, at[0]), append(c.secure, at[1])
		return fmt.Sprintf("export KAFKA_ADVERTISED_LISTENERS=CLIENTS://%s,SECURE://%s,BROKERS://%s:9095\n", at[0], at[1], hostOf(id)) + keepRunning
	},
		network.WithNetwork([]string{hostOf(id)}, net),
		testcontainers.WithEnv(env),
		testcontainers.WithFiles(testcontainers.ContainerFile{
			Reader: bytes.NewReader(c.authority.keystore(t, "localhost", "127.0.0.1")), ContainerFilePath: keystoreAt, FileMode: 0o644,
		}),
	)
}

// keepRunning runs the broker in a container that outlives it, whose ports stay
// the same, and runs it again as soon as it may.
const keepRunning = `
while :; do
  while [ -e ` + downAt + ` ]; do sleep 0.05; done
  /etc/kafka/docker/run & echo $! >` + pidAt + `
  wait $!
done
`

// startContainer starts a container that ends with the test. What it runs is a
// script, made once its container runs: only then it is known where its ports
// are reached from here, and brokers tell clients that.
func startContainer(t *testing.T, image string, ports []string, script func(at []string) string, more ...testcontainers.ContainerCustomizer) *testcontainers.DockerContainer {
	t.Helper()
	tell := func(ctx context.Context, ctr testcontainers.Container) error {
		var at []string
		for _, port := range ports {
			reached, err := address(ctx, ctr, port)
			if err != nil {
				return err
			}
			at = append(at, reached)
		}
		return ctr.CopyToContainer(ctx, []byte(script(at)+whole+"\n"), startAt, 0o644)
	}
	ctr, err := testcontainers.Run(t.Context(), image, append(more,
		testcontainers.WithExposedPorts(ports...),
		testcontainers.WithEntrypoint("bash", "-c", "until grep -qsx '"+whole+"' "+startAt+"; do sleep 0.1; done; . "+startAt),
		testcontainers.WithLifecycleHooks(testcontainers.ContainerLifecycleHooks{PostStarts: []testcontainers.ContainerHook{tell}}),
		testcontainers.WithLogger(quiet{}),
	)...)
	testcontainers.CleanupContainer(t, ctr, testcontainers.StopTimeout(0)) // nobody needs what it holds
	if err != nil {
		t.Fatal(err)
	}
	return ctr
}

// hostOf is the name of a broker among brokers.
func hostOf(id int) string { return fmt.Sprintf("kafka-%d", id) }

// address is where a port of a container is reached from here.
func address(ctx context.Context, ctr testcontainers.Container, port string) (string, error) {
	mapped, err := ctr.MappedPort(ctx, port)
	if err != nil {
		return "", err
	}
	// An engine on this machine, also where this machine is itself a container:
	// then testcontainers would take our gateway for the engine's host.
	here := net.JoinHostPort("127.0.0.1", mapped.Port())
	if conn, err := net.DialTimeout("tcp", here, time.Second); err == nil {
		return here, conn.Close()
	}
	host, err := ctr.Host(ctx)
	return net.JoinHostPort(host, mapped.Port()), err
}

// environment holds the settings of a broker: those that docs/kafka.md advises,
// but for two. Topics are created by themselves, to see that we never do that and
// find it if somebody else did. And broker.session.timeout.ms is Kafka's own: no
// broker ends here, and on a machine that does much else a shorter one would take
// brokers out that live.
func environment(id, count int, settings ...string) map[string]string {
	var voters []string
	for i := 1; i <= count; i++ {
		voters = append(voters, fmt.Sprintf("%d@%s:9093", i, hostOf(i)))
	}
	replicas, inSync := "1", "1"
	if count >= 3 {
		replicas, inSync = "3", "2"
	}
	env := map[string]string{"CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw", "KAFKA_HEAP_OPTS": heap}
	with := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        fmt.Sprint(id),
		"controller.quorum.voters":       strings.Join(voters, ","),
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "BROKERS",
		"listeners":                      "CLIENTS://:9092,CONTROLLER://:9093,SECURE://:9094,BROKERS://:9095",
		"listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,BROKERS:PLAINTEXT",

		"listener.name.secure.ssl.keystore.type":              "PEM",
		"listener.name.secure.ssl.keystore.location":          keystoreAt,
		"listener.name.secure.sasl.enabled.mechanisms":        "SCRAM-SHA-512",
		"listener.name.secure.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",

		"authorizer.class.name":                    "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                              "User:ANONYMOUS", // whoever comes in clear text
		"auto.create.topics.enable":                "true",
		"unclean.leader.election.enable":           "false",
		"default.replication.factor":               replicas,
		"min.insync.replicas":                      inSync,
		"offsets.topic.replication.factor":         replicas,
		"transaction.state.log.replication.factor": replicas,
		"transaction.state.log.min.isr":            inSync,
		"group.initial.rebalance.delay.ms":         "0",
	}
	for _, one := range settings {
		name, value, _ := strings.Cut(one, "=")
		with[name] = value
	}
	for name, value := range with {
		// As the image reads it.
		env["KAFKA_"+strings.ToUpper(strings.NewReplacer(".", "_", "_", "__", "-", "___").Replace(name))] = value
	}
	return env
}

// awaitReady waits until every broker knows all of them.
func (c *brokers) awaitReady(t *testing.T, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	for _, addr := range c.plain {
		client := &kafkago.Client{Addr: kafkago.TCP(addr), Timeout: 5 * time.Second, Transport: &kafkago.Transport{MetadataTTL: 5 * time.Second}}
		for {
			known, err := client.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{}})
			if err == nil && len(known.Brokers) == count {
				break
			}
			select {
			case <-ctx.Done():
				t.Fatalf("the broker at %s does not know all %d within %v: %v", addr, count, startWithin, err)
			case <-time.After(100 * time.Millisecond):
			}
			client.Transport.(*kafkago.Transport).CloseIdleConnections()
		}
		client.Transport.(*kafkago.Transport).CloseIdleConnections()
	}
}

// user makes a user, who may do nothing yet.
func (c *brokers) user(t *testing.T, name string) login {
	t.Helper()
	const iterations = 4096
	as := login{name, "password of " + name}
	salt := []byte("salt of " + name)
	salted, err := pbkdf2.Key(sha512.New, as.password, salt, iterations, sha512.Size)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.client().AlterUserScramCredentials(t.Context(), &kafkago.AlterUserScramCredentialsRequest{
		Upsertions: []kafkago.UserScramCredentialsUpsertion{{
			Name: name, Mechanism: kafkago.ScramMechanismSha512, Iterations: iterations, Salt: salt, SaltedPassword: salted,
		}}})
	if err == nil {
		err = out.Results[0].Error
	}
	if err != nil {
		t.Fatalf("make user %s: %v", name, err)
	}
	for _, addr := range c.secure { // one broker after the other hears of it
		client := c.clientOf(as)
		client.Addr = kafkago.TCP(addr)
		await(t, func() error {
			_, err := client.Metadata(t.Context(), &kafkago.MetadataRequest{Topics: []string{}})
			client.Transport.(*kafkago.Transport).CloseIdleConnections()
			return err
		})
	}
	return as
}

// allow grants a user one operation on the topics of all landscapes.
func (c *brokers) allow(t *testing.T, as login, may kafkago.ACLOperationType) {
	t.Helper()
	out, err := c.client().CreateACLs(t.Context(), &kafkago.CreateACLsRequest{ACLs: []kafkago.ACLEntry{{
		ResourceType: kafkago.ResourceTypeTopic, ResourceName: "understudy.", ResourcePatternType: kafkago.PatternTypePrefixed,
		Principal: "User:" + as.user, Host: "*", Operation: may, PermissionType: kafkago.ACLPermissionTypeAllow,
	}}})
	if err == nil {
		err = out.Errors[0]
	}
	if err != nil {
		t.Fatalf("grant %s %v: %v", as.user, may, err)
	}
}

// tool runs one of Kafka's own tools, as an operator would.
func (c *brokers) tool(t *testing.T, name string, args ...string) {
	t.Helper()
	line := append([]string{"/opt/kafka/bin/" + name, "--bootstrap-server", hostOf(1) + ":9095"}, args...)
	code, said, err := c.containers[0].Exec(t.Context(), line, tcexec.Multiplexed(), tcexec.WithEnv([]string{"KAFKA_HEAP_OPTS=-Xmx128m"}))
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := io.ReadAll(said); code != 0 {
		t.Fatalf("%s: exit code %d\n%s", strings.Join(line, " "), code, out)
	}
}

// sayWhatBrokersSaid shows the end of their logs if the test has failed.
func (c *brokers) sayWhatBrokersSaid(t *testing.T) {
	if !t.Failed() {
		return
	}
	for i, ctr := range c.containers {
		said, err := ctr.Logs(context.Background())
		if err != nil {
			t.Logf("broker %d: %v", i+1, err)
			continue
		}
		all, _ := io.ReadAll(said)
		t.Logf("broker %d said at last:\n%s", i+1, all[max(0, len(all)-3000):])
	}
}

// quiet keeps what testcontainers does out of the tests' output.
type quiet struct{}

var _ log.Logger = quiet{}

func (quiet) Printf(string, ...any) {}
