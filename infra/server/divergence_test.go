package server_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/adapters/snapshotfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/infra/server"
)

// liar is a codec that reads one label as another one, of its own: the first
// times times.
type liar struct {
	*codec.Codec
	name  string
	times *atomic.Int64
}

func (l liar) DecodeAll(dst []domain.Record, topic domain.TopicKind, p int32, messages []domain.Stored) []domain.Record {
	dst = l.Codec.DecodeAll(dst, topic, p, messages)
	for i := range dst {
		if label, ok := dst[i].Payload.(domain.SetLabel); ok && l.times.Add(-1) >= 0 {
			label.Text += l.name
			dst[i].Payload = label
		}
	}
	return dst
}

func (s *stage) startLiar(name string, times int64, change ...func(*server.Options)) *member {
	n := &atomic.Int64{}
	n.Store(times)
	return s.startWith(name, func(o *server.Options) {
		o.Codec = liar{s.codec, name, n}
		for _, f := range change {
			f(o)
		}
	})
}

// notes are what a server has logged.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

// find gives the lines that hold a text.
func (n *notes) find(text string) (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for line := range strings.Lines(n.text.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (n *notes) take(o *server.Options) { o.Logger = slog.New(slog.NewTextHandler(n, nil)) }

// keep gives a server a folder for snapshots, and lets it take many.
func keep(t *testing.T, dir string) func(*server.Options) {
	t.Helper()
	return func(o *server.Options) {
		store, err := snapshotfile.Open(dir, o.Logger)
		must(t, err)
		o.Store, o.SaveEvery = store, 50*time.Millisecond
	}
}

// isState waits until a server sees a member in a state.
func (s *stage) isState(by *member, name, state string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s sees %s as %s", by.name, name, state), func() error {
		st, err := by.Status(s.ctx)
		if err != nil {
			return err
		}
		for _, m := range st.Servers {
			if m.Name == name && m.State == state {
				return nil
			}
		}
		return fmt.Errorf("servers are %+v", st.Servers)
	})
}

// G5: a standby that is wrong is out, and comes back when it has folded anew.
func TestAStandbyWhoseRunningStateIsWrongQuarantinesItselfAndComesBackRebuilt(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	dir := t.TempDir()
	b := s.startLiar("B", 1, keep(t, dir))
	s.primary(a, b)
	s.submit(a, "videohub-1", "u1", domain.SetLabel{Port: domain.PortInput, Number: 1, Text: "Cam 1"})
	s.submit(a, "videohub-1", "u2", domain.Take{Destination: 1, Source: 2})
	if err := s.end(b); !errors.Is(err, domain.ErrCorrupt) {
		t.Fatalf("the server that was wrong ended with %v", err)
	}
	s.isState(a, "B", "quarantined")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Fatalf("it left %v, %v: what it had folded is wrong", left, err)
	}
	again := s.startWith("B", keep(t, dir))
	s.primary(a, again)
	s.neverHeldInQuarantine("B")
	s.moveTo(again, a, again)
}

// moveTo moves primacy in order to one of the servers.
func (s *stage) moveTo(to *member, all ...*member) {
	s.t.Helper()
	s.eventually(to.name+" takes over", func() error {
		_, err := s.primary(all...).Switchover(s.ctx, "test", to.name)
		if errors.Is(err, domain.ErrConflict) { // it has only just been cleared, or a third one was quicker on a busy machine
			return err
		}
		must(s.t, err)
		return nil
	})
}

// neverHeldInQuarantine reads in control that a member was quarantined, won no
// epoch until it was cleared, and was cleared as another incarnation.
func (s *stage) neverHeldInQuarantine(name string) {
	s.t.Helper()
	state := election.NewState()
	var epoch uint64
	var by string
	cleared := false
	for _, m := range s.read(domain.TopicControl) {
		r := s.codec.Decode(domain.TopicControl, 0, m)
		ruling := state.Apply(r)
		switch p := r.Payload.(type) {
		case domain.Quarantined:
			if r.Subject == name && ruling.Counts {
				epoch, by = state.Epoch(), p.Incarnation
			}
		case domain.Cleared:
			if r.Subject == name && ruling.Counts {
				cleared = by != "" && p.Incarnation != by
			}
		}
		if holder, _, held := state.Holder(); held && holder == name && by != "" && !cleared && state.Epoch() > epoch {
			s.t.Errorf("%s won epoch %d in quarantine", name, state.Epoch())
		}
	}
	if !cleared {
		s.t.Errorf("%s was quarantined as %q and not cleared as another incarnation", name, by)
	}
}

