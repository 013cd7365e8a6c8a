package cluster_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// workInHand is how many routes wait while the router is away.
const workInHand = 10

// TestAnIsolatedPrimaryWithWorkInHandDoesNotAct: it has lost the log, and not
// the router; another one has taken over, and only that one sends.
func TestAnIsolatedPrimaryWithWorkInHandDoesNotAct(t *testing.T) {
	s := common(t)
	uids := s.giveWork()
	old := s.primary()
	s.no(s.Steer(t.Context(), "/relay/"+old, `{"mode":"drop"}`))
	now := ""
	s.eventually("another one is primary", func() error {
		for _, server := range s.Run.Servers {
			if st, err := s.Status(t.Context(), server.Name); server.Name != old && err == nil && st.Server.Role == "primary" {
				now = server.Name
				return nil
			}
		}
		return fmt.Errorf("%s is isolated, and nobody else acts", old)
	})
	s.no(s.Steer(t.Context(), "/processes/"+up.VideohubID+"/start", ""))
	for _, uid := range uids {
		if r := s.outcome(up.VideohubID, uid); r.Outcome != domain.Confirmed || r.Server != now {
			t.Errorf("%s is %s, by %s; want confirmed by %s", uid, r.Outcome, r.Server, now)
		}
	}
	s.reconnected(old)
	s.onlySends(now)
	s.no(s.Steer(t.Context(), "/relay/"+old, `{"mode":"heal"}`))
	s.heal()
	s.onlySends(now)
	s.proven()
}

// TestNobodyActsWithoutTheLog: no server reaches the log, all reach the router.
func TestNobodyActsWithoutTheLog(t *testing.T) {
	s := common(t)
	uids := s.giveWork()
	before := s.epoch()
	// The primary loses the log last and has it again first: one that is cut off
	// alone for the length of a lease is rightly followed by another one.
	primary := s.primary()
	standbys := slices.DeleteFunc(s.names(), func(name string) bool { return name == primary })
	for _, name := range append(slices.Clone(standbys), primary) {
		s.no(s.Steer(t.Context(), "/relay/"+name, `{"mode":"drop"}`))
	}
	s.eventually("nobody is primary", func() error {
		for _, server := range s.Run.Servers {
			if st, err := s.Status(t.Context(), server.Name); err == nil && st.Server.Role == "primary" && s.acts(server.Name) {
				return fmt.Errorf("%s acts", server.Name)
			}
		}
		return nil
	})
	s.no(s.Steer(t.Context(), "/processes/"+up.VideohubID+"/start", ""))
	for _, server := range s.Run.Servers {
		s.reconnected(server.Name)
	}
	s.onlySends("nobody")
	for _, name := range append([]string{primary}, standbys...) {
		s.no(s.Steer(t.Context(), "/relay/"+name, `{"mode":"heal"}`))
	}
	for _, uid := range uids {
		if r := s.outcome(up.VideohubID, uid); r.Outcome != domain.Confirmed {
			t.Errorf("%s is %s, want confirmed now that the log is back", uid, r.Outcome)
		}
	}
	if after := s.epoch(); after != before {
		t.Errorf("epoch %d before the log was away, %d after it: an outage must not turn into a takeover", before, after)
	}
	s.proven()
}

// TestASilentOutageOfTheLogIsNoTakeover: the broker stands still for about as
// long as a standby waits for a silent primary, and longer. Nothing is reset, and
// nobody is told.
func TestASilentOutageOfTheLogIsNoTakeover(t *testing.T) {
	needsEmbedded(t)
	s := common(t)
	broker, err := s.Process("broker")
	s.no(err)
	t.Cleanup(func() { _ = broker.Signal(syscall.SIGCONT) })
	before := s.epoch()
	for _, ms := range []int{60, 80, 100, 130, 200, 300, 500, 800, 1200, 1600, 2200} {
		s.no(broker.Signal(syscall.SIGSTOP))
		time.Sleep(time.Duration(ms) * time.Millisecond) // the outage itself: there is nothing to poll for
		s.no(broker.Signal(syscall.SIGCONT))
		if after := s.epoch(); after != before {
			t.Errorf("the log was silent for %d ms, and epoch %d follows on %d", ms, after, before)
			before = after
		}
		s.result(0, "route", "set", up.VideohubID, "--dest", "30", "--source", "3")
	}
	s.proven()
}

// names are those of all servers.
func (s *stage) names() []string {
	var names []string
	for _, server := range s.Run.Servers {
		names = append(names, server.Name)
	}
	return names
}

// giveWork takes the router away and sends routes that wait for it.
func (s *stage) giveWork() []string {
	s.t.Helper()
	s.no(s.Steer(s.t.Context(), "/processes/"+up.VideohubID+"/stop", ""))
	s.connected(up.VideohubID, false)
	var uids []string
	for n := range workInHand {
		uid := s.uid(fmt.Sprint(n))
		h := cluster.CommandHeaders(up.VideohubID, uid, "crosspoint.take.v1").With("ce_validfor", "60s")
		_, err := s.Command(s.t.Context(), s.producer, h, takeJSON(n+1, 30))
		s.no(err)
		uids = append(uids, uid)
	}
	s.eventually("they wait on every server", func() error {
		if d := s.sameEverywhere(up.VideohubID); len(d.Pending) != workInHand {
			return fmt.Errorf("%d wait", len(d.Pending))
		}
		return nil
	})
	return uids
}

// acts asks the server itself.
func (s *stage) acts(name string) bool {
	server, _ := s.Run.Server(name)
	return s.Answers(s.t.Context(), server.Address+"/primary")
}

// source is the address from which a server reaches devices.
func (s *stage) source(name string) string {
	server, ok := s.Run.Server(name)
	if ok && server.DeviceSource == "" {
		s.t.Skip("only Linux has a loopback address for each server, by which the router tells them apart")
	}
	return server.DeviceSource
}

// reconnected waits until the router has a connection of that server.
func (s *stage) reconnected(name string) {
	s.t.Helper()
	s.eventually(name+" has found the router again", func() error {
		hub, err := s.Hub(s.t.Context())
		if err == nil && !slices.ContainsFunc(hub.Clients, func(c string) bool { return strings.HasPrefix(c, s.source(name)+":") }) {
			err = fmt.Errorf("its clients are %v", hub.Clients)
		}
		return err
	})
}

// stillWithin is how long what must not happen is waited for.
const stillWithin = 300 * time.Millisecond

// onlySends checks, for a while, that the router hears from nobody else.
func (s *stage) onlySends(name string) {
	s.t.Helper()
	for end := time.Now().Add(stillWithin); time.Now().Before(end); {
		writes, err := s.HubWrites(s.t.Context(), 0)
		s.no(err)
		if i := slices.IndexFunc(writes, func(w videohub.Write) bool { return hostOf(w.Client) != s.source(name) }); i >= 0 {
			s.t.Fatalf("the router has received %q from %s; only %s (%s) may send", writes[i].Text, writes[i].Client, name, s.source(name))
		}
	}
}

func hostOf(client string) string {
	host, _, err := net.SplitHostPort(client)
	if err != nil {
		return client
	}
	return host
}
