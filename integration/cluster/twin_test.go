package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/integration/cluster"
)

// TestTwoProcessesUnderOneNameDoNotTakeTurns: the newer one stays, and the guard
// of the older one ends with it instead of starting it again. Here up starts
// that guard once more, so the one that the test has started is the older in the
// end.
func TestTwoProcessesUnderOneNameDoNotTakeTurns(t *testing.T) {
	s := common(t)
	server, _ := s.Run.Server("C")
	config, err := os.ReadFile(server.Config)
	s.no(err)
	dir := t.TempDir()
	text := strings.NewReplacer(server.Data, filepath.Join(dir, "data"),
		"listen: "+strings.TrimPrefix(server.Address, "http://"), "listen: 127.0.0.1:0").Replace(string(config))
	path := filepath.Join(dir, "server.yaml")
	s.no(os.WriteFile(path, []byte(text), 0o600))
	said := cluster.Run(t.Context(), program(), "server", "--config", path)
	if said.Code != 78 {
		t.Errorf("want exit code 78: %s", said)
	}
	if want := "a newer process runs under this server's name"; !strings.Contains(said.Err, want) {
		t.Errorf("it does not say %q: %s", want, said)
	}
	s.heal()
	log, err := os.ReadFile(server.Log)
	s.no(err)
	if n := strings.Count(string(log), "this one ends, and is not to be started again"); n != 1 {
		t.Errorf("C was turned out %d times, wanted once", n)
	}
}
