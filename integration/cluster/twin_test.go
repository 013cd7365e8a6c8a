package cluster_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/integration/cluster"
)

// TestTwoProcessesUnderOneNameDoNotTakeTurns: the newer one stays, and the guard
// of the older one ends with it instead of starting it again, and so does up.
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
	done := make(chan cluster.Said, 1)
	go func() { done <- cluster.Run(t.Context(), program(), "server", "--config", path) }()
	turnedOut := func() int {
		log, err := os.ReadFile(server.Log)
		s.no(err)
		return strings.Count(string(log), "this one ends, and is not to be started again")
	}
	s.eventually("the older process ends", func() error {
		if turnedOut() == 0 {
			return errors.New("C runs on")
		}
		return nil
	})
	var said cluster.Said
	s.eventually("the other one ends once the older one is started again by hand, and so the newer", func() error {
		if err := s.Steer(t.Context(), "/processes/guard-C/start", ""); err != nil {
			return err
		}
		select {
		case said = <-done:
			return nil
		default:
			return errors.New("it runs on")
		}
	})
	s.heal()
	if said.Code != 78 {
		t.Errorf("want exit code 78: %s", said)
	}
	if want := "a newer process runs under this server's name"; !strings.Contains(said.Err, want) {
		t.Errorf("it does not say %q: %s", want, said)
	}
	if n := turnedOut(); n != 1 {
		t.Errorf("C was turned out %d times, wanted once", n)
	}
}
