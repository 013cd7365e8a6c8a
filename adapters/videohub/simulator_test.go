package videohub

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// client is a hand-written client: it knows nothing of the driver.
type client struct {
	t    *testing.T
	conn net.Conn
	got  string
}

func dial(t *testing.T, addr, host string) *client {
	t.Helper()
	conn, err := from(host)(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn}
}

func (c *client) say(text string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads up to and with the text, and returns it all.
func (c *client) hear(text string) string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	for !strings.Contains(c.got, text) {
		n, err := c.conn.Read(buf)
		c.got += string(buf[:n])
		if err != nil {
			c.t.Fatalf("no %q, but %q: %v", text, c.got, err)
		}
	}
	end := strings.Index(c.got, text) + len(text)
	said := c.got[:end]
	c.got = c.got[end:]
	return said
}

// ask sends a request and expects exactly this answer.
func (c *client) ask(request, want string) {
	c.t.Helper()
	c.say(request)
	if got := c.hear(want); got != want {
		c.t.Errorf("request %q: answer %q, want %q", request, got, want)
	}
}

// quiet says that the connection has nothing more to say: the answer to a PING comes next.
func (c *client) quiet() {
	c.t.Helper()
	c.ask("PING:\n\n", "ACK\n\n")
}

func TestTheSimulatorsPrelude(t *testing.T) {
	sim := simulator(t, SimOptions{Inputs: 2, Outputs: 1, Model: "Model", Name: "Name", UniqueID: "ID"})
	want := "PROTOCOL PREAMBLE:\nVersion: 2.8\n\n" +
		"VIDEOHUB DEVICE:\nDevice present: true\nModel name: Model\nFriendly name: Name\nUnique ID: ID\nVideo inputs: 2\n" +
		"Video processing units: 0\nVideo outputs: 1\nVideo monitoring outputs: 0\nSerial ports: 0\n\n" +
		"INPUT LABELS:\n0 Input 1\n1 Input 2\n\nOUTPUT LABELS:\n0 Output 1\n\nVIDEO OUTPUT LOCKS:\n0 U\n\n" +
		"VIDEO OUTPUT ROUTING:\n0 0\n\nCONFIGURATION:\nTake Mode: false\n\nEND PRELUDE:\n\n"
	if got := dial(t, sim.Addr(), "127.0.0.1").hear("END PRELUDE:\n\n"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	old := simulator(t, SimOptions{NoEndPrelude: true, Version: "2.3"})
	c := dial(t, old.Addr(), "127.0.0.1")
	c.hear("Version: 2.3\n\n")
	c.hear("Take Mode: false\n\n")
	c.quiet()
}

func TestTheSimulatorAnswers(t *testing.T) {
	sim := simulator(t, SimOptions{Inputs: 4, Outputs: 3})
	a, b := dial(t, sim.Addr(), "127.0.0.2"), dial(t, sim.Addr(), "127.0.0.3")
	a.hear("END PRELUDE:\n\n")
	b.hear("END PRELUDE:\n\n")
	for _, c := range []struct{ name, request, answer, others string }{
		{"ping", "PING:\n\n", "ACK\n\n", ""},
		{"a take", "VIDEO OUTPUT ROUTING:\n0 3\n\n", "ACK\n\nVIDEO OUTPUT ROUTING:\n0 3\n\n", "VIDEO OUTPUT ROUTING:\n0 3\n\n"},
		{"the same take again", "VIDEO OUTPUT ROUTING:\n0 3\n\n", "ACK\n\n", ""},
		{"a salvo of which one changes something", "VIDEO OUTPUT ROUTING:\n0 3\n2 0\n\n", "ACK\n\nVIDEO OUTPUT ROUTING:\n2 0\n\n", "VIDEO OUTPUT ROUTING:\n2 0\n\n"},
		{"CRLF", "VIDEO OUTPUT ROUTING:\r\n0 1\r\n\r\n", "ACK\n\nVIDEO OUTPUT ROUTING:\n0 1\n\n", "VIDEO OUTPUT ROUTING:\n0 1\n\n"},
		{"an output too many", "VIDEO OUTPUT ROUTING:\n1 0\n3 0\n\n", "NAK\n\n", ""},
		{"an input too many", "VIDEO OUTPUT ROUTING:\n1 4\n\n", "NAK\n\n", ""},
		{"no number", "VIDEO OUTPUT ROUTING:\none 0\n\n", "NAK\n\n", ""},
		{"an unknown block", "TELEPORT:\n1 2\n\n", "NAK\n\n", ""},
		{"a label", "INPUT LABELS:\n3  Süd\n\n", "ACK\n\nINPUT LABELS:\n3  Süd\n\n", "INPUT LABELS:\n3  Süd\n\n"},
		{"an empty label", "OUTPUT LABELS:\n2 \n\n", "ACK\n\nOUTPUT LABELS:\n2 \n\n", "OUTPUT LABELS:\n2 \n\n"},
		{"a lock", "VIDEO OUTPUT LOCKS:\n2 O\n\n", "ACK\n\nVIDEO OUTPUT LOCKS:\n2 O\n\n", "VIDEO OUTPUT LOCKS:\n2 L\n\n"},
		{"no such lock", "VIDEO OUTPUT LOCKS:\n2 X\n\n", "NAK\n\n", ""},
		{"a dump of the locks", "VIDEO OUTPUT LOCKS:\n\n", "ACK\n\nVIDEO OUTPUT LOCKS:\n0 U\n1 U\n2 O\n\n", ""},
		{"a dump of the routing", "VIDEO OUTPUT ROUTING:\n\n", "ACK\n\nVIDEO OUTPUT ROUTING:\n0 1\n1 1\n2 0\n\n", ""},
		{"a dump of what it has not", "SERIAL PORT LOCKS:\n\n", "NAK\n\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.t, b.t = t, t
			a.ask(c.request, c.answer)
			a.quiet()
			if c.others != "" {
				if got := b.hear(c.others); got != c.others {
					t.Errorf("the other client hears %q, want %q", got, c.others)
				}
			}
			b.quiet()
		})
	}
	a.t, b.t = t, t
	b.ask("VIDEO OUTPUT ROUTING:\n2 3\n1 3\n\n", "ACK\n\nVIDEO OUTPUT ROUTING:\n1 3\n\n") // 2 is locked by the other
	b.ask("VIDEO OUTPUT LOCKS:\n2 U\n\n", "ACK\n\n")
	b.ask("VIDEO OUTPUT LOCKS:\n2 F\n\n", "ACK\n\nVIDEO OUTPUT LOCKS:\n2 U\n\n")
	// A lock is the address's, not the connection's.
	again := dial(t, sim.Addr(), "127.0.0.2")
	again.hear("END PRELUDE:\n\n")
	a.say("VIDEO OUTPUT LOCKS:\n0 O\n\n")
	again.hear("VIDEO OUTPUT LOCKS:\n0 O\n\n")
}

