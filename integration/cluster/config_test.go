package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestAWrongConfigurationIsReportedWithAllItsFaults at once.
func TestAWrongConfigurationIsReportedWithAllItsFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.yaml")
	text := `
landscape: "no good"
server: {name: ""}
http: {listen: "0.0.0.0:7501"}
kafka: {brokers: []}
log: {partitions: 0}
election: {ttl: 5ms, min_ttl: 2s, max_ttl: 1s}
devices:
  - {id: a, driver: videohub, address: "127.0.0.1:9990", inputs: 40, outputs: 400}
  - {id: a, driver: telepathy, address: "127.0.0.1:9990"}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said := cluster.Run(t.Context(), program(), "server", "--config", path)
	if said.Code != 1 {
		t.Errorf("want exit code 1: %s", said)
	}
	for _, key := range []string{
		"landscape", "server.name", "keys_file", "http.listen", "kafka.brokers", "log.partitions",
		"election.min_ttl", "election.ttl", "devices[0]", "outputs", "devices[1].id", "devices[1].driver", "devices[1].address",
	} {
		if !strings.Contains(said.Err, key) {
			t.Errorf("%s is not named: %s", key, said)
		}
	}
	unknown := cluster.Run(t.Context(), program(), "server", "--config", path+".nowhere")
	if unknown.Code != 1 || !strings.Contains(unknown.Err, ".nowhere") {
		t.Errorf("a file that is not there: %s", unknown)
	}
}

// TestAServerThatCannotRunSaysWhyAndEnds, on a landscape that goes on.
func TestAServerThatCannotRunSaysWhyAndEnds(t *testing.T) {
	s := common(t)
	server, _ := s.Run.Server("A")
	config, err := os.ReadFile(server.Config)
	s.no(err)
	start := func(change ...string) cluster.Said {
		t.Helper()
		dir := t.TempDir()
		text := strings.NewReplacer(append(change, server.Data, filepath.Join(dir, "data"))...).Replace(string(config))
		path := filepath.Join(dir, "server.yaml")
		s.no(os.WriteFile(path, []byte(text), 0o600))
		return cluster.Run(t.Context(), program(), "server", "--no-guard", "--config", path)
	}
	elsewhere := []string{"listen: " + strings.TrimPrefix(server.Address, "http://"), "listen: 127.0.0.1:0"}
	for _, c := range []struct {
		name string
		said cluster.Said
		says []string
	}{
		{"a port in use", start(), []string{"http.listen", "address already in use"}},
		{"another number of partitions", start(append(elsewhere, "devices:", "log: {partitions: 4}\ndevices:")...), []string{s.LogTopic(), "8", "4"}},
		{"topics that are not there", start(append(elsewhere, "landscape: "+s.Run.Landscape, "landscape: other", "signing_key_file:", "# no key that signs:")...), []string{"understudy.other.log", "create the landscape's topics"}},
		{"no keys", start(append(elsewhere, s.Run.KeysFile, "/nonexistent/keys")...), []string{"keys_file", "/nonexistent/keys"}},
	} {
		if c.said.Code == 0 {
			t.Errorf("%s: it has ended well: %s", c.name, c.said)
		}
		for _, part := range c.says {
			if !strings.Contains(c.said.Err, part) {
				t.Errorf("%s: it does not say %q: %s", c.name, part, c.said)
			}
		}
	}
	if said := s.cli(3, "topics", "check", "--partitions", "4"); !strings.Contains(said.Out+said.Err, s.LogTopic()) {
		t.Errorf("the topic with another number of partitions is not named: %s", said)
	}
	s.proven()
}

// TestATopicWithTheWrongSettingsIsFound: another number of partitions, and
// retention where there must be none.
func TestATopicWithTheWrongSettingsIsFound(t *testing.T) {
	s := common(t)
	client := &kafkago.Client{Addr: kafkago.TCP(s.Run.Kafka...)}
	_, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{
		{Topic: domain.Topic("crooked", domain.TopicLog), NumPartitions: 3, ReplicationFactor: 1},
		{Topic: domain.Topic("crooked", domain.TopicControl), NumPartitions: 2, ReplicationFactor: 1},
	}})
	s.no(err)
	said := s.cli(3, "topics", "check", "--landscape", "crooked", "--kafka", s.Run.Kafka[0])
	for _, part := range []string{"understudy.crooked.log", "understudy.crooked.control", "understudy.crooked.elections", "3", "8"} {
		if !strings.Contains(said.Out+said.Err, part) {
			t.Errorf("it does not say %q: %s", part, said)
		}
	}
}

// TestAFolderOfAnotherLandscapeIsRefusedByTheBroker: it would mix two logs.
func TestAFolderOfAnotherLandscapeIsRefusedByTheBroker(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "landscape"), []byte("studio-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := cluster.Run(t.Context(), program(), "broker", "--dir", dir, "--listen", "127.0.0.1:0", "--landscape", "studio-2")
	if said.Code != 3 || !strings.Contains(said.Err, `"studio-1"`) || !strings.Contains(said.Err, "choose another folder") {
		t.Errorf("%s", said)
	}
}

// TestADiskThatTakesNothingIsFoundAtTheStart. The full disk is played by
// /dev/full; the read-only folder by one of another user, so that the test means
// something for root too.
func TestADiskThatTakesNothingIsFoundAtTheStart(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system, which plays the full disk")
	}
	full := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(full, "probe")); err != nil {
		t.Fatal(err)
	}
	if said := cluster.Run(t.Context(), program(), "up", "--dir", full); said.Code != 1 || !strings.Contains(said.Err, "is full") {
		t.Errorf("a full disk: %s", said)
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o555); err != nil {
		t.Fatal(err)
	}
	out, err := asNobody(t, program(), "up", "--dir", filepath.Join(closed, "data"))
	if err == nil || !strings.Contains(out, "cannot be written") {
		t.Errorf("a read-only folder: %v: %s", err, out)
	}
	out, err = asNobody(t, program(), "broker", "--dir", filepath.Join(closed, "broker"), "--listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "permission denied") {
		t.Errorf("a read-only folder for the broker: %v: %s", err, out)
	}
}

// asNobody runs a program as a user who may write nowhere, if this one is root.
func asNobody(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	if os.Geteuid() == 0 {
		const nobody = 65534
		for _, dir := range []string{filepath.Dir(program), filepath.Dir(filepath.Dir(args[2])), filepath.Dir(filepath.Dir(filepath.Dir(args[2])))} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
