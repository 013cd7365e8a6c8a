package videohub

import (
	"net"
	"testing"
	"time"
)

func TestALapseResetsAConnectionOnlyIfBytesAreUnderWay(t *testing.T) {
	read, total := make(chan struct{}), make(chan string, 1)
	addr := peer(t, func(conn net.Conn, n int) {
		if n > 0 {
			say(t, conn, newFirmware)
			toEnd(conn)
			return
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(2048)
		say(t, conn, newFirmware)
		when(t, read)
		total <- toEnd(conn)
	})
	o := quick()
	o.AnswerTimeout, o.UserTimeout = time.Hour, -1
	l, sink := link(t, addr, o)
	sink.awaitUp(t)
	var pairs []int
	for i := 1; i <= 288; i++ {
		pairs = append(pairs, i, 1)
	}
	emit(t, l, take(1, 1, 1)) // its bytes are with the peer at once, though it never answers
	for deadline := time.Now().Add(5 * time.Second); l.current.conn.Unacknowledged(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the peer's kernel does not acknowledge")
		}
	}
	l.ResetUnacknowledged()
	if l.ready.Load() == nil {
		t.Fatal("a connection with nothing under way was reset")
	}
	sent := 0
	for ref := uint64(2); ref < 20; ref++ {
		a := take(ref, pairs...)
		emit(t, l, a)
		block, _ := encode(nil, &a)
		sent += len(block)
	}
	l.ResetUnacknowledged()
	sink.awaitDown(t, "reset: this server may not act any more")
	close(read)
	if got := len(<-total); got >= sent {
		t.Errorf("%d bytes arrived of %d: the reset left what this kernel held", got, sent)
	}
	sink.awaitUp(t)
}

func TestARefreshSaysWhenTheRouterHasBeenRead(t *testing.T) {
	sim := simulator(t, SimOptions{})
	l, sink := link(t, sim.Addr(), quick())
	sink.awaitUp(t)
	if err := l.Refresh(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	sink.awaitAnswer(t, 7)
	if n := sink.count("part"); n != 4 {
		t.Errorf("%d blocks had been reported by then, want 4", n)
	}
}