func TestEveryRequestIsRecorded(t *testing.T) {
	sim := simulator(t, SimOptions{})
	before := sinceBoot()
	c := dial(t, sim.Addr(), "127.0.0.2")
	c.hear("END PRELUDE:\n\n")
	c.say("VIDEO OUTPUT ROUTING:\r\n4 2\r\n7 0")
	c.say("\r\n\r\n")
	c.hear("ACK\n\n")
	c.say("PING:\n\n")
	c.hear("ACK\n\n")
	c.say("VIDEO OUTPUT ROUTING:\n5 ")
	c.conn.Close()
	var ws []Write
	for end := time.Now().Add(patience); len(ws) < 3 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		ws = sim.Writes(0, 10)
	}
	if len(ws) != 3 {
		t.Fatalf("%d records, want 3: %+v", len(ws), ws)
	}
	w := ws[0]
	if string(w.Raw) != "VIDEO OUTPUT ROUTING:\r\n4 2\r\n7 0\r\n\r\n" || w.Answer != "ACK" || w.Sequence != 1 ||
		len(w.Changes) != 2 || w.Changes[1] != (Crosspoint{8, 1}) || w.Client != c.conn.LocalAddr().String() {
		t.Errorf("first record %+v", w)
	}
	if w.At < before || w.At > sinceBoot() {
		t.Errorf("recorded at %d, want it between %d and now", w.At, before)
	}
	if w := ws[2]; w.Text != "VIDEO OUTPUT ROUTING:\n5 " || w.Answer != "" {
		t.Errorf("the half request is recorded as %+v", w)
	}
	if got := sim.Writes(1, 1); len(got) != 1 || got[0].Sequence != 2 {
		t.Errorf("since 1, one: %+v", got)
	}
}

