package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/identityfile"
	"github.com/understudy-io/understudy/integration/cluster"
)

// A second process under the name of a server that runs stays out and says why, with a
// copy of the data folder and with one of its own; the older one does not notice.
func TestASecondProcessUnderOneNameStaysOut(t *testing.T) {
	s := common(t)
	server, _ := s.Run.Server("C")
	config, err := os.ReadFile(server.Config)
	s.no(err)
	before := incarnationOf(s, "C")
	for name, test := range map[string]struct {
		copied bool
		words  string
	}{
		"a copy of its folder": {true, "C has the identity of C, which runs at " + server.Address},
		"a folder of its own":  {false, "another installation runs as C, at " + server.Address},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			s.no(os.Mkdir(data, 0o700))
			if test.copied {
				key, err := os.ReadFile(filepath.Join(server.Data, identityfile.Name))
				s.no(err)
				s.no(os.WriteFile(filepath.Join(data, identityfile.Name), key, 0o600))
			}
			text := strings.NewReplacer(server.Data, data,
				"listen: "+strings.TrimPrefix(server.Address, "http://"), "listen: 127.0.0.1:0").Replace(string(config))
			path := filepath.Join(dir, "server.yaml")
			s.no(os.WriteFile(path, []byte(text), 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			said := cluster.Run(ctx, program(), "server", "--no-guard", "--config", path)
			if !strings.Contains(said.Err, test.words) || strings.Contains(said.Err, "role changed") {
				t.Errorf("it does not say %q, or takes part: %s", test.words, said)
			}
			if now := incarnationOf(s, "C"); now != before {
				t.Errorf("C was incarnation %s and is %s", before, now)
			}
		})
	}
	s.heal()
}

func incarnationOf(s *stage, name string) string {
	s.t.Helper()
	st := read[httpapi.Status](s, s.cli(0, "cluster", "status", "-o", "json"))
	for _, m := range st.Servers {
		if m.Name == name {
			return m.Incarnation
		}
	}
	s.t.Fatalf("no server %s in %+v", name, st.Servers)
	return ""
}
