package httpdevice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// recorder is a sink that remembers, and lets tests wait for what they expect.
type recorder struct {
	mu       sync.Mutex
	events   []string
	answers  map[uint64]domain.Answered
	values   map[domain.Target]string
	up       bool
	overlaps int
}

func newRecorder() *recorder {
	return &recorder{answers: map[uint64]domain.Answered{}, values: map[domain.Target]string{}}
}

func (r *recorder) note(f func(), format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf(format, args...))
	f()
}

func (r *recorder) Up(string)         { r.note(func() { r.up = true }, "up") }
func (r *recorder) Down(cause string) { r.note(func() { r.up = false }, "down: %s", cause) }
func (r *recorder) Reported(values []domain.Value, full bool) {
	r.note(func() {
		for _, v := range values {
			r.values[v.Target] = v.Value
		}
	}, "reported %v full=%v", values, full)
}
func (r *recorder) Answered(a domain.Answered) {
	r.note(func() {
		if _, twice := r.answers[a.Ref]; twice {
			r.overlaps++
		}
		r.answers[a.Ref] = a
	}, "answered %+v", a)
}

func (r *recorder) wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		r.mu.Lock()
		ok := cond()
		events := slices.Clone(r.events)
		r.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s; the sink heard %q", what, events)
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *recorder) waitUp(t *testing.T) {
	t.Helper()
	r.wait(t, "up", func() bool { return r.up })
}

func (r *recorder) waitDown(t *testing.T) {
	t.Helper()
	r.wait(t, "down", func() bool {
		return slices.ContainsFunc(r.events, func(e string) bool { return len(e) > 5 && e[:5] == "down:" })
	})
}

func (r *recorder) answer(t *testing.T, ref uint64) domain.Answered {
	t.Helper()
	r.wait(t, fmt.Sprintf("the answer to %d", ref), func() bool { _, ok := r.answers[ref]; return ok })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers[ref]
}

// definition is the device that the simulator is.
func definition(address string) domain.Definition {
	return domain.Definition{
		Device: "gate-1", Driver: domain.DriverHTTP, Address: address, ConfirmWithin: 500 * time.Millisecond, StandbyPolling: true,
		Verbs: []domain.Verb{
			{Name: "pulse", Effect: domain.OneShot, Method: "POST", URL: "/pulse", Body: `{"uid": {{json .uid}}}`},
			{
				Name: "level", Effect: domain.Absolute, Method: "PUT", URL: "/parameters/level", Body: `{"value": {{json .level}}}`,
				Args: []string{"level"}, Target: "level", Value: "level", ReadURL: "/parameters/level", ReadAt: "/value",
			},
			{Name: "set", Effect: domain.Absolute, Method: "PUT", URL: "/parameters/{{path .name}}", Body: `{"value": {{json .value}}}`, Args: []string{"name", "value"}},
		},
	}
}

// pulses is a device that has nothing to read.
func pulses(address string) domain.Definition {
	def := definition(address)
	def.Verbs = def.Verbs[:1]
	return def
}

func startSimulator(t *testing.T) *Simulator {
	t.Helper()
	sim := NewSimulator(SimOptions{})
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim
}

// anyDial has nothing between the driver and the device.
var anyDial = (&net.Dialer{}).DialContext

func open(t *testing.T, o Options, def domain.Definition) (domain.Link, *recorder) {
	t.Helper()
	sink := newRecorder()
	if o.BackoffMin == 0 {
		o.BackoffMin = 10 * time.Millisecond
	}
	if o.ProbeEvery == 0 {
		o.ProbeEvery = 20 * time.Millisecond
	}
	if o.Dial == nil {
		o.Dial = anyDial
	}
	l, err := New(o).Open(def, sink)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if sink.overlaps > 0 {
			t.Errorf("%d actions were answered twice", sink.overlaps)
		}
	})
	return l, sink
}

func pulse(ref uint64) domain.Action {
	return domain.Action{Ref: ref, UID: fmt.Sprintf("p-%d", ref), Effect: domain.OneShot, Payload: domain.Invoke{Verb: "pulse"}}
}

func level(ref uint64, value string) domain.Action {
	return domain.Action{
		Ref: ref, UID: fmt.Sprintf("l-%d", ref), Effect: domain.Absolute,
		Payload: domain.Invoke{Verb: "level", Args: map[string]string{"level": value}},
		Wishes:  []domain.Value{{Target: domain.ParameterTarget("level"), Value: value}},
	}
}

func pass() error { return nil }

