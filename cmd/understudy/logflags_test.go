package main

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// secureBroker wants TLS and a password; settings are those of a server for it.
func secureBroker(t *testing.T) (broker, settings string) {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // only for its certificate
	t.Cleanup(certified.Close)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "studio", "right"),
		kfake.TLS(&tls.Config{Certificates: certified.TLS.Certificates}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})))
	password := filepath.Join(dir, "password")
	write(t, password, "right\n")
	settings = filepath.Join(dir, "server.yaml")
	broker = c.ListenAddrs()[0]
	write(t, settings, fmt.Sprintf(`
landscape: studio
log: {partitions: 3}
kafka:
  brokers: [%q]
  tls: {enabled: true, ca: %q}
  sasl: {mechanism: SCRAM-SHA-512, user: studio, password_file: %q}
`, broker, ca, password))
	return broker, settings
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTheLogIsReachedAsAServerReachesIt: with TLS and SASL, by the file, by flags
// and by the environment.
func TestTheLogIsReachedAsAServerReachesIt(t *testing.T) {
	t.Chdir(t.TempDir()) // no landscape of up's is here
	broker, settings := secureBroker(t)
	for _, args := range [][]string{
		{"topics", "create", "--config", settings},
		{"topics", "check", "--config", settings},
		{"log", "tail", "--config", settings},
	} {
		if code, out, errOut := command(t, args...); code != exitOK {
			t.Fatalf("%v: exit %d: %s%s", args, code, out, errOut)
		}
	}
	code, _, errOut := command(t, "topics", "check", "--config", settings, "--landscape", "other")
	if code != exitRefused || !strings.Contains(errOut, "understudy.other.log") {
		t.Errorf("a flag does not come before the file: exit %d: %s", code, errOut)
	}
	if want := "topics create --config=" + settings + " --landscape=other\n"; !strings.HasSuffix(errOut, want) {
		t.Errorf("%q does not end with the line that mends it, %q", errOut, want)
	}
	if code, _, errOut := command(t, "topics", "check", "--config", settings, "--partitions", "4"); code != exitRefused || !strings.Contains(errOut, "3 partitions, not 4") {
		t.Errorf("the number of partitions: exit %d: %s", code, errOut)
	}

	// The password is wrong, and the answer says so instead of waiting.
	t.Setenv("UNDERSTUDY_KAFKA_SASL_PASSWORD", "wrong")
	args := []string{"topics", "check", "--config", settings, "--kafka.sasl.password_file", ""}
	if code, _, errOut := command(t, args...); code != exitError || !strings.Contains(errOut, "credentials") {
		t.Errorf("a wrong password: exit %d: %s", code, errOut)
	}
	t.Setenv("UNDERSTUDY_KAFKA_SASL_PASSWORD", "right")
	if code, _, errOut := command(t, args...); code != exitOK {
		t.Errorf("the password of the environment: exit %d: %s", code, errOut)
	}

	// Flags and environment alone.
	t.Setenv("UNDERSTUDY_KAFKA_TLS_CA", filepath.Join(filepath.Dir(settings), "ca.pem"))
	t.Setenv("UNDERSTUDY_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
	t.Setenv("UNDERSTUDY_LANDSCAPE", "studio")
	args = []string{"log", "tail", "--kafka", broker, "--kafka.tls.enabled", "--kafka.sasl.user", "studio"}
	if code, _, errOut := command(t, args...); code != exitOK {
		t.Errorf("flags and environment: exit %d: %s", code, errOut)
	}
	args = append(args, "--kafka.sasl.user=")
	if code, _, errOut := command(t, args...); code != exitError || !strings.Contains(errOut, "kafka.sasl.user") {
		t.Errorf("a fault of the settings: exit %d: %s", code, errOut)
	}
}