// G5: a primary that is wrong releases, and whoever was right goes on.
func TestAPrimaryWhoseRunningStateIsWrongReleasesAndAnotherOneTakesOver(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	var said notes
	a := s.startLiar("A", 1, said.take, keep(t, dir))
	s.primary(a)
	b, c := s.startWith("B", keep(t, t.TempDir())), s.startWith("C", keep(t, t.TempDir()))
	s.primary(a, b, c)
	s.submit(b, "videohub-1", "u1", domain.Take{Destination: 1, Source: 2})
	s.eventually("the primary has a snapshot", func() error {
		left, err := os.ReadDir(dir)
		if err == nil && len(left) == 0 {
			err = fmt.Errorf("the folder is empty")
		}
		return err
	})
	saved := int64(len(s.read(domain.TopicControl)))
	s.submit(b, "videohub-1", "u2", domain.Take{Destination: 1, Source: 3})
	s.eventually("another server has agreed since", func() error {
		for _, m := range s.read(domain.TopicControl) {
			r := s.codec.Decode(domain.TopicControl, 0, m)
			if h, ok := r.Payload.(domain.Heartbeat); ok && r.Subject != "A" && h.Agreed >= saved {
				return nil
			}
		}
		return fmt.Errorf("nobody has")
	})

	const pulses = 60
	outcomes := make(chan httpapi.Result, pulses)
	failed := make(chan error, 1)
	go func() {
		defer close(outcomes)
		for i := range pulses {
			r, err := b.Submit(s.ctx, httpapi.Command{
				Device: "gate-1", UID: fmt.Sprint("pulse-", i), Payload: domain.Invoke{Verb: "pulse"}, Created: time.Now(),
			}, 10*time.Second)
			if err != nil {
				failed <- fmt.Errorf("pulse %d: %w", i, err)
				return
			}
			outcomes <- r
		}
	}()
	s.submit(b, "videohub-1", "label", domain.SetLabel{Port: domain.PortInput, Number: 1, Text: "Cam 1"})
	if err := s.end(a); !errors.Is(err, domain.ErrCorrupt) {
		t.Fatalf("the primary that was wrong ended with %v", err)
	}
	s.isState(b, "A", "quarantined")
	done := map[string]bool{}
	doubts := 0
	for r := range outcomes {
		if r.Outcome == domain.InDoubt {
			doubts++
		} else if r.Outcome != domain.Confirmed {
			t.Errorf("%s is %s %s", r.UID, r.Outcome, r.Detail)
		}
		done[r.UID] = true
	}
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	if got := int(s.gate.State().Pulses); len(done) != pulses || got > pulses || got < pulses-doubts {
		t.Errorf("%d of %d pulses have an outcome, %d in doubt; the gate has had %d", len(done), pulses, doubts, got)
	}
	again := s.startWith("A", keep(t, dir))
	p := s.primary(b, c, again)
	if p == again {
		t.Fatal("the one that was wrong is primary at once")
	}
	s.neverHeldInQuarantine("A")
	s.submit(p, "videohub-1", "u3", domain.Take{Destination: 4, Source: 5})
	s.moveTo(again, b, c, again)
	s.submit(again, "videohub-1", "u4", domain.Take{Destination: 4, Source: 6})
	if lines := said.find("msg=\"folding again\""); len(lines) == 0 {
		t.Error("the primary was not found out by folding again")
	} else if label := fmt.Sprintf("partition=%d ", domain.Partition("videohub-1", partitions)); !slices.ContainsFunc(lines, func(l string) bool {
		return strings.Contains(l, label) && !strings.Contains(l, "from=0 ")
	}) {
		t.Errorf("it folded again from the beginning:\n%s", strings.Join(lines, ""))
	}
}

