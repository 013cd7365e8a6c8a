package main

import (
	"net"

	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/adapters/valve"
	"github.com/understudy-io/understudy/adapters/videohub"
	"github.com/understudy-io/understudy/infra/config"
)

// ways are the drivers' only ways to devices, all through the valve.
type ways struct {
	valve *valve.Valve
	why   string // it is the kernel's, or not
	unfit string // why this server must not be primary; empty if it may

	videohub, http, httpRead valve.DialFunc
	httpReadTLS              httpdevice.DialFunc
}

func openWays(cfg config.Config) (*ways, error) {
	w := &ways{}
	w.openValve(cfg.Valve)
	dial := deviceDialer(cfg).DialContext
	w.httpReadTLS = dial // nobody can see what is in it
	for _, way := range []struct {
		to   *valve.DialFunc
		kind valve.Kind
	}{
		{&w.videohub, valve.Kind{Questions: videohub.Questions()}},
		{&w.http, valve.Kind{}},
		{&w.httpRead, valve.Kind{ReadOnly: true, Beginnings: []string{"GET "}}},
	} {
		var err error
		if *way.to, err = w.valve.Dial(dial, way.kind); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// openValve takes the kernel's, if it is wanted and can be had.
func (w *ways) openValve(mode string) {
	w.valve = valve.Plain()
	if mode == config.ValveOff {
		w.why = "valve: off in the configuration; the lease is checked in the process, right before each write"
		return
	}
	v, err := valve.Open()
	if err == nil {
		w.valve, w.why = v, "the kernel checks the lease inside each send, and for each packet as it leaves"
		if err := v.Packets(); err != nil {
			w.why = "the kernel checks the lease inside each send, but not for each packet as it leaves: " + err.Error()
		}
		return
	}
	w.why = err.Error()
	if mode == config.ValveRequired {
		w.unfit = "it must not be primary: valve: required, and " + err.Error()
	}
}

// deviceDialer reaches devices from the configured address.
func deviceDialer(cfg config.Config) *net.Dialer {
	d := &net.Dialer{}
	if ip := net.ParseIP(cfg.Server.DeviceSource); ip != nil {
		d.LocalAddr = &net.TCPAddr{IP: ip}
	}
	return d
}
