package cluster_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestSixServersUnderLoad: six servers join; under some 200 commands a second three
// primaries are killed in turn, primacy comes back to the first of the list, a secondary
// transfers its configuration and takes over with it, and one server is removed for good
// and comes back. Nothing that was acknowledged is lost, and no one-shot is done twice.
func TestSixServersUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: six servers need a minute")
	}
	s := own(t, "--servers", "6")
	s.primary()
	s.cli(0, "cluster", "policy", "--order", "designated", "--servers", "A,B,C,D,E,F", "--fail-back", "auto", "--hold-down", "2s")
	s.leads("A")
	began := time.Now()
	l := s.loadBy(8, 10*time.Millisecond)
	l.await(t, s, 200)

	// A cascade: A, and who follows it, and who follows that one. Each is started again.
	for n := range 3 {
		name := s.primaryNow()
		p, err := s.Process("server-" + name)
		s.no(err)
		s.no(p.Signal(syscall.SIGKILL))
		s.eventually(fmt.Sprintf("somebody follows %s (%d)", name, n), func() error {
			if now := s.primaryNow(); now == name || now == "" {
				return fmt.Errorf("the primary is %q", now)
			}
			return nil
		})
	}
	s.leads("A") // fail-back

	// A transfer from a secondary, in one step.
	s.cli(0, "config", "transfer", "--server", "D", "-m", "what D has")
	s.eventually("D takes over", func() error {
		if now := s.primaryNow(); now != "D" {
			return fmt.Errorf("the primary is %q", now)
		}
		return nil
	})
	s.leads("D") // an operator's move stays

	// F is removed, and comes back: it stays out.
	s.cli(0, "cluster", "remove", "F", "--force", "--reason", "sold")
	s.eventually("F has ended", func() error {
		if s.Runs(t.Context(), "guard-F") {
			return fmt.Errorf("it runs")
		}
		return nil
	})
	removed, _ := s.Run.Server("F")
	said := cluster.Run(t.Context(), program(), "server", "--config", removed.Config)
	if said.Code != 78 || !strings.Contains(said.Err, "F was removed by") {
		t.Errorf("%s", said)
	}
	s.Run.Servers = s.Run.Servers[:5]
	s.primary()
	acked := l.stop()
	perSecond := float64(len(acked)) / time.Since(began).Seconds()

	audit := s.ended()
	pulses, err := s.Pulses(t.Context())
	s.no(err)
	lost, doubled, tally := 0, 0, make(map[domain.Outcome]int)
	for _, one := range acked {
		ends := audit.Outcomes[one.Command]
		if len(ends) != 1 {
			lost++
			continue
		}
		tally[ends[0].Outcome]++
		if one.Device == up.GateID && ends[0].Outcome == domain.Confirmed && pulses[one.UID] == 0 {
			lost++
		}
	}
	for _, n := range pulses {
		if n > 1 {
			doubled++
		}
	}
	if lost > 0 || doubled > 0 || tally[domain.Confirmed] == 0 {
		t.Errorf("of %d commands %d are lost, %d one-shots were done twice; %v", len(acked), lost, doubled, tally)
	}
	t.Logf("%d commands, %.0f a second: %v; %d lost, %d one-shots done twice", len(acked), perSecond, tally, lost, doubled)
}

// primaryNow is who acts, as any server says that answers; empty for nobody.
func (s *stage) primaryNow() string {
	for _, server := range s.Run.Servers {
		st, err := s.Status(s.t.Context(), server.Name)
		if err == nil && st.Server.Role == httpapi.RolePrimary {
			return server.Name
		}
	}
	return ""
}

// leads waits until a server is the primary, and all are ready.
func (s *stage) leads(name string) {
	s.t.Helper()
	s.eventually(name+" is the primary", func() error {
		if now := s.primary(); now != name {
			return fmt.Errorf("%s is", now)
		}
		return nil
	})
}
