package videohub

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// The streams below are written by hand from the published protocol and from
// what real routers are known to send, so that driver and simulator cannot be
// wrong in the same way.

const preamble23 = "PROTOCOL PREAMBLE:\nVersion: 2.3\n\n"

const smallDevice = `VIDEOHUB DEVICE:
Device present: true
Model name: Blackmagic Smart Videohub
Unique ID: 7C2E0D021714
Video inputs: 3
Video processing units: 0
Video outputs: 2
Video monitoring outputs: 0
Serial ports: 0

`

const smallState = `INPUT LABELS:
0 Input 1
1 Kamera Süd
2

OUTPUT LABELS:
0 Out  with  spaces
1 B

VIDEO OUTPUT LOCKS:
0 U
1 L

VIDEO OUTPUT ROUTING:
0 2
1 0

`

// newFirmware is the order and the extra blocks of a 12G router.
const newFirmware = `PROTOCOL PREAMBLE:
Version: 2.8

VIDEOHUB DEVICE:
Device present: true
Model name: Blackmagic Videohub 10x10 12G
Friendly name: Studio: left
Unique ID: 7C2E0D0A0B0C
Video inputs: 3
Video outputs: 2

NETWORK:
Interface Count: 1
Default Interface: 0

NETWORK INTERFACE 0:
Name: Ethernet 1
Priority: 1
Dynamic IP: true

INPUT LABELS:
0 A
1 B
2 C

OUTPUT LABELS:
0 X
1 Y

VIDEO OUTPUT LOCKS:
0 U
1 O

VIDEO OUTPUT ROUTING:
0 1
1 1

VIDEO INPUT STATUS:
0 BNC
1 None
2 Optical

CONFIGURATION:
Take Mode: true

END PRELUDE:

`

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestThePreludeHoweverItComes(t *testing.T) {
	whole := preamble23 + smallDevice + smallState
	for name, parts := range map[string][]string{
		"in one read":           {whole},
		"with CRLF":             {crlf(whole)},
		"byte by byte":          strings.Split(whole, ""),
		"cut in a CRLF":         strings.SplitAfter(crlf(whole), "\r"),
		"with END PRELUDE":      {whole, "END PRELUDE:\n\n"},
		"with unknown blocks":   {preamble23, "ALIEN BLOCK:\n0 1\nVIDEO OUTPUT ROUTING:\n0 0\n\n", smallDevice, smallState},
		"with unknown lines":    {preamble23, smallDevice, strings.Replace(smallState, "0 2\n", "0 2\nx y\n-1 4\n999 1\n1\n1 -1\n", 1)},
		"with extra blank line": {"\n\n", whole, "\n\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := peer(t, func(conn net.Conn, _ int) {
				for _, p := range parts {
					say(t, conn, p)
				}
				toEnd(conn)
			})
			_, sink := link(t, addr, quick())
			sink.awaitUp(t)
			want := map[domain.Target]string{
				domain.CrosspointTarget("video", 1):      "3",
				domain.CrosspointTarget("video", 2):      "1",
				domain.LockTarget("video", 1):            domain.LockOpen,
				domain.LockTarget("video", 2):            domain.LockForeign,
				domain.LabelTarget(domain.PortInput, 1):  "Input 1",
				domain.LabelTarget(domain.PortInput, 2):  "Kamera Süd",
				domain.LabelTarget(domain.PortInput, 3):  "",
				domain.LabelTarget(domain.PortOutput, 1): "Out  with  spaces",
				domain.LabelTarget(domain.PortOutput, 2): "B",
			}
			sink.mu.Lock()
			defer sink.mu.Unlock()
			if len(sink.full) != len(want) {
				t.Errorf("%d values, want %d: %v", len(sink.full), len(want), sink.full)
			}
			for target, value := range want {
				if got, ok := sink.values[target]; !ok || got != value {
					t.Errorf("%s = %q, want %q", target, got, value)
				}
			}
		})
	}
}

func TestTheBlocksOfNewFirmwareAreTakenOrIgnored(t *testing.T) {
	addr := peer(t, func(conn net.Conn, _ int) { say(t, conn, newFirmware); toEnd(conn) })
	slow := quick()
	slow.Settle = time.Hour // END PRELUDE alone must do
	_, sink := link(t, addr, slow)
	sink.awaitUp(t)
	if got, want := sink.log[1], `up Blackmagic Videohub 10x10 12G, 3x2, "Studio: left", id 7C2E0D0A0B0C, protocol 2.8`; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	if got := sink.values[domain.LockTarget("video", 2)]; got != domain.LockOwned {
		t.Errorf("lock %q, want owned", got)
	}
}

