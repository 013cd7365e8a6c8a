package broker

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/understudy-io/understudy/domain"
)

// maxRequest bounds what a client may make the broker hold for one request, as
// Kafka's socket.request.max.bytes does.
const maxRequest = 100 << 20

// listener says the advertised address and guards what it accepts.
type listener struct {
	net.Listener
	advertised net.Addr
	flusher    *flusher // nil if nothing is flushed
}

func newListener(l net.Listener, advertise string, flusher *flusher) (net.Listener, error) {
	at := l.Addr()
	if advertise != "" {
		if _, _, err := net.SplitHostPort(advertise); err != nil {
			return nil, fmt.Errorf("%w: advertised address %q: write it as host:port", domain.ErrInvalid, advertise)
		}
		at = address(advertise)
	}
	return &listener{Listener: l, advertised: at, flusher: flusher}, nil
}

// Addr is what the broker tells clients.
func (l *listener) Addr() net.Addr { return l.advertised }

// Accept guards each connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guarded{Conn: c, flusher: l.flusher}, nil
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// guarded lets only whole, plausible requests through to the broker, which
// trusts the length and the key of a request: it would allocate what is
// claimed, and an unknown key would end the process. Answers wait for the disk.
type guarded struct {
	net.Conn
	flusher *flusher
	head    []byte // of the request that is being handed out
	rest    int64  // bytes of it that are still to come from the connection
}

// requestHead is length, key, version.
const requestHead = 8

// Read hands out bytes of one request at a time.
func (c *guarded) Read(b []byte) (int, error) {
	if len(c.head) == 0 && c.rest == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.rest)])
	c.rest -= int64(n)
	return n, err
}

// Write sends an answer; the broker writes each in one piece.
func (c *guarded) Write(b []byte) (int, error) {
	if c.flusher != nil {
		if err := c.flusher.flush(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

func (c *guarded) next() error {
	head := make([]byte, requestHead)
	for got := 0; got < len(head); {
		n, err := c.Conn.Read(head[got:])
		if got += n; err != nil && got < len(head) {
			return err
		}
	}
	size := int64(binary.BigEndian.Uint32(head))
	key, version := int16(binary.BigEndian.Uint16(head[4:])), int16(binary.BigEndian.Uint16(head[6:]))
	if size < requestHead-4 || size > maxRequest || kmsg.RequestForKey(key) == nil || version < 0 {
		return fmt.Errorf("%w: not a Kafka request", domain.ErrInvalid)
	}
	c.head, c.rest = head, size-(requestHead-4) // the length does not count itself
	return nil
}
