package kafka

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay stands between a log and a broker, and can swallow what comes back.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	deaf     bool
	conns    []net.Conn
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l}
	t.Cleanup(r.cut)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, near, far)
			r.mu.Unlock()
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(answers{r, near}, far); _ = near.Close() }()
		}
	}()
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// swallow keeps answers back from now on, or lets later ones through.
func (r *relay) swallow(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf = on
}

// cut ends all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

type answers struct {
	r *relay
	io.Writer
}

func (a answers) Write(b []byte) (int, error) {
	a.r.mu.Lock()
	deaf := a.r.deaf
	a.r.mu.Unlock()
	if deaf {
		return len(b), nil
	}
	return a.Writer.Write(b)
}