func TestAMalformedPreludeIsReadAsFarAsItGoes(t *testing.T) {
	// As a well-known stand-in server sends it: an end of line is missing.
	addr := peer(t, func(conn net.Conn, _ int) {
		say(t, conn, "PROTOCOL PREAMBLE:\nVersion: 2.4\n\nVIDEOHUB DEVICE:\nDevice present: true\nModel name: Emulator\n"+
			"Video inputs: 41Video processing units: 0\nVideo outputs: 2\n\nVIDEO OUTPUT ROUTING:\n0 40\n1 0\n\n")
		toEnd(conn)
	})
	_, sink := link(t, addr, quick())
	sink.awaitUp(t)
	if got := sink.values[domain.CrosspointTarget("video", 1)]; got != "41" {
		t.Errorf("source %q, want 41", got)
	}
	if !strings.Contains(sink.log[1], "41x2") {
		t.Errorf("heard %q, want 41x2", sink.log[1])
	}
}

func Test288x288InManyReads(t *testing.T) {
	var b strings.Builder
	b.WriteString(preamble23 + "VIDEOHUB DEVICE:\nDevice present: true\nVideo inputs: 288\nVideo outputs: 288\n\n")
	for _, head := range []string{"INPUT LABELS:", "OUTPUT LABELS:", "VIDEO OUTPUT LOCKS:", "VIDEO OUTPUT ROUTING:"} {
		b.WriteString(head + "\n")
		for i := range 288 {
			rest := map[string]string{"INPUT LABELS:": "In", "OUTPUT LABELS:": "Out", "VIDEO OUTPUT LOCKS:": "U", "VIDEO OUTPUT ROUTING:": itoa(287 - i)}[head]
			fmt.Fprintf(&b, "%d %s\n", i, rest)
		}
		b.WriteString("\n")
	}
	whole := b.String()
	addr := peer(t, func(conn net.Conn, _ int) {
		for len(whole) > 0 {
			n := min(97, len(whole))
			say(t, conn, whole[:n])
			whole = whole[n:]
		}
		toEnd(conn)
	})
	_, sink := link(t, addr, quick())
	sink.awaitUp(t)
	if len(sink.full) != 4*288 {
		t.Errorf("%d values, want %d", len(sink.full), 4*288)
	}
	if got := sink.values[domain.CrosspointTarget("video", 288)]; got != "1" {
		t.Errorf("last destination shows %q, want 1", got)
	}
}

func TestAPauseInABlockDoesNotEndThePrelude(t *testing.T) {
	routing, labels := "VIDEO OUTPUT ROUTING:\n0 2\n1 0\n\n", "INPUT LABELS:\n0 A\n"
	addr := peer(t, func(conn net.Conn, _ int) {
		say(t, conn, preamble23+smallDevice+routing+labels)
		<-time.After(60 * time.Millisecond) // the input is the pause
		say(t, conn, "1 B\n\n")
		toEnd(conn)
	})
	o := quick()
	o.Settle = 2 * time.Millisecond
	_, sink := link(t, addr, o)
	sink.awaitUp(t)
	if len(sink.full) != 4 {
		t.Errorf("reported %v, want the labels too", sink.full)
	}
}

func TestRequestsAsTheyAreOnTheWire(t *testing.T) {
	heard := make(chan string, 1)
	addr := peer(t, func(conn net.Conn, n int) {
		say(t, conn, newFirmware)
		if n == 0 {
			heard <- hear(conn, "1 F\n\n")
		}
		toEnd(conn)
	})
	l, sink := link(t, addr, quick())
	sink.awaitUp(t)
	emit(t, l, take(1, 2, 3, 1, 1))
	emit(t, l, domain.Action{Ref: 2, Payload: domain.SetLabel{Port: domain.PortInput, Number: 3, Text: " ä b"}})
	emit(t, l, domain.Action{Ref: 3, Payload: domain.SetLabel{Port: domain.PortOutput, Number: 1}})
	emit(t, l, domain.Action{Ref: 4, Payload: domain.SetLock{Destination: 1, State: domain.LockOn}})
	emit(t, l, domain.Action{Ref: 5, Payload: domain.SetLock{Destination: 1, State: domain.LockOff}})
	emit(t, l, domain.Action{Ref: 6, Payload: domain.SetLock{Level: "video", Destination: 2, State: domain.LockForce}})
	want := "VIDEO OUTPUT ROUTING:\n1 2\n0 0\n\n" + "INPUT LABELS:\n2  ä b\n\n" + "OUTPUT LABELS:\n0 \n\n" +
		"VIDEO OUTPUT LOCKS:\n0 O\n\n" + "VIDEO OUTPUT LOCKS:\n0 U\n\n" + "VIDEO OUTPUT LOCKS:\n1 F\n\n"
	if got := <-heard; got != want {
		t.Errorf("wrote %q\nwant  %q", got, want)
	}
}

func TestAnswersBelongToRequestsInTheirOrder(t *testing.T) {
	addr := peer(t, func(conn net.Conn, _ int) {
		say(t, conn, "ACK\n\n"+newFirmware) // an answer to nothing
		hear(conn, "0 2\n\n")
		say(t, conn, "ACK\n\nNAK\n\nVIDEO OUTPUT ROUTING:\n0 2\n\nACK\r\n\r\n")
		toEnd(conn)
	})
	l, sink := link(t, addr, quick())
	sink.awaitUp(t)
	emit(t, l, take(1, 1, 1))
	emit(t, l, take(2, 1, 2))
	emit(t, l, take(3, 1, 3))
	for ref, want := range map[uint64]domain.Verdict{1: domain.Acknowledged, 2: domain.Rejected, 3: domain.Acknowledged} {
		if got := sink.awaitAnswer(t, ref); got.Verdict != want {
			t.Errorf("%d: %+v, want verdict %d", ref, got, want)
		}
	}
}

