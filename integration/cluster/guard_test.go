package cluster_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-io/understudy/infra/up"
)

// TestAServerOutlivesItsGuardAndIsStartedAgainByIt: the one goes on and says
// that it is unguarded; the other brings it back as another incarnation.
func TestAServerOutlivesItsGuardAndIsStartedAgainByIt(t *testing.T) {
	s := common(t)
	name := s.primary()
	before, err := s.Status(t.Context(), name)
	s.no(err)
	if !before.Guarded {
		t.Fatal("it is not guarded to begin with")
	}
	s.no(s.Steer(t.Context(), "/restarts", `{"on":false}`))
	guardian, err := s.Process("guard-" + name)
	s.no(err)
	proper, err := s.Process("server-" + name)
	s.no(err)
	s.no(guardian.Signal(syscall.SIGKILL))
	s.eventually("every server says that it is unguarded", func() error {
		for _, server := range s.Run.Servers {
			st, err := s.Status(t.Context(), server.Name)
			if err != nil {
				return err
			}
			for _, m := range st.Servers {
				if m.Guarded == (m.Name == name) {
					return fmt.Errorf("%s shows %s as guarded: %v", server.Name, m.Name, m.Guarded)
				}
			}
		}
		return nil
	})
	if said := s.cli(0, "cluster", "status"); !strings.Contains(said.Out, "server "+name+" has no guard") {
		t.Errorf("the status does not say it: %s", said)
	}
	s.result(0, "route", "set", up.VideohubID, "--dest", "30", "--source", "3")
	after, err := s.Status(t.Context(), name)
	s.no(err)
	if !proper.Alive() || after.Server.Incarnation != before.Server.Incarnation || after.Epoch != before.Epoch || after.Primary != name {
		t.Errorf("it did not go on as it was: epoch %d of %s, was %d of %s", after.Epoch, after.Primary, before.Epoch, name)
	}

	// A new guard takes it on, sees it end, and starts another one.
	s.no(s.Steer(t.Context(), "/processes/guard-"+name+"/start", ""))
	s.eventually("the new guard takes it on", func() error {
		server, _ := s.Run.Server(name)
		text, err := os.ReadFile(server.Log)
		if err == nil && !strings.Contains(string(text), "server taken on from a guard that ended") {
			err = fmt.Errorf("it does not say so")
		}
		return err
	})
	s.eventually("every server says that it is guarded again", func() error {
		for _, server := range s.Run.Servers {
			st, err := s.Status(t.Context(), server.Name)
			if err != nil {
				return err
			}
			for _, m := range st.Servers {
				if !m.Guarded {
					return fmt.Errorf("%s shows %s as unguarded", server.Name, m.Name)
				}
			}
			if server.Name == name && !st.Guarded {
				return fmt.Errorf("%s itself says that it is unguarded", name)
			}
		}
		return nil
	})
	s.no(proper.Signal(syscall.SIGKILL))
	s.eventually("it is started again", func() error {
		st, err := s.Status(t.Context(), name)
		if err == nil && (st.Server.Incarnation == before.Server.Incarnation || !st.Server.Ready || !st.Guarded) {
			err = fmt.Errorf("it is %+v, guarded %v", st.Server, st.Guarded)
		}
		return err
	})
	if now := s.primary(); now == name {
		t.Errorf("%s is primary again at once: it should be the last in seniority", name)
	}
}