func setFault(t *testing.T, sim *Simulator, f Fault) {
	t.Helper()
	if err := sim.SetFault(f); err != nil {
		t.Fatal(err)
	}
}

func TestAnAbsoluteVerbIsAcknowledgedAndReadBack(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, definition(sim.Addr().String()))
	sink.waitUp(t)
	if got := sink.values["parameter/level"]; got != "0" {
		t.Errorf("level on opening = %q, want 0", got)
	}
	if err := l.Emit(t.Context(), level(1, "7"), pass); err != nil {
		t.Fatal(err)
	}
	if a := sink.answer(t, 1); a.Verdict != domain.Acknowledged {
		t.Errorf("answer %+v, want acknowledged: the read-back is to confirm", a)
	}
	sink.wait(t, "the value read back", func() bool { return sink.values["parameter/level"] == "7" })
}

func TestADeviceThatAcknowledgesAndDoesNothingReportsTheOldValue(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, definition(sim.Addr().String()))
	sink.waitUp(t)
	setFault(t, sim, Fault{Mode: FaultAckOnly})
	if err := l.Emit(t.Context(), level(1, "7"), pass); err != nil {
		t.Fatal(err)
	}
	if a := sink.answer(t, 1); a.Verdict != domain.Acknowledged {
		t.Errorf("answer %+v, want acknowledged", a)
	}
	sink.wait(t, "a read-back", func() bool {
		return slices.Contains(sink.events, "reported [{parameter/level 0}] full=false")
	})
}

func TestWhatTheDriverMakesOfEachFault(t *testing.T) {
	type want struct {
		emit    error // class; nil means sent
		verdict domain.Verdict
		reason  domain.Reason
		pulses  uint64
	}
	tests := map[string]struct {
		fault Fault
		want  want
	}{
		"no fault: done":                               {Fault{}, want{nil, domain.Done, "", 1}},
		"late, but in time: done":                      {Fault{Mode: FaultLate, Delay: 50 * time.Millisecond}, want{nil, domain.Done, "", 1}},
		"later than the timeout: no answer":            {Fault{Mode: FaultLate, Delay: time.Minute}, want{nil, domain.NoAnswer, domain.ReasonNoAnswer, 1}},
		"silent: no answer":                            {Fault{Mode: FaultSilent}, want{nil, domain.NoAnswer, domain.ReasonNoAnswer, 1}},
		"half-open: no answer":                         {Fault{Mode: FaultHalfOpen}, want{nil, domain.NoAnswer, domain.ReasonNoAnswer, 0}},
		"acknowledges and does nothing: done, it says": {Fault{Mode: FaultAckOnly}, want{nil, domain.Done, "", 0}},
		"error status: rejected":                       {Fault{Mode: FaultStatus, Status: 503}, want{nil, domain.Rejected, domain.ReasonHTTPStatus, 0}},
		"redirect: rejected, not followed":             {Fault{Mode: FaultStatus, Status: 302}, want{nil, domain.Rejected, domain.ReasonHTTPStatus, 0}},
		"a gateway's timeout: nobody knows":            {Fault{Mode: FaultStatus, Status: 504}, want{nil, domain.NoAnswer, domain.ReasonUnknownFate, 0}},
		"closes after doing it: no answer":             {Fault{Mode: FaultClose}, want{nil, domain.NoAnswer, domain.ReasonNoAnswer, 1}},
		"closes before doing it: no answer":            {Fault{Mode: FaultCloseFirst}, want{nil, domain.NoAnswer, domain.ReasonNoAnswer, 0}},
		"answers garbage: no answer":                   {Fault{Mode: FaultGarbage}, want{nil, domain.NoAnswer, domain.ReasonNoAnswer, 1}},
		"endless header: no answer":                    {Fault{Mode: FaultEndless}, want{nil, domain.NoAnswer, domain.ReasonNoAnswer, 1}},
		"cut in the middle of a good answer: done":     {Fault{Mode: FaultCut}, want{nil, domain.Done, "", 1}},
		"refuses connections: not sent":                {Fault{Mode: FaultRefuse}, want{domain.ErrNotSent, 0, "", 0}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := startSimulator(t)
			l, sink := open(t, Options{}, pulses(sim.Addr().String()))
			sink.waitUp(t)
			setFault(t, sim, test.fault)
			err := l.Emit(t.Context(), pulse(1), pass)
			if !errors.Is(err, test.want.emit) {
				t.Fatalf("Emit = %v, want class %v", err, test.want.emit)
			}
			if err == nil {
				if a := sink.answer(t, 1); a.Verdict != test.want.verdict || a.Reason != test.want.reason {
					t.Errorf("answer %+v, want verdict %d, reason %q", a, test.want.verdict, test.want.reason)
				}
			}
			if got := sim.State().Pulses; got != test.want.pulses {
				t.Errorf("the device pulsed %d times, want %d", got, test.want.pulses)
			}
			if w := sim.State().Writes; w > 1 {
				t.Errorf("the device received %d requests for one action", w)
			}
		})
	}
}

