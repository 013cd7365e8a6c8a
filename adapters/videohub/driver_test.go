package videohub

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestTheWholeStateIsReportedBeforeUp(t *testing.T) {
	sim := simulator(t, SimOptions{Inputs: 12, Outputs: 10})
	_, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	if got, want := sink.log[0], "full"; got != want {
		t.Errorf("heard %q first, want %q", got, want)
	}
	if got, want := len(sink.full), 10+10+10+12; got != want {
		t.Errorf("%d values, want %d: crosspoints, locks and both labels", got, want)
	}
	for target, want := range map[domain.Target]string{
		domain.CrosspointTarget("video", 10):     "10",
		domain.LockTarget("video", 1):            domain.LockOpen,
		domain.LabelTarget(domain.PortInput, 12): "Input 12",
		domain.LabelTarget(domain.PortOutput, 1): "Output 1",
	} {
		if got := sink.values[target]; got != want {
			t.Errorf("%s = %q, want %q", target, got, want)
		}
	}
}

func TestATakeIsOneBlockAcknowledgedAndReported(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	a := take(7, 5, 3)
	// A newer wish has overtaken a crosspoint of the salvo: it is in the payload
	// still, and not in the wishes.
	a.Payload = domain.Salvo{Takes: []domain.Take{{Destination: 5, Source: 3}, {Destination: 6, Source: 3}}}
	emit(t, l, a)
	if got := sink.awaitAnswer(t, 7); got.Verdict != domain.Acknowledged {
		t.Errorf("answer %+v, want Acknowledged", got)
	}
	sink.awaitValue(t, domain.CrosspointTarget("video", 5), "3")
	if got, want := string(sim.Writes(0, 10)[0].Raw), "VIDEO OUTPUT ROUTING:\n4 2\n\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestASalvoOf288IsOneBlock(t *testing.T) {
	sim := simulator(t, SimOptions{Inputs: 288, Outputs: 288})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	var pairs []int
	for i := 1; i <= 288; i++ {
		pairs = append(pairs, i, 289-i)
	}
	emit(t, l, take(1, pairs...))
	sink.awaitValue(t, domain.CrosspointTarget("video", 288), "1")
	ws := sim.Writes(0, 10)
	if len(ws) != 1 || len(ws[0].Changes) != 288 {
		t.Errorf("%d requests, want one with 288 crosspoints", len(ws))
	}
}

func TestAGateThatRefusesLetsNoByteLeave(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	fenced := errors.Join(errors.New("the lease is over"), domain.ErrFenced)
	if err := l.Emit(t.Context(), take(1, 1, 2), func() error { return fenced }); !errors.Is(err, domain.ErrFenced) {
		t.Errorf("error %v, want ErrFenced", err)
	}
	if err := l.Emit(t.Context(), take(2, 1, 2), nil); !errors.Is(err, domain.ErrFenced) {
		t.Errorf("without a gate: error %v, want ErrFenced", err)
	}
	// What comes next is answered as itself: the refused ones wait for nothing.
	emit(t, l, take(3, 1, 3))
	if got := sink.awaitAnswer(t, 3); got.Verdict != domain.Acknowledged {
		t.Errorf("answer %+v", got)
	}
	if ws := sim.Writes(0, 10); len(ws) != 1 || ws[0].Changes[0].Source != 3 {
		t.Errorf("the router got %+v, want the third only", ws)
	}
}

func TestOutOfRangeIsNakAndRejected(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	emit(t, l, take(1, 41, 1))
	if got := sink.awaitAnswer(t, 1); got.Verdict != domain.Rejected || got.Reason != domain.ReasonNak {
		t.Errorf("answer %+v, want Rejected nak", got)
	}
	emit(t, l, take(2, 1, 41))
	if got := sink.awaitAnswer(t, 2); got.Verdict != domain.Rejected {
		t.Errorf("answer %+v, want Rejected", got)
	}
}

