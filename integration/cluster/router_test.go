package cluster_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/up"
)

// TestARouterThatMisbehavesIsSurvived: whatever it does, the route gets an
// outcome that is true, and once it behaves again the next one is confirmed.
func TestARouterThatMisbehavesIsSurvived(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: each fault takes a second or two")
	}
	for i, c := range []struct {
		fault string
		done  bool // the router does it all the same
		want  []domain.Outcome
		away  bool // it is shown as not connected
		valid string
	}{
		{`{"mode":"ack-only"}`, false, []domain.Outcome{domain.Failed}, false, "1500ms"},
		{`{"mode":"silent"}`, true, []domain.Outcome{domain.Failed, domain.Confirmed}, false, "1500ms"},
		// It reads later what had reached its kernel in time; nobody can take that back.
		{`{"mode":"half-open"}`, true, []domain.Outcome{domain.Failed}, false, "1500ms"},
		{`{"mode":"late","delay":"200ms"}`, true, []domain.Outcome{domain.Confirmed}, false, "1500ms"},
		{`{"mode":"garbage"}`, false, []domain.Outcome{domain.Failed, domain.Expired}, false, "1500ms"},
		{`{"mode":"absent"}`, false, []domain.Outcome{domain.Failed, domain.Expired}, true, "1500ms"},
		{`{"mode":"close"}`, true, []domain.Outcome{domain.Confirmed}, false, "10s"}, // the next connection may take two seconds
	} {
		t.Run(c.fault, func(t *testing.T) {
			s := common(t)
			dest, source := 20+i, 21+i
			s.no(s.HubPost(t.Context(), "/faults", c.fault))
			if c.away {
				s.connected(up.VideohubID, false)
			}
			uid := s.uid("u")
			s.CLI(t.Context(), "route", "set", up.VideohubID, "--dest", fmt.Sprint(dest), "--source", fmt.Sprint(source), "--uid", uid, "--valid-for", c.valid)
			s.no(s.HubPost(t.Context(), "/faults", `{"mode":"none"}`))
			r := s.outcome(up.VideohubID, uid)
			if !strings.Contains(fmt.Sprint(c.want), string(r.Outcome)) {
				t.Errorf("%s (%s): %s; want one of %v", r.Outcome, r.Reason, r.Detail, c.want)
			}
			s.eventually("the router has done what it must have", func() error {
				hub, err := s.Hub(t.Context())
				if has := hub.Routing[dest-1].Source == source; err == nil && has != c.done {
					err = fmt.Errorf("it has done it: %v, want %v", has, c.done)
				}
				return err
			})
			s.connected(up.VideohubID, true)
			after := s.uid("after")
			s.result(0, "route", "set", up.VideohubID, "--dest", fmt.Sprint(dest), "--source", "40", "--uid", after)
			routed(s, dest, 40, after)
		})
	}
}

// TestARouteToADestinationThatSomebodyElseHasLockedIsAnsweredNAK, and confirmed
// once the lock is gone.
func TestARouteToADestinationThatSomebodyElseHasLockedIsAnsweredNAK(t *testing.T) {
	s := common(t)
	panel, err := net.Dial("tcp", s.address(up.VideohubID))
	s.no(err)
	defer func() { _ = panel.Close() }()
	_, err = fmt.Fprint(panel, "VIDEO OUTPUT LOCKS:\n35 O\n\n")
	s.no(err)
	target := domain.LockTarget("", 36)
	s.eventually("the lock is seen", func() error {
		if _, reported := cell(s.sameEverywhere(up.VideohubID), target); reported != domain.LockForeign {
			return fmt.Errorf("it is shown as %q", reported)
		}
		return nil
	})
	r := s.result(1, "route", "set", up.VideohubID, "--dest", "36", "--source", "7")
	if r.Outcome != domain.Failed || (r.Reason != domain.ReasonNak && r.Reason != domain.ReasonLocked) {
		t.Errorf("%+v; want failed, nak or locked", r)
	}
	_, err = fmt.Fprint(panel, "VIDEO OUTPUT LOCKS:\n35 U\n\n")
	s.no(err)
	s.eventually("the lock is gone", func() error {
		if _, reported := cell(s.sameEverywhere(up.VideohubID), target); reported != domain.LockOpen {
			return fmt.Errorf("it is shown as %q", reported)
		}
		return nil
	})
	s.result(0, "route", "set", up.VideohubID, "--dest", "36", "--source", "7")
}

func (s *stage) address(device string) string {
	for _, d := range s.Run.Devices {
		if d.ID == device {
			return d.Address
		}
	}
	s.t.Fatal("no device " + device)
	return ""
}

// TestSomethingElseInTheRoutersPlaceIsSurvived: a peer that speaks no protocol
// at all, at the router's address.
func TestSomethingElseInTheRoutersPlaceIsSurvived(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: each peer takes a second or two")
	}
	s := common(t)
	for name, speak := range map[string]func(net.Conn){
		"an endless line": func(c net.Conn) { repeat(c, strings.Repeat("x", 4096)) },
		"endless lines":   func(c net.Conn) { repeat(c, strings.Repeat("x\n", 2048)) },
		"half a block, then nothing": func(c net.Conn) {
			_, _ = fmt.Fprint(c, "PROTOCOL PREAMBLE:\nVersion: 2.8\n\nVIDEOHUB DEVICE:\nDevice pre")
		},
		"a close at once": func(c net.Conn) { _ = c.Close() },
		"a router of another size": func(c net.Conn) {
			_, _ = fmt.Fprint(c, "PROTOCOL PREAMBLE:\nVersion: 2.8\n\nVIDEOHUB DEVICE:\nDevice present: true\nVideo inputs: 999999999\nVideo outputs: -1\n\n")
		},
	} {
		s.no(s.Steer(t.Context(), "/processes/"+up.VideohubID+"/stop", ""))
		s.connected(up.VideohubID, false)
		p := impostor(t, s.address(up.VideohubID), speak)
		select {
		case <-p.met:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: nobody has connected", name)
		}
		// The rest of the landscape works meanwhile.
		s.result(0, "command", "send", up.GateID, "set-level", "--arg", "level="+fmt.Sprint(len(name)))
		s.connected(up.VideohubID, false)
		p.end()
		s.no(s.Steer(t.Context(), "/processes/"+up.VideohubID+"/start", ""))
		s.connected(up.VideohubID, true)
		s.result(0, "route", "set", up.VideohubID, "--dest", "9", "--source", fmt.Sprint(len(name)))
	}
	s.proven()
}

func repeat(c net.Conn, text string) {
	for {
		if _, err := fmt.Fprint(c, text); err != nil {
			return
		}
	}
}

// peer is an impostor.
type peer struct {
	met      chan struct{} // closed when somebody has connected
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
}

func impostor(t *testing.T, address string, speak func(net.Conn)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{met: make(chan struct{}), listener: l}
	t.Cleanup(p.end)
	var first sync.Once
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			go speak(c)
			first.Do(func() { close(p.met) })
		}
	}()
	return p
}

func (p *peer) end() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
}