func TestTheRecordIsBounded(t *testing.T) {
	j := newJournal(100, 1000)
	for i := range 10_000 {
		j.add(entry{raw: itoa(i)})
	}
	ws, newest := j.after(0, 1000)
	if newest != 10_000 || len(ws) != 100 || ws[0].Sequence != 9901 || ws[0].Text != "9900" {
		t.Errorf("%d records to %d, first %+v", len(ws), newest, ws[0])
	}
	j.add(entry{raw: strings.Repeat("x", 999)})
	if ws, _ := j.after(0, 1000); len(ws) != 1 || ws[0].Sequence != 10_001 {
		t.Errorf("%d records, want the large one only", len(ws))
	}
	if len(j.entries) > 300 {
		t.Errorf("%d places are held for 100 entries", len(j.entries))
	}
	j.clear()
	j.add(entry{raw: "y"})
	if ws, _ := j.after(0, 10); len(ws) != 1 || ws[0].Sequence != 10_002 {
		t.Errorf("after clear: %+v", ws)
	}
	if ws, _ := j.after(1<<63, 10); ws != nil {
		t.Errorf("after the end: %+v", ws)
	}
}

func setFault(t *testing.T, sim *Simulator, m FaultMode, delay time.Duration) {
	t.Helper()
	if err := sim.SetFault(Fault{m, delay}); err != nil {
		t.Fatal(err)
	}
}

// impatient are options that notice a fault soon.
func impatient() Options {
	o := quick()
	o.PingEvery, o.AnswerTimeout, o.PreludeTimeout = 20*time.Millisecond, 60*time.Millisecond, 100*time.Millisecond
	return o
}

func TestTheDriverSurvivesEveryFault(t *testing.T) {
	for _, c := range []struct {
		mode  FaultMode
		delay time.Duration
		cause string
	}{
		{FaultSilent, 0, "no answer to"},
		{FaultHalfOpen, 0, "no answer to"},
		{FaultLate, time.Minute, "no answer to"},
		{FaultGarbage, 0, "bytes that are not text"},
		{FaultAbsent, 0, "no router attached"},
		{FaultNeedsUpdate, 0, "needs a firmware update"},
		{FaultClose, 0, "closed the connection"},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			sim := simulator(t, SimOptions{})
			l, sink := link(t, sim.Addr(), impatient())
			sink.awaitUp(t)
			setFault(t, sim, c.mode, c.delay)
			sink.awaitDown(t, c.cause)
			setFault(t, sim, FaultNone, 0)
			sink.awaitUp(t)
			emitUntilAcknowledged(t, l, sink)
			sink.awaitValue(t, domain.CrosspointTarget("video", 5), "7")
		})
	}
}

// emitUntilAcknowledged tries again while the link flaps.
func emitUntilAcknowledged(t *testing.T, l *Link, sink *listener) {
	t.Helper()
	for ref, end := uint64(1), time.Now().Add(patience); time.Now().Before(end); ref++ {
		if err := l.Emit(t.Context(), take(ref, 5, 7), pass); err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		if sink.awaitAnswer(t, ref).Verdict == domain.Acknowledged {
			return
		}
	}
	t.Fatal("never acknowledged")
}

func TestAcknowledgedIsNotDone(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	setFault(t, sim, FaultAckOnly, 0)
	emit(t, l, take(1, 5, 3))
	if got := sink.awaitAnswer(t, 1); got.Verdict != domain.Acknowledged {
		t.Errorf("answer %+v", got)
	}
	if sim.Source(5) != 5 || sink.count("part") != 0 {
		t.Error("it did something, or said so")
	}
}

func TestLateIsLate(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	setFault(t, sim, FaultLate, 80*time.Millisecond)
	began := time.Now()
	emit(t, l, take(1, 5, 3))
	sink.awaitValue(t, domain.CrosspointTarget("video", 5), "3")
	if took := time.Since(began); took < 80*time.Millisecond {
		t.Errorf("reported after %s, want 80ms or more", took)
	}
}