func TestAfterEachFaultTheDeviceComesBackAndTheNextActionPasses(t *testing.T) {
	for _, mode := range faultModes[1:] {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			sim := startSimulator(t)
			l, sink := open(t, Options{}, pulses(sim.Addr().String()))
			sink.waitUp(t)
			setFault(t, sim, Fault{Mode: mode, Delay: time.Minute})
			err := l.Emit(t.Context(), pulse(1), pass)
			if err == nil {
				sink.answer(t, 1)
			} else {
				sink.waitDown(t)
			}
			setFault(t, sim, Fault{})
			sink.waitUp(t)
			if err := l.Emit(t.Context(), pulse(2), pass); err != nil {
				t.Fatal(err)
			}
			if a := sink.answer(t, 2); a.Verdict != domain.Done {
				t.Errorf("answer %+v, want done", a)
			}
			writes, _ := sim.Writes(0, 10)
			if n := count(writes, "p-2"); n != 1 {
				t.Errorf("the second action was sent %d times", n)
			}
			if n := count(writes, "p-1"); n > 1 {
				t.Errorf("the first action was sent %d times", n)
			}
		})
	}
}

func count(writes []Write, uid string) (n int) {
	for _, w := range writes {
		if w.UID == uid {
			n++
		}
	}
	return n
}

func TestAOneShotIsNeverDoubledByAnyFaultOfTheConnection(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, pulses(sim.Addr().String()))
	sink.waitUp(t)
	modes := []FaultMode{FaultNone, FaultDropIdle, FaultClose, FaultNone, FaultCloseFirst, FaultGarbage, FaultCut, FaultDropIdle, FaultNone, FaultNone}
	done := 0
	for i := range uint64(100) {
		setFault(t, sim, Fault{Mode: modes[i%uint64(len(modes))], Times: 1})
		err := l.Emit(t.Context(), pulse(i+1), pass)
		switch {
		case err == nil:
			if sink.answer(t, i+1).Verdict == domain.Done {
				done++
			}
		case errors.Is(err, domain.ErrUnknownFate):
		default:
			t.Fatal(err)
		}
	}
	st := sim.State()
	if len(st.Doubled) > 0 {
		t.Errorf("doubled: %v", st.Doubled)
	}
	if st.Writes > 100 || st.Pulses < uint64(done) {
		t.Errorf("100 actions, %d known as done: the device received %d requests and pulsed %d times", done, st.Writes, st.Pulses)
	}
}

// The connection dies between two requests, at the worst moment: the second
// request is written to it before its end is seen.
func TestAKeptConnectionThatDiedIsNoReasonToSendAgain(t *testing.T) {
	dev := newByteDevice(t)
	var kept net.Conn
	o := Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		kept = &deafConn{Conn: c, ended: make(chan struct{})}
		return kept, err
	}, DialRead: (&net.Dialer{}).DialContext}
	l, sink := open(t, o, pulses(dev.address()))
	sink.waitUp(t)
	if err := l.Emit(t.Context(), pulse(1), pass); err != nil {
		t.Fatal(err)
	}
	first := dev.request(t)
	first.reply(t, "HTTP/1.1 204 No Content\r\n\r\n")
	if a := sink.answer(t, 1); a.Verdict != domain.Done {
		t.Fatalf("answer %+v", a)
	}
	kept.(*deafConn).deaf.Store(true)
	socket.Abort(first.conn) // the device resets the kept connection, and the driver does not see it yet
	err := l.Emit(t.Context(), pulse(2), pass)
	switch {
	case err == nil: // the bytes were taken: only the answer tells
		kept.(*deafConn).hear()
		if a := sink.answer(t, 2); a.Verdict != domain.NoAnswer {
			t.Errorf("answer %+v, want none", a)
		}
	case errors.Is(err, domain.ErrNotSent), errors.Is(err, domain.ErrUnknownFate):
		kept.(*deafConn).hear()
	default:
		t.Errorf("Emit = %v", err)
	}
	sink.waitUp(t)
	if n := dev.requests(); n != 1 {
		t.Errorf("the device was sent %d requests, want the first alone: nothing may be sent again", n)
	}
}

