package httpdevice

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Driver opens links to HTTP devices.
type Driver struct {
	options Options
	inside  turnstile
	// How often all links together look at their devices by themselves, so that
	// thousands of them do not take a server's cores from its actions.
	probes  pace // of devices that are there, and have nothing to read
	retries pace // of devices that are lost
}

var _ domain.Driver = (*Driver)(nil)

// New returns a driver. It starts nothing.
func New(o Options) *Driver {
	return &Driver{
		options: o.withDefaults(),
		probes:  newPace(probesPerSecond),
		retries: newPace(retriesPerSecond),
	}
}

// Open implements [domain.Driver]. It fails only on a definition that Validate
// refuses; a device that is not there is reported through sink.
func (d *Driver) Open(def domain.Definition, sink domain.Sink) (domain.Link, error) {
	p, err := compile(def)
	if err != nil {
		return nil, fmt.Errorf("open device %q: %w", def.Device, err)
	}
	l := &link{
		driver: d, plan: p, sink: sink, single: !def.StandbyPolling,
		poll:  def.PollEvery,
		pause: d.options.BackoffMin,
		life:  newLife(),
		slot:  make(chan struct{}, 1),
	}
	l.lookAgain()
	return l, nil
}

// newReader is a client for what only reads a device. A link has its own: one
// device that hangs, or has many waiting for it behind the same address, holds up
// no other.
func (d *Driver) newReader(dial DialFunc) *http.Client {
	return &http.Client{
		Timeout: d.options.ReadTimeout,
		// A redirect is an answer like another: it is not followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dial,
			TLSClientConfig:        d.options.TLS.Clone(),
			MaxConnsPerHost:        1,
			MaxIdleConnsPerHost:    1,
			MaxResponseHeaderBytes: MaxHeader,
			DisableCompression:     true,
			ReadBufferSize:         readAhead,
			WriteBufferSize:        readAhead,
		},
	}
}

// life is the context of all that a link does. It ends with Close.
type life struct{ done chan struct{} }

func newLife() life { return life{make(chan struct{})} }

func (l life) Deadline() (time.Time, bool) { return time.Time{}, false }
func (l life) Done() <-chan struct{}       { return l.done }
func (l life) Value(any) any               { return nil }
func (l life) Err() error {
	select {
	case <-l.done:
		return context.Canceled
	default:
		return nil
	}
}
