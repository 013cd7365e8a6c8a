//go:build integration

package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
)

// TestAnOldBrokerIsRefused: a real one of 2019, on the JRE of the new one.
func TestAnOldBrokerIsRefused(t *testing.T) {
	if named := os.Getenv(brokersVariable); named != "" {
		t.Skip(brokersVariable + " names the brokers to test on")
	}
	name, err := image()
	if err != nil {
		t.Fatal("there is no image to run brokers of:", err)
	}
	c, jars := &brokers{}, oldJars(t)
	there := "/" + filepath.Base(jars) // testcontainers keeps the name of a folder
	c.containers = append(c.containers, startContainer(t, name, []string{clientsPort}, func(at []string) string {
		c.plain = at
		return fmt.Sprintf("export ADVERTISED=%s JARS=%s\nexec /run-old\n", at[0], there)
	},
		testcontainers.WithFiles(
			testcontainers.ContainerFile{HostFilePath: jars, ContainerFilePath: there, FileMode: 0o755},
			testcontainers.ContainerFile{HostFilePath: filepath.Join("old", "run"), ContainerFilePath: "/run-old", FileMode: 0o755},
		),
	))
	t.Cleanup(func() { c.sayWhatBrokersSaid(t) })
	c.awaitReady(t, 1)
	s := c.settings(t, "old", nobody)
	wants(t, s.check(t), 3, "the broker is too old", "use Kafka 2.4 or newer")
	s.refused(t, "the broker is too old", "use Kafka 2.4 or newer")
}

// oldJars is the folder that holds them.
func oldJars(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), imageWithin)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "./jars.sh", filepath.Join("old", "pom.xml"))
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the jars of an old Kafka: %v: %s", err, said.String())
	}
	return strings.TrimSpace(string(out))
}
