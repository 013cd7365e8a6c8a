package httpdevice

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/understudy-io/understudy/adapters/socket"
	"github.com/understudy-io/understudy/domain"
)

// connection carries a device's actions, one request at a time. net/http's
// client is not used for them: it sends a request again when a kept connection
// turns out dead, and a one-shot must never be.
type connection struct {
	socket *gatedConn
	stream net.Conn // the socket, or TLS on it
	in     *bufio.Reader
	bound  *io.LimitedReader

	mu       sync.Mutex
	exchange *exchange // the request under way
	dead     error     // why the connection ended
}

// exchange is one action on its way: request and answer.
type exchange struct {
	action  domain.Action
	verb    *verb
	request *http.Request
	bytes   []byte
	until   time.Time // it has no answer in time from then on
	writing bool
}

// dial opens the connection. A TLS handshake carries no action, so it passes.
func dial(ctx context.Context, o *Options, p *plan) (*connection, error) {
	dialled, err := o.Dial(ctx, "tcp", p.authority)
	if err != nil {
		return nil, err
	}
	conn, err := socket.New(dialled, socket.Options{UserTimeout: o.UserTimeout})
	if err != nil {
		conn.Abort()
		return nil, err
	}
	c := &connection{socket: &gatedConn{Conn: conn}}
	c.stream = c.socket
	if p.tls != "" {
		if c.stream, err = handshake(ctx, c.socket, o.TLS, p.tls); err != nil {
			conn.Abort()
			return nil, err
		}
	}
	c.bound = &io.LimitedReader{R: c.stream, N: MaxHeader}
	c.in = bufio.NewReaderSize(c.bound, readAhead)
	return c, nil
}

func handshake(ctx context.Context, c *gatedConn, config *tls.Config, host string) (net.Conn, error) {
	config = config.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"http/1.1"}
	stream := tls.Client(c, config)
	c.set(func() error { return nil })
	defer c.unset()
	if err := stream.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS with %s: %w", host, err)
	}
	return stream, nil
}

// begin makes e the exchange under way; false if the connection has ended.
func (c *connection) begin(e *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead != nil {
		return false
	}
	e.writing, e.until = true, time.Now().Add(e.verb.timeout)
	c.exchange = e
	_ = c.stream.SetDeadline(e.until) // fails only on a closed socket, and then so does the write
	return true
}

// take removes e; only the first who takes it says what became of it. Early
// says that it is still being written.
func (c *connection) take(e *exchange) (taken, early bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exchange != e {
		return false, false
	}
	c.exchange = nil
	return true, e.writing
}

// rest ends a connection whose deadline has passed while no request was under way.
// False says that one is, and has begun only now: its own deadline is a later one.
func (c *connection) rest() (over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.exchange; e != nil {
		return c.dead != nil || !time.Now().Before(e.until)
	}
	if c.dead == nil {
		c.dead = errRested
		_ = c.socket.Close() // nothing is in it that the device does not have
	}
	return true
}

// end kills the connection. It returns the exchange that nobody else will
// speak for: one that is still being written is its writer's.
func (c *connection) end(cause error) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead == nil {
		c.dead = cause
		c.socket.Abort()
	}
	e := c.exchange
	if e == nil || e.writing {
		return nil
	}
	c.exchange = nil
	return e
}

// send hands the bytes to the kernel, once. An error means that they are not
// all with it. Unanswered is why nobody else will say what became of a request
// that was sent as a whole: its connection ended before the writing did.
func (c *connection) send(ctx context.Context, e *exchange, gate domain.Gate) (unanswered, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.stream.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	c.socket.set(gate)
	_, err = c.stream.Write(e.bytes)
	c.socket.unset()
	if err == nil {
		return c.sent(e), nil
	}
	err = c.socket.classify(err)
	c.end(err)
	if mine, _ := c.take(e); !mine {
		return nil, nil // the device has answered before it had read everything
	}
	return nil, err
}

// sent ends the writing.
func (c *connection) sent(e *exchange) (unanswered error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.writing = false
	if c.dead != nil && c.exchange == e {
		c.exchange = nil
		return c.dead
	}
	return nil
}

var (
	errUnasked  = errors.New("the device sent something that it was not asked for")
	errClosed   = errors.New("the device closed the connection")
	errRested   = errors.New("nothing was sent for a while")
	errReset    = errors.New("reset: this server may not act any more")
	errTooLarge = fmt.Errorf("the answer is larger than %d bytes", MaxAnswer)
)

// await blocks until the device sends something, or the connection ends.
func (c *connection) await() (*exchange, error) {
	c.bound.N = MaxHeader
	_, err := c.in.Peek(1)
	if errors.Is(err, io.EOF) {
		return nil, errClosed
	} else if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exchange == nil {
		return nil, errUnasked
	}
	return c.exchange, nil
}

// response reads the header of the final answer.
func (c *connection) response(e *exchange) (*http.Response, error) {
	for range maxInterim {
		r, err := http.ReadResponse(c.in, e.request)
		if err != nil {
			if c.bound.N <= 0 {
				return nil, fmt.Errorf("the answer's header is larger than %d bytes", MaxHeader)
			}
			return nil, fmt.Errorf("the answer is not HTTP: %w", err)
		}
		if r.StatusCode >= 200 {
			return r, nil
		}
	}
	return nil, errors.New("the device sends interim answers only")
}
