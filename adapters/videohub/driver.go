package videohub

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Driver opens links to Videohubs.
type Driver struct{ opts Options }

var _ domain.Driver = (*Driver)(nil)

// New makes a driver.
func New(opts Options) *Driver { return &Driver{opts.withDefaults()} }

// Open starts a link to the router at def.Address, "host" or "host:port". It
// returns at once; the sink hears how the connecting goes.
func (d *Driver) Open(def domain.Definition, sink domain.Sink) (domain.Link, error) {
	if def.Address == "" {
		return nil, fmt.Errorf("open Videohub %q: no address; give host or host:port: %w", def.Device, domain.ErrInvalid)
	}
	if sink == nil {
		return nil, fmt.Errorf("open Videohub %q: no sink: %w", def.Device, domain.ErrInvalid)
	}
	address := def.Address
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, DefaultPort)
	}
	l := &Link{
		opts:    d.opts.of(def),
		log:     d.opts.Logger.With("device", def.Device),
		def:     def,
		address: address,
		sink:    sink,
		life:    lifetime{make(chan struct{})},
		kick:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	go l.run()
	return l, nil
}

// lifetime is the context of a link: it ends with Close.
type lifetime struct{ ended chan struct{} }

func (l lifetime) Deadline() (time.Time, bool) { return time.Time{}, false }
func (l lifetime) Done() <-chan struct{}       { return l.ended }
func (l lifetime) Value(any) any               { return nil }

func (l lifetime) Err() error {
	select {
	case <-l.ended:
		return context.Canceled
	default:
		return nil
	}
}