func TestALateAnswerNeverMeetsANewerRequest(t *testing.T) {
	reconnected := make(chan struct{})
	addr := peer(t, func(conn net.Conn, n int) {
		say(t, conn, newFirmware)
		if n > 0 {
			if n == 1 {
				close(reconnected)
			}
			hear(conn, "0 1\n\n")
			say(t, conn, "NAK\n\n")
			toEnd(conn)
			return
		}
		hear(conn, "0 0\n\n")
		when(t, reconnected)
		say(t, conn, "ACK\n\n") // too late, and on a connection that is gone
	})
	o := quick()
	o.AnswerTimeout, o.PingEvery = 30*time.Millisecond, time.Hour
	l, sink := link(t, addr, o)
	sink.awaitUp(t)
	emit(t, l, take(1, 1, 1))
	if got := sink.awaitAnswer(t, 1); got.Verdict != domain.NoAnswer {
		t.Errorf("answer %+v, want NoAnswer", got)
	}
	sink.awaitDown(t, "no answer to crosspoint.salvo.v1 within 30ms")
	sink.awaitUp(t)
	emit(t, l, take(2, 1, 2))
	if got := sink.awaitAnswer(t, 2); got.Verdict != domain.Rejected {
		t.Errorf("answer %+v, want the NAK that was meant for it", got)
	}
}

// The answers to what is sent after one that is missing would be taken for others',
// so it is not waited for longer than a command of the device waits.
func TestAMissingAnswerIsWaitedForNoLongerThanACommandIs(t *testing.T) {
	addr := peer(t, func(conn net.Conn, _ int) {
		say(t, conn, newFirmware)
		toEnd(conn)
	})
	def := definition(addr)
	def.ConfirmWithin = 30 * time.Millisecond
	l, sink := linkOf(t, def, quick())
	sink.awaitUp(t)
	emit(t, l, take(1, 1, 1))
	if got := sink.awaitAnswer(t, 1); got.Verdict != domain.NoAnswer || !strings.Contains(got.Detail, "within 30ms") {
		t.Errorf("answer %+v, want NoAnswer within confirm_within", got)
	}
	sink.awaitDown(t, "no answer to crosspoint.salvo.v1 within 30ms")
}

func TestARouterThatComesBackIsReadAnew(t *testing.T) {
	comeBack := make(chan struct{})
	other := strings.NewReplacer("7C2E0D021714", "AAAA", "Video outputs: 2", "Video outputs: 1").Replace(smallDevice)
	addr := peer(t, func(conn net.Conn, _ int) {
		say(t, conn, preamble23+smallDevice+smallState)
		when(t, comeBack)
		say(t, conn, "VIDEOHUB DEVICE:\nDevice present: false\n\n")
		when(t, comeBack)
		say(t, conn, other+"VIDEO OUTPUT ROUTING:\n0 1\n\n")
		toEnd(conn)
	})
	l, sink := link(t, addr, quick())
	sink.awaitUp(t)
	cue(t, comeBack)
	sink.awaitDown(t, "no router attached")
	if err := l.Emit(t.Context(), take(1, 1, 1), pass); err == nil {
		t.Error("an absent router took an action")
	}
	cue(t, comeBack)
	sink.await(t, "second Up", func(s *listener) bool { return s.isUp })
	if len(sink.full) != 1 || sink.full[0].Value != "2" {
		t.Errorf("reported %v, want the one crosspoint of the other router", sink.full)
	}
}

func TestAnotherRouterInItsPlaceIsReadAnew(t *testing.T) {
	swap := make(chan struct{})
	other := strings.ReplaceAll(smallDevice, "7C2E0D021714", "AAAA")
	addr := peer(t, func(conn net.Conn, _ int) {
		say(t, conn, preamble23+smallDevice+smallState)
		when(t, swap)
		say(t, conn, "VIDEOHUB DEVICE:\nFriendly name: new name\n\n") // the same one, renamed
		say(t, conn, "VIDEO OUTPUT ROUTING:\n0 0\n\n")
		when(t, swap)
		say(t, conn, other+"VIDEO OUTPUT ROUTING:\n0 1\n\n")
		toEnd(conn)
	})
	_, sink := link(t, addr, quick())
	sink.awaitUp(t)
	cue(t, swap)
	sink.awaitValue(t, domain.CrosspointTarget("video", 1), "1")
	if n := sink.count("down"); n != 0 {
		t.Errorf("a new name took the router down")
	}
	cue(t, swap)
	sink.awaitDown(t, "another router")
	sink.awaitUp(t)
	if len(sink.full) != 1 {
		t.Errorf("reported %v, want nothing of the old one", sink.full)
	}
}
