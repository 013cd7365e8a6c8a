package httpdevice

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Driver opens links to HTTP devices.
type Driver struct{ options Options }

var _ domain.Driver = (*Driver)(nil)

// New returns a driver. It starts nothing.
func New(o Options) *Driver { return &Driver{options: o.withDefaults()} }

// Open implements [domain.Driver]. It fails only on a definition that Validate
// refuses; a device that is not there is reported through sink.
func (d *Driver) Open(def domain.Definition, sink domain.Sink) (domain.Link, error) {
	p, err := compile(def)
	if err != nil {
		return nil, fmt.Errorf("open device %q: %w", def.Device, err)
	}
	l := &link{
		options: d.options, plan: p, sink: sink,
		logger:   d.options.Logger.With("device", def.Device),
		poll:     def.PollEvery,
		life:     newLife(),
		slot:     make(chan struct{}, 1),
		refresh:  make(chan struct{}, 1),
		lost:     make(chan struct{}, 1),
		stalled:  make(chan struct{}, 1),
		readBack: make(chan *reading, readsWaiting),
	}
	l.reader = &http.Client{
		Timeout: d.options.ReadTimeout,
		// A redirect is an answer like another: it is not followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            d.options.DialRead,
			TLSClientConfig:        d.options.TLS.Clone(),
			MaxConnsPerHost:        1,
			MaxIdleConnsPerHost:    1,
			MaxResponseHeaderBytes: MaxHeader,
			DisableCompression:     true,
		},
	}
	l.running.Add(1)
	go l.watch()
	return l, nil
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
