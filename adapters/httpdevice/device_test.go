package httpdevice

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// byteDevice is a device made of plain sockets: what it answers is written by
// hand, and it counts the bytes that come.
type byteDevice struct {
	listener net.Listener
	got      chan received
	count    atomic.Int64
	total    atomic.Int64
	open     sync.WaitGroup
	first    int64 // bytes up to the end of the first request
}

type received struct {
	conn    net.Conn
	request *http.Request
	body    string
	gone    <-chan struct{} // closed when the connection has ended
}

func newByteDevice(t *testing.T) *byteDevice {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &byteDevice{listener: ln, got: make(chan received, 100)}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			d.open.Add(1)
			go d.serve(c)
		}
	}()
	return d
}

func (d *byteDevice) address() string { return d.listener.Addr().String() }
func (d *byteDevice) requests() int64 { return d.count.Load() }

func (d *byteDevice) serve(c net.Conn) {
	defer d.open.Done()
	gone := make(chan struct{})
	defer close(gone)
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(io.TeeReader(c, counter{&d.total}))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if d.count.Add(1) == 1 {
			d.first = d.total.Load()
		}
		d.got <- received{c, r, string(body), gone}
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

func (d *byteDevice) request(t *testing.T) received {
	t.Helper()
	select {
	case r := <-d.got:
		return r
	case <-time.After(5 * time.Second):
		t.Fatal("the device received no request")
		return received{}
	}
}

// bytes is what came in all, after every connection has ended.
func (d *byteDevice) bytes(t *testing.T) int64 {
	t.Helper()
	_ = d.listener.Close()
	d.open.Wait()
	return d.total.Load()
}

func (r received) reply(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(r.conn, text); err != nil {
		t.Fatal(err)
	}
}

// deafConn can be kept from hearing that its peer has gone.
type deafConn struct {
	net.Conn
	deaf  atomic.Bool
	ended chan struct{}
	once  sync.Once
}

func (c *deafConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && c.deaf.Load() {
		<-c.ended
	}
	return n, err
}

func (c *deafConn) hear() { c.once.Do(func() { close(c.ended) }) }

func (c *deafConn) Close() error {
	c.hear()
	return c.Conn.Close()
}

func (c *deafConn) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(*net.TCPConn).SyscallConn()
}

func (c *deafConn) SetLinger(s int) error { return c.Conn.(*net.TCPConn).SetLinger(s) }
