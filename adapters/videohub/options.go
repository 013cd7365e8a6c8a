package videohub

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Options of a driver. Zero values give the defaults.
type Options struct {
	Logger *slog.Logger
	// Dial makes the connection. It is required: whoever drives devices gives each
	// driver the way to them, with the lease's check in it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Now reads the clock that also runs through suspend; nil means that clock.
	Now func() domain.Mono

	// DialTimeout bounds the making of a connection. Default 2 s.
	DialTimeout time.Duration
	// PreludeTimeout bounds the reading of the state after a connect. Default 5 s.
	PreludeTimeout time.Duration
	// Settle is the silence that ends the prelude of a router that does not send
	// END PRELUDE. Default 150 ms.
	Settle time.Duration
	// AssemblyTimeout is how long half a block may stand. Default 2 s.
	AssemblyTimeout time.Duration
	// AnswerTimeout is how long a request may go without ACK or NAK. Default 1 s, and
	// no longer than a command of the device waits for its confirmation: the answers to
	// what is sent after one that is missing would be taken for others'.
	AnswerTimeout time.Duration
	// PingEvery is the time from the last request to the next PING. Default 5 s.
	PingEvery time.Duration
	// WriteTimeout bounds a write. Default 500 ms.
	WriteTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause before a new connection, which
	// doubles with each failure and is shortened by up to a half at random.
	// Defaults 50 ms and 2 s.
	BackoffMin, BackoffMax time.Duration
	// UserTimeout is how long the kernel may retransmit unacknowledged bytes
	// (TCP_USER_TIMEOUT, Linux), from its first retransmission on. Default 250 ms;
	// negative leaves the system's.
	UserTimeout time.Duration
	// SendBuffer is the size of the socket's send buffer in bytes; zero leaves
	// the system's.
	SendBuffer int
}

var errNoDial = errors.New("this driver was given no way to connect: set Options.Dial")

// of gives the options of one device.
func (o Options) of(def domain.Definition) Options {
	if def.ConfirmWithin > 0 {
		o.AnswerTimeout = min(o.AnswerTimeout, def.ConfirmWithin)
	}
	return o
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errNoDial }
	}
	if o.Now == nil {
		o.Now = sinceBoot
	}
	for _, d := range []struct {
		at      *time.Duration
		preset  time.Duration
		minimum time.Duration
	}{
		{&o.DialTimeout, 2 * time.Second, time.Millisecond},
		{&o.PreludeTimeout, 5 * time.Second, time.Millisecond},
		{&o.Settle, 150 * time.Millisecond, time.Millisecond},
		{&o.AssemblyTimeout, 2 * time.Second, time.Millisecond},
		{&o.AnswerTimeout, time.Second, time.Millisecond},
		{&o.PingEvery, 5 * time.Second, time.Millisecond},
		{&o.WriteTimeout, 500 * time.Millisecond, time.Millisecond},
		{&o.BackoffMin, 50 * time.Millisecond, time.Millisecond},
		{&o.BackoffMax, 2 * time.Second, time.Millisecond},
		{&o.UserTimeout, 250 * time.Millisecond, -1},
	} {
		if *d.at == 0 {
			*d.at = d.preset
		}
		*d.at = max(*d.at, d.minimum)
	}
	o.BackoffMax = max(o.BackoffMax, o.BackoffMin)
	return o
}