// G5: where both refolds agree with their running states, the builds differ.
func TestABuildThatFoldsOtherwiseIsSeenOnBothSidesAndDoesNotTakeOver(t *testing.T) {
	s := newStage(t)
	var said notes
	a := s.startWith("A", said.take)
	s.primary(a)
	b := s.startLiar("B", 1<<40)
	s.primary(a, b)
	s.submit(a, "videohub-1", "u1", domain.SetLabel{Port: domain.PortInput, Number: 1, Text: "Cam 1"})
	s.eventually("the difference is seen on every server", func() error {
		for _, m := range []*member{a, b} {
			st, err := m.Status(s.ctx)
			if err != nil {
				return err
			}
			for _, other := range st.Servers {
				if other.Name == "B" && (other.HashOK != domain.HashDiffers || other.Ready) {
					return fmt.Errorf("%s sees B as %+v", m.name, other)
				}
			}
		}
		return nil
	})
	s.eventually("both have folded again, and alarm", func() error {
		st, err := b.Status(s.ctx)
		if err == nil && !strings.Contains(strings.Join(st.Server.Reasons, " "), "the builds differ") {
			err = fmt.Errorf("B says %q", st.Server.Reasons)
		}
		if err == nil && len(said.find("the log gives this primary's state")) == 0 {
			err = fmt.Errorf("A says nothing")
		}
		return err
	})
	// What A says when it has left counts no more: B would be the only one that is right.
	s.eventually("all hear that A is right", func() error {
		for _, m := range s.read(domain.TopicControl) {
			r := s.codec.Decode(domain.TopicControl, 0, m)
			if h, ok := r.Payload.(domain.Heartbeat); ok && r.Subject == "A" && h.Hash == domain.HashRight {
				return nil
			}
		}
		return fmt.Errorf("no heartbeat says so: %w", domain.ErrTransient)
	})
	if _, err := a.Switchover(s.ctx, "test", "B"); !errors.Is(err, domain.ErrConflict) {
		t.Fatalf("a switchover to another build: %v", err)
	}
	if st, err := a.Status(s.ctx); err != nil || st.Server.Role != httpapi.RolePrimary {
		t.Fatalf("A is %s, %v", st.Server.Role, err)
	}
	a.stop()
	if err := s.end(a); err != nil {
		t.Fatal(err)
	}
	// Without a holder a ready server claims within milliseconds.
	s.eventually("B has let ten heartbeats pass without a holder", func() error {
		state := election.NewState()
		alone := 0
		for _, m := range s.read(domain.TopicControl) {
			r := s.codec.Decode(domain.TopicControl, 0, m)
			state.Apply(r)
			holder, _, held := state.Holder()
			switch {
			case held && holder == "B":
				t.Fatal("B took over")
			case held:
				alone = 0
			case r.Subject == "B" && r.Type == domain.TypeHeartbeat:
				alone++
			}
		}
		if alone < 10 {
			return fmt.Errorf("%d heartbeats", alone)
		}
		return nil
	})
	b.stop()
	if err := s.end(b); err != nil {
		t.Fatal(err)
	}
	b = s.startLiar("B", 1<<40)
	s.eventually("started again, it differs still", func() error {
		st, err := b.Status(s.ctx)
		if err == nil && (st.Server.Role == httpapi.RolePrimary || !strings.Contains(strings.Join(st.Server.Reasons, " "), "the builds differ")) {
			err = fmt.Errorf("it is %+v", st.Server)
		}
		if err == nil && st.Server.State == "joining" { // who is no member cannot take over
			err = fmt.Errorf("it has not joined yet")
		}
		return err
	})
	_, err := b.Takeover(s.ctx, "ops", "the new build is right", "")
	must(t, err)
	s.primary(b)
	for _, m := range s.read(domain.TopicControl) {
		r := s.codec.Decode(domain.TopicControl, 0, m)
		if p, ok := r.Payload.(domain.Cleared); ok && p.Reason == "ops: the new build is right" {
			return
		}
	}
	t.Error("the operator's word is not on record")
}

func TestWhereAllServersWereWrongOneUnderAnotherNameBeginsAnewAndClearsThem(t *testing.T) {
	s := newStage(t)
	a := s.startLiar("A", 1)
	s.primary(a)
	b := s.startLiar("B", 1)
	s.primary(a, b)
	if _, err := a.Submit(s.ctx, httpapi.Command{Device: "videohub-1", UID: "u1", Created: time.Now(), Payload: domain.SetLabel{
		Port: domain.PortInput, Number: 1, Text: "Cam 1",
	}}, time.Second); err != nil {
		t.Log("the primary ended first:", err)
	}
	for _, m := range []*member{a, b} {
		if err := s.end(m); !errors.Is(err, domain.ErrCorrupt) {
			t.Fatalf("%s ended with %v", m.name, err)
		}
	}
	a, b = s.start("A"), s.start("B")
	s.isState(a, "A", "quarantined")
	s.isState(a, "B", "quarantined")
	c := s.start("C")
	if p := s.primary(a, b, c); p != c {
		t.Fatalf("the primary is %s", p.name)
	}
	s.neverHeldInQuarantine("A")
	s.neverHeldInQuarantine("B")
}

func TestServersHoldTheSameStateAtTheSamePosition(t *testing.T) {
	s := newStage(t)
	a := s.start("A")
	s.primary(a)
	b := s.start("B")
	s.primary(a, b)
	for i := range 20 {
		s.submit(b, "videohub-1", fmt.Sprintf("u%d", i), domain.Take{Destination: 1 + i%5, Source: 1 + i})
	}
	s.eventually("the standby's state is compared and agrees", func() error {
		st, err := a.Status(s.ctx)
		if err != nil {
			return err
		}
		for _, m := range st.Servers {
			if m.HashOK != domain.HashOK {
				return fmt.Errorf("%s is %s", m.Name, m.HashOK)
			}
		}
		return nil
	})
}
