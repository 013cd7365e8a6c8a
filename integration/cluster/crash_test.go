package cluster_test

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/guard"
	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestEverythingIsKilledUnderLoad: kill -9 of all servers, guards, the broker,
// the devices and up, and then up again. The devices begin anew as well; what
// they had received before is read from them in between, while nobody is left
// who could act.
func TestEverythingIsKilledUnderLoad(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		crash(t, func(s *stage, _ *load) { s.killAll("server-", "guard-", "broker") })
	})
	t.Run("servers first, so that commands are logged that nobody has seen", func(t *testing.T) {
		if testing.Short() {
			t.Skip("-short: the other order is tried")
		}
		crash(t, func(s *stage, l *load) {
			s.killAll("server-", "guard-")
			l.await(t, s, len(l.now())+100)
			s.killAll("broker")
		})
	})
}

func (l *load) now() []sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sent(nil), l.acked...)
}

// killAll kills all processes with such names at one moment. A Kafka that up did
// not start lives on.
func (s *stage) killAll(kinds ...string) {
	s.t.Helper()
	var victims []guard.Identity
	for _, kind := range kinds {
		if kind == "broker" && !s.Run.Embedded() {
			continue
		}
		names := []string{kind}
		if kind[len(kind)-1] == '-' {
			names = nil
			for _, server := range s.Run.Servers {
				names = append(names, kind+server.Name)
			}
		}
		for _, name := range names {
			p, err := s.Process(name)
			s.no(err)
			victims = append(victims, p)
		}
	}
	for _, v := range victims {
		s.no(v.Signal(syscall.SIGKILL))
	}
	s.eventually("all are gone", func() error {
		for _, v := range victims {
			if v.Alive() {
				return fmt.Errorf("process %d is not", v.PID)
			}
		}
		return nil
	})
}

func crash(t *testing.T, end func(*stage, *load)) {
	t.Helper()
	crashOn(t, own(t), 1, end)
}

// crashOn ends a landscape under load, and starts it again. So often did it stop in the
// middle of what it did, that many pulses may be in doubt.
func crashOn(t *testing.T, s *stage, stops int, end func(*stage, *load)) {
	t.Helper()
	s.primary()
	s.no(s.Steer(t.Context(), "/restarts", `{"on":false}`))
	l := s.load()
	l.await(t, s, 300)
	end(s, l)
	acked := l.stop()
	pulses, err := s.Pulses(t.Context())
	s.no(err)
	s.killAll(up.VideohubID, up.GateID)
	s.KillUp()

	s.no(s.Again(t.Context()))
	s.primary()
	audit := s.ended()
	again, err := s.Pulses(t.Context())
	s.no(err)
	for uid, n := range again {
		pulses[uid] += n
	}
	judge(t, audit, acked, pulses, stops)
	s.converged(audit)
	t.Logf("%d commands acknowledged before the end; %d pulses received before and after it", len(acked), len(pulses))
}

// judge compares what was acknowledged with what the log says of it, and with
// what the device received in both of its lives.
func judge(t *testing.T, audit *cluster.Audit, acked []sent, pulses map[string]int, stops int) {
	t.Helper()
	outcomes := make(map[domain.Outcome]int)
	for _, one := range acked {
		ends := audit.Outcomes[one.Command]
		if len(ends) != 1 {
			t.Errorf("%s was acknowledged and has %d outcomes: %+v", one.UID, len(ends), ends)
			continue
		}
		outcome := ends[0].Outcome
		outcomes[outcome]++
		if one.Device != up.GateID {
			continue
		}
		n := pulses[one.UID]
		switch {
		case n > 1:
			t.Errorf("%s: %d pulses", one.UID, n)
		case outcome == domain.Confirmed && n != 1, outcome != domain.Confirmed && outcome != domain.InDoubt && n != 0:
			t.Errorf("%s is %s, and %d pulses were received", one.UID, outcome, n)
		}
	}
	if outcomes[domain.Confirmed] == 0 {
		t.Error("nothing was confirmed: this was no load")
	}
	if n := outcomes[domain.InDoubt]; n > stops {
		t.Errorf("%d are in doubt; %d pulses at most can have been under way", n, stops)
	}
	t.Logf("outcomes: %v", outcomes)
}

// converged checks that the router is what the servers show, and that what was
// wished last and confirmed after the restart is what it has.
func (s *stage) converged(audit *cluster.Audit) {
	s.t.Helper()
	hub, err := s.Hub(s.t.Context())
	s.no(err)
	d := s.sameEverywhere(up.VideohubID)
	if len(d.Pending) > 0 {
		s.t.Errorf("pending: %+v", d.Pending)
	}
	for _, x := range hub.Routing {
		desired, reported := cell(d, domain.CrosspointTarget("", x.Destination))
		if want := strconv.Itoa(x.Source); desired != want || reported != want {
			s.t.Errorf("destination %d: the router has %s, the servers show desired %s, reported %s", x.Destination, want, desired, reported)
		}
	}
	opened := audit.States[s.PartitionOf(up.VideohubID)].Epoch()
	last := make(map[int]int)
	for _, r := range audit.Records {
		if take, ok := r.Payload.(domain.Take); ok && r.Subject == up.VideohubID {
			last[take.Destination] = 0
			if end := audit.Outcomes[cluster.Command{Device: r.Subject, UID: r.UID}]; len(end) == 1 && end[0].Outcome == domain.Confirmed && s.epochOf(audit, r.UID) == opened {
				last[take.Destination] = take.Source
			}
		}
	}
	for dest, source := range last {
		if source != 0 && hub.Routing[dest-1].Source != source {
			s.t.Errorf("destination %d was confirmed with source %d after the restart, and has %d", dest, source, hub.Routing[dest-1].Source)
		}
	}
}

// epochOf is the epoch in which a command's outcome was written.
func (s *stage) epochOf(audit *cluster.Audit, uid string) uint64 {
	for _, r := range audit.Records {
		if e, ok := r.Payload.(domain.Ended); ok && e.UID == uid {
			return r.Epoch
		}
	}
	return 0
}
