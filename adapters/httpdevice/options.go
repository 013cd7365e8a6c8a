package httpdevice

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options of a driver. The zero value of each field has a default.
type Options struct {
	// Dial opens the connection that carries actions. It is required: whoever drives
	// devices gives each driver the way to them, with the lease's check in it.
	Dial DialFunc
	// DialRead opens those that only read, DialReadTLS the same for https. They
	// differ from the first where that is put under a valve that lets nothing through
	// without a lease, and from each other where something looks at what passes. Nil
	// DialRead is Dial, nil DialReadTLS is DialRead.
	DialRead, DialReadTLS DialFunc
	TLS                   *tls.Config // of https addresses; nil trusts the system's roots

	DialTimeout time.Duration // 1 s
	ReadTimeout time.Duration // of one read of the device; 1 s
	ProbeEvery  time.Duration // of a device that has nothing to read; 1 s, longer with very many of them
	BackoffMin  time.Duration // first pause before a lost device is tried again; 50 ms
	BackoffMax  time.Duration // 2 s
	// UserTimeout is how long the kernel may keep bytes that the device does
	// not acknowledge (TCP_USER_TIMEOUT, Linux), from its first retransmission on.
	// Zero leaves it to the kernel, which tries for minutes.
	UserTimeout time.Duration

	// restAfter is how long the connection of a device's actions is kept for the next
	// one, and the client of a device that is only read when somebody asks for the next
	// reading: a series of commands has one connection of each. 2 s.
	restAfter time.Duration
}

// The bounds on how often all links of a driver together look at their devices.
const (
	probesPerSecond  = 200
	retriesPerSecond = 500
)

// The bounds on what a device may send, and on what is sent to it.
const (
	MaxAnswer    = 1 << 20  // bytes of an answer's body
	MaxHeader    = 64 << 10 // bytes of an answer's header
	MaxRequest   = 1 << 20  // bytes of a request's body
	MaxURL       = 8 << 10  // bytes of a request's URL
	MaxVerbs     = 256      // verbs of one device
	maxDetail    = 256      // bytes of an answer that go into an outcome's detail
	maxInterim   = 5        // 1xx answers before the final one
	maxWrite     = 32 << 10 // bytes handed to the kernel for one asking of the gate
	readsWaiting = 64       // read-backs that may wait; more become one read of everything
	readAhead    = 1 << 10  // bytes of the buffers of a connection: requests and answers are small, devices many
)

// DefaultTimeout is the time for an answer where neither the verb nor the
// device's confirm_within names one.
const DefaultTimeout = time.Second

var errNoDial = errors.New("this driver was given no way to connect: set Options.Dial")

func (o Options) withDefaults() Options {
	if o.Dial == nil {
		o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errNoDial }
	}
	if o.DialRead == nil {
		o.DialRead = o.Dial
	}
	if o.DialReadTLS == nil {
		o.DialReadTLS = o.DialRead
	}
	orDefault(&o.DialTimeout, time.Second)
	orDefault(&o.ReadTimeout, time.Second)
	orDefault(&o.ProbeEvery, time.Second)
	orDefault(&o.BackoffMin, 50*time.Millisecond)
	orDefault(&o.BackoffMax, 2*time.Second)
	orDefault(&o.restAfter, 2*time.Second)
	return o
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}