func TestWhatTheProtocolCannotSayIsRejectedUnsent(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	level := take(4, 1, 1)
	level.Wishes[0].Target = domain.CrosspointTarget("audio", 1)
	for ref, a := range map[uint64]domain.Action{
		1: {Ref: 1, Payload: domain.Invoke{Verb: "reboot"}},
		2: {Ref: 2, Payload: domain.Take{Destination: 1, Source: 1}}, // no wish is left
		3: take(3, 289, 1),
		4: level,
		5: {Ref: 5, Payload: domain.SetLabel{Port: domain.PortInput, Number: 1, Text: "A\n\nVIDEO OUTPUT ROUTING:\n0 1\n\n"}},
		6: {Ref: 6, Payload: domain.SetLabel{Port: "serial", Number: 1}},
		7: {Ref: 7, Payload: domain.SetLock{Destination: 1, State: "maybe"}},
		8: {Ref: 8, Payload: domain.SetLock{Destination: 0, State: domain.LockOn}},
		9: take(9, 0, 1),
	} {
		emit(t, l, a)
		if got := sink.awaitAnswer(t, ref); got.Verdict != domain.Rejected || got.Reason == "" || got.Detail == "" {
			t.Errorf("%d: answer %+v, want Rejected with a reason", ref, got)
		}
	}
	if ws := sim.Writes(0, 10); len(ws) != 0 {
		t.Errorf("the router got %q", ws[0].Raw)
	}
}

func TestLabelsAreVerbatim(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	for i, text := range []string{"CAM 1 wide", "Kamera Süd 東京", "", " leading and trailing ", "12: U", "ACK"} {
		for _, port := range []domain.PortKind{domain.PortInput, domain.PortOutput} {
			emit(t, l, domain.Action{Ref: uint64(i), Payload: domain.SetLabel{Port: port, Number: 4, Text: text}})
			sink.awaitValue(t, domain.LabelTarget(port, 4), text)
		}
	}
}

func TestLocksBelongToTheClientAddress(t *testing.T) {
	sim := simulator(t, SimOptions{})
	ours, theirs := quick(), quick()
	ours.Dial, theirs.Dial = from("127.0.0.2"), from("127.0.0.3")
	a, sinkA := link(t, sim.Addr(), ours)
	b, sinkB := link(t, sim.Addr(), theirs)
	sinkA.awaitUp(t)
	sinkB.awaitUp(t)
	lock := domain.LockTarget("video", 5)

	emit(t, a, domain.Action{Ref: 1, Payload: domain.SetLock{Destination: 5, State: domain.LockOn}})
	sinkA.awaitValue(t, lock, domain.LockOwned)
	sinkB.awaitValue(t, lock, domain.LockForeign)

	// The other one is acknowledged, and nothing happens: not the take, not the unlock.
	emit(t, b, take(2, 5, 9))
	emit(t, b, domain.Action{Ref: 3, Payload: domain.SetLock{Destination: 5, State: domain.LockOff}})
	for _, ref := range []uint64{2, 3} {
		if got := sinkB.awaitAnswer(t, ref); got.Verdict != domain.Acknowledged {
			t.Errorf("%d: answer %+v, want Acknowledged", ref, got)
		}
	}
	if got := sim.Source(5); got != 5 {
		t.Errorf("source %d on a locked destination, want 5 as before", got)
	}
	// The owner may.
	emit(t, a, take(4, 5, 8))
	sinkB.awaitValue(t, domain.CrosspointTarget("video", 5), "8")

	// Force takes it, and then it can be owned.
	emit(t, b, domain.Action{Ref: 5, Payload: domain.SetLock{Destination: 5, State: domain.LockForce}})
	sinkA.awaitValue(t, lock, domain.LockOpen)
	emit(t, b, domain.Action{Ref: 6, Payload: domain.SetLock{Destination: 5, State: domain.LockOn}})
	sinkB.awaitValue(t, lock, domain.LockOwned)
	sinkA.awaitValue(t, lock, domain.LockForeign)
}