func TestAFrozenRouterReadsNothingUntilItThaws(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	setFault(t, sim, FaultHalfOpen, 0)
	emit(t, l, take(1, 5, 3)) // in the router's socket buffer, read by nobody
	late := dial(t, sim.Addr(), "127.0.0.3")
	if n := len(sim.Writes(0, 10)); n != 0 || sim.Source(5) != 5 {
		t.Fatalf("%d requests read by a frozen router", n)
	}
	setFault(t, sim, FaultNone, 0)
	sink.awaitValue(t, domain.CrosspointTarget("video", 5), "3")
	late.hear("END PRELUDE:\n\n")
}

func TestTheControlInterface(t *testing.T) {
	sim := simulator(t, SimOptions{Inputs: 4, Outputs: 4})
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	call := func(method, path, body string, status int, into any) {
		t.Helper()
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, res.StatusCode, text, status)
		}
		if into != nil {
			if err := json.Unmarshal(text, into); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	c := dial(t, sim.Addr(), "127.0.0.2")
	c.hear("END PRELUDE:\n\n")
	call("POST", "/route", `{"dest":3,"source":1}`, 200, nil)
	c.hear("VIDEO OUTPUT ROUTING:\n2 0\n\n")
	c.ask("VIDEO OUTPUT LOCKS:\n0 O\n\n", "ACK\n\nVIDEO OUTPUT LOCKS:\n0 O\n\n")

	var st SimState
	call("GET", "/state", "", 200, &st)
	if st.Routing[2] != (Crosspoint{3, 1}) || len(st.Clients) != 1 || st.Fault != FaultNone || len(st.Locks) != 1 || st.Locks[0] != (SimLock{1, "127.0.0.2"}) {
		t.Errorf("state %+v", st)
	}
	call("POST", "/faults", `{"mode":"late","delay":"200ms"}`, 200, &st)
	if st.Fault != FaultLate || st.Delay != "200ms" || sim.CurrentFault() != (Fault{FaultLate, 200 * time.Millisecond}) {
		t.Errorf("state %+v", st)
	}
	var page struct {
		Writes       []Write
		Next, Newest uint64
	}
	call("GET", "/writes?since=0&limit=5", "", 200, &page)
	if len(page.Writes) != 1 || page.Next != 1 || page.Newest != 1 || string(page.Writes[0].Raw) != page.Writes[0].Text {
		t.Errorf("writes %+v", page)
	}
	call("POST", "/clear", `{"writes":true}`, 200, &st)
	call("GET", "/writes", "", 200, &page)
	if st.Fault != FaultNone || len(page.Writes) != 0 || page.Newest != 1 {
		t.Errorf("after clear: %+v, %+v", st, page)
	}
	call("POST", "/clear", "", 200, nil)
	for path, body := range map[string]string{
		"/route":  `{"dest":5,"source":1}`,
		"/faults": `{"mode":"tired"}`,
		"/clear":  `{"what":1}`,
	} {
		call("POST", path, body, 400, nil)
	}
	call("POST", "/faults", `{"mode":"late"}`, 400, nil)
	call("POST", "/faults", `{"mode":"late","delay":"soon"}`, 400, nil)
	call("POST", "/faults", `{"mode":"silent","delay":"1s"}`, 400, nil)
	call("GET", "/writes?since=x", "", 400, nil)
}

func TestASimulatorOfAnImpossibleSizeIsRefused(t *testing.T) {
	if _, err := NewSimulator(SimOptions{Inputs: 289}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("error %v, want ErrInvalid", err)
	}
}

func TestABadClientIsDroppedAndTheOthersAreNot(t *testing.T) {
	sim := simulator(t, SimOptions{})
	good := dial(t, sim.Addr(), "127.0.0.2")
	good.hear("END PRELUDE:\n\n")
	for _, bad := range []string{"\x00\n", strings.Repeat("x", maxLine+2)} {
		c := dial(t, sim.Addr(), "127.0.0.3")
		c.hear("END PRELUDE:\n\n")
		c.say(bad)
		toEnd(c.conn)
	}
	good.quiet()
}