func TestTheGateDecidesOnEachWriteAndARefusalLeavesNoByte(t *testing.T) {
	dev := newByteDevice(t)
	l, sink := open(t, Options{}, pulses(dev.address()))
	sink.waitUp(t)
	asked := 0
	refuse := func() error { asked++; return fmt.Errorf("lease is over: %w", domain.ErrFenced) }
	for i := range uint64(3) {
		err := l.Emit(t.Context(), pulse(i+1), refuse)
		if !errors.Is(err, domain.ErrFenced) || errors.Is(err, domain.ErrUnknownFate) {
			t.Fatalf("Emit = %v, want fenced and nothing else", err)
		}
	}
	if asked != 3 {
		t.Errorf("the gate was asked %d times for 3 actions", asked)
	}
	if err := l.Emit(t.Context(), pulse(4), pass); err != nil {
		t.Fatal(err)
	}
	dev.request(t).reply(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	sink.answer(t, 4)
	if err := l.Emit(t.Context(), pulse(5), refuse); !errors.Is(err, domain.ErrFenced) {
		t.Fatalf("Emit = %v, want fenced", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := dev.bytes(t); got != dev.first {
		t.Errorf("the device received %d bytes, want the %d of the one request that passed", got, dev.first)
	}
}

func TestAGateThatRefusesInTheMiddleOfALargeRequestLeavesAnUnknownFate(t *testing.T) {
	dev := newByteDevice(t)
	def := pulses(dev.address())
	def.Verbs[0].Body = string(make([]byte, 3*maxWrite))
	l, sink := open(t, Options{}, def)
	sink.waitUp(t)
	asked := 0
	err := l.Emit(t.Context(), pulse(1), func() error {
		if asked++; asked == 2 {
			return domain.ErrFenced
		}
		return nil
	})
	if !errors.Is(err, domain.ErrUnknownFate) || errors.Is(err, domain.ErrFenced) {
		t.Errorf("Emit = %v, want unknown fate and not fenced: some bytes left", err)
	}
	sink.waitUp(t)
}

func TestResetEndsTheConnectionAndTheLinkGoesOn(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, pulses(sim.Addr().String()))
	sink.waitUp(t)
	setFault(t, sim, Fault{Mode: FaultSilent})
	if err := l.Emit(t.Context(), pulse(1), pass); err != nil {
		t.Fatal(err)
	}
	l.Reset()
	if a := sink.answer(t, 1); a.Verdict != domain.NoAnswer || a.Detail != errReset.Error() {
		t.Errorf("answer %+v, want none, because of the reset", a)
	}
	setFault(t, sim, Fault{})
	if err := l.Emit(t.Context(), pulse(2), pass); err != nil {
		t.Fatal(err)
	}
	if a := sink.answer(t, 2); a.Verdict != domain.Done {
		t.Errorf("answer %+v, want done", a)
	}
}

func TestAnActionWaitsForTheAnswerToTheOneBefore(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, pulses(sim.Addr().String()))
	sink.waitUp(t)
	setFault(t, sim, Fault{Mode: FaultLate, Delay: 60 * time.Millisecond})
	for i := range uint64(3) {
		if err := l.Emit(t.Context(), pulse(i+1), pass); err != nil {
			t.Fatal(err)
		}
	}
	sink.answer(t, 3)
	writes, _ := sim.Writes(0, 10)
	for i, w := range writes {
		if w.UID != fmt.Sprintf("p-%d", i+1) || w.Client != writes[0].Client {
			t.Errorf("write %d is %s from %s, want p-%d on the same connection", i, w.UID, w.Client, i+1)
		}
		if i > 0 && w.Time-writes[i-1].Time < 50*time.Millisecond {
			t.Errorf("write %d came %s after the one before, which had no answer yet", i, w.Time-writes[i-1].Time)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	setFault(t, sim, Fault{Mode: FaultSilent})
	if err := l.Emit(t.Context(), pulse(4), pass); err != nil {
		t.Fatal(err)
	}
	if err := l.Emit(ctx, pulse(5), pass); !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("Emit = %v, want not sent", err)
	}
	if a := sink.answer(t, 4); a.Verdict != domain.NoAnswer {
		t.Errorf("answer %+v", a)
	}
}

// Whoever could not send waits to be told that the device is there again; a
// device that is never polled must be looked at for that.
func TestAnActionThatCouldNotBeSentIsALossUntilTheDeviceIsReadAgain(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, definition(sim.Addr().String()))
	sink.waitUp(t)
	setFault(t, sim, Fault{Mode: FaultRefuse})
	if err := l.Emit(t.Context(), pulse(1), pass); !errors.Is(err, domain.ErrNotSent) {
		t.Fatalf("Emit = %v, want not sent", err)
	}
	sink.waitDown(t)
	setFault(t, sim, Fault{})
	sink.waitUp(t)
	setFault(t, sim, Fault{Mode: FaultLate, Delay: 100 * time.Millisecond})
	if err := l.Emit(t.Context(), pulse(2), pass); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.Emit(ctx, pulse(3), pass); !errors.Is(err, domain.ErrNotSent) {
		t.Fatalf("Emit = %v, want not sent", err)
	}
	sink.wait(t, "the answer, the loss and the return, in this order", func() bool {
		n := len(sink.events)
		return n > 3 && sink.events[n-1] == "up" && strings.HasPrefix(sink.events[n-3], "down: "+errBusy.Error()) && strings.HasPrefix(sink.events[n-4], "answered {Ref:2 Verdict:1")
	})
}

func TestBadArgumentsAreTheActionsAnswerAndNothingIsSent(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, definition(sim.Addr().String()))
	sink.waitUp(t)
	payloads := []domain.Payload{
		domain.Take{Destination: 1, Source: 1},
		domain.Invoke{Verb: "explode"},
		domain.Invoke{Verb: "level"},
		domain.Invoke{Verb: "set", Args: map[string]string{"name": "..", "value": "1"}},
		domain.Invoke{Verb: "set", Args: map[string]string{"name": "", "value": "1"}},
	}
	for i, p := range payloads {
		ref := uint64(i + 1)
		if err := l.Emit(t.Context(), domain.Action{Ref: ref, UID: "x", Payload: p}, pass); err != nil {
			t.Fatal(err)
		}
		if a := sink.answer(t, ref); a.Verdict != domain.Rejected || a.Reason != domain.ReasonBadArguments {
			t.Errorf("%+v: answer %+v", p, a)
		}
	}
	if n := sim.State().Writes; n != 0 {
		t.Errorf("the device received %d requests", n)
	}
}