func TestALockedDestinationMayBeNak(t *testing.T) {
	sim := simulator(t, SimOptions{NakLocked: true})
	ours, theirs := quick(), quick()
	ours.Dial, theirs.Dial = from("127.0.0.2"), from("127.0.0.3")
	a, sinkA := link(t, sim.Addr(), ours)
	b, sinkB := link(t, sim.Addr(), theirs)
	sinkA.awaitUp(t)
	sinkB.awaitUp(t)
	emit(t, a, domain.Action{Ref: 1, Payload: domain.SetLock{Destination: 5, State: domain.LockOn}})
	sinkB.awaitValue(t, domain.LockTarget("video", 5), domain.LockForeign)
	emit(t, b, take(2, 5, 9))
	if got := sinkB.awaitAnswer(t, 2); got.Verdict != domain.Rejected {
		t.Errorf("answer %+v, want Rejected", got)
	}
}

func TestTwoClientsSeeOneOrder(t *testing.T) {
	sim := simulator(t, SimOptions{})
	a, sinkA := link(t, sim.Addr(), quick())
	b, sinkB := link(t, sim.Addr(), quick())
	sinkA.awaitUp(t)
	sinkB.awaitUp(t)
	done := make(chan error, 2)
	for i, l := range []*Link{a, b} {
		go func() {
			var first error
			for n := range 100 {
				if err := l.Emit(t.Context(), take(uint64(n+1), 1, 1+(2*n+i)%40), pass); err != nil && first == nil {
					first = err
				}
			}
			done <- first
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, sink := range []*listener{sinkA, sinkB} {
		if got := sink.awaitAnswer(t, 100); got.Verdict != domain.Acknowledged {
			t.Errorf("answer %+v", got)
		}
		for i, a := range sink.answers {
			if a.Ref != uint64(i+1) {
				t.Fatalf("answer %d is for %d", i, a.Ref)
			}
		}
		sink.awaitValue(t, domain.CrosspointTarget("video", 1), itoa(sim.Source(1)))
	}
}

func TestAFrontPanelChangeIsReported(t *testing.T) {
	sim := simulator(t, SimOptions{})
	_, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	if err := sim.Route(9, 1); err != nil {
		t.Fatal(err)
	}
	sink.awaitValue(t, domain.CrosspointTarget("video", 9), "1")
}

func TestTheSinkHearsOneThingAtATime(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick()) // checks it at the end
	sink.awaitUp(t)
	for n, end := 0, time.Now().Add(patience); sink.count("part") < 100; n++ {
		if time.Now().After(end) {
			t.Fatal("too little was reported meanwhile")
		}
		if err := sim.Route(1, 1+n%2); err != nil {
			t.Fatal(err)
		}
		emit(t, l, take(uint64(n), 289, 1)) // refused by Emit's goroutine, while the other reports
	}
}

func TestRefreshReadsAndChangesNothing(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	if err := l.Refresh(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	sink.await(t, "four blocks", func(s *listener) bool {
		n := 0
		for _, e := range s.log {
			if e == "part" {
				n++
			}
		}
		return n == 4
	})
	for _, w := range sim.Writes(0, 10) {
		if len(w.Changes) != 0 || w.Answer != answerAck {
			t.Errorf("request %q answered %s", w.Raw, w.Answer)
		}
	}
}

func TestResetReplacesTheConnection(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	l.Reset()
	if err := l.Emit(t.Context(), take(1, 1, 2), pass); err == nil {
		// It may have been up again already; then it is a new connection.
		sink.awaitAnswer(t, 1)
	} else if !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("error %v, want ErrNotSent", err)
	}
	sink.awaitDown(t, "reset: this server may not act any more")
	sink.await(t, "second Up", func(s *listener) bool { return s.isUp })
	if n := sink.count("full"); n != 2 {
		t.Errorf("%d full reports, want 2", n)
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	d := New(Options{})
	if _, err := d.Open(domain.Definition{Device: "hub"}, &listener{}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("no address: %v", err)
	}
	if _, err := d.Open(domain.Definition{Device: "hub", Address: "127.0.0.1"}, nil); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("no sink: %v", err)
	}
}