func TestTheDeviceIsPolledAndItsOwnChangesAreReported(t *testing.T) {
	sim := startSimulator(t)
	def := definition(sim.Addr().String())
	def.PollEvery = 10 * time.Millisecond
	l, sink := open(t, Options{}, def)
	sink.waitUp(t)
	if err := sim.Set("level", "42"); err != nil {
		t.Fatal(err)
	}
	sink.wait(t, "the foreign change", func() bool { return sink.values["parameter/level"] == "42" })
	setFault(t, sim, Fault{Mode: FaultRefuse})
	sink.wait(t, "down", func() bool { return !sink.up })
	setFault(t, sim, Fault{})
	sink.waitUp(t)
	if sim.State().Writes != 0 {
		t.Error("reading has written")
	}
	if err := l.Refresh(t.Context(), 7); err != nil {
		t.Error(err)
	}
}

func TestRefreshReadsADeviceThatIsNeverPolled(t *testing.T) {
	sim := startSimulator(t)
	l, sink := open(t, Options{}, definition(sim.Addr().String()))
	sink.waitUp(t)
	if err := sim.Set("level", "9"); err != nil {
		t.Fatal(err)
	}
	if err := l.Refresh(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	sink.wait(t, "the value", func() bool { return sink.values["parameter/level"] == "9" })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Refresh(t.Context(), 7); err == nil {
		t.Error("Refresh of a closed link gave no error")
	}
	if err := l.Emit(t.Context(), pulse(1), pass); !errors.Is(err, domain.ErrNotSent) {
		t.Errorf("Emit on a closed link = %v, want not sent", err)
	}
}

func TestTheStateIsReportedBeforeUp(t *testing.T) {
	sim := startSimulator(t)
	for _, def := range []domain.Definition{definition(sim.Addr().String()), pulses(sim.Addr().String())} {
		_, sink := open(t, Options{}, def)
		sink.waitUp(t)
		sink.mu.Lock()
		if len(sink.events) < 2 || sink.events[1] != "up" || !slices.ContainsFunc(sink.events[:1], func(e string) bool { return e[:8] == "reported" }) {
			t.Errorf("events %q, want a full report and then up", sink.events)
		}
		sink.mu.Unlock()
	}
}
