package config

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/understudy-io/understudy/adapters/httpdevice"
	"github.com/understudy-io/understudy/domain"
)

// maxPorts is the size of the largest router, per side.
const maxPorts = 288

func validateDevice(key string, d domain.Definition, r *report) {
	if d.Device == "" || len(d.Device) > domain.MaxSubject || !utf8.ValidString(d.Device) {
		r.add(key+".id", "%q: use 1 to %d bytes of UTF-8", d.Device, domain.MaxSubject)
	}
	switch d.Driver {
	case domain.DriverVideohub:
		validateRouter(key, d, r)
	case domain.DriverHTTP:
		if d.Inputs != 0 || d.Outputs != 0 {
			r.add(key, "inputs and outputs are those of a router: take them away, or use driver %s", domain.DriverVideohub)
		}
		for _, err := range parts(httpdevice.Validate(d)) {
			r.add(key, "%s", domain.Plain(err))
		}
	default:
		r.add(key+".driver", "%q: use %s or %s", d.Driver, domain.DriverVideohub, domain.DriverHTTP)
	}
	if n := weight(&d); n > maxDefinition {
		r.add(key, "its texts have %d bytes, at most %d are allowed, for all of it is one record of the log: make the bodies of its verbs shorter, or give it fewer verbs", n, maxDefinition)
	}
	validateTimes(key, d, r)
	if d.OnReconnect != domain.Adopt && d.OnReconnect != domain.Restore {
		r.add(key+".on_reconnect", "%q: use %s or %s", d.OnReconnect, domain.Adopt, domain.Restore)
	}
}

func validateRouter(key string, d domain.Definition, r *report) {
	r.reachable(key+".address", d.Address)
	for _, side := range []struct {
		name  string
		count int
	}{{"inputs", d.Inputs}, {"outputs", d.Outputs}} {
		if side.count < 1 || side.count > maxPorts {
			r.add(key+"."+side.name, "%d: a router has 1 to %d", side.count, maxPorts)
		}
	}
	if len(d.Verbs) > 0 {
		r.add(key+".verbs", "are those of driver %s: take them away, or change the driver", domain.DriverHTTP)
	}
	if d.PollEvery != 0 {
		r.add(key+".poll_every", "a router reports by itself: take it away")
	}
}

func validateTimes(key string, d domain.Definition, r *report) {
	for _, v := range []struct {
		name  string
		value time.Duration
	}{
		{".confirm_within", d.ConfirmWithin},
		{".valid_absolute", d.ValidAbsolute},
		{".valid_one_shot", d.ValidOneShot},
	} {
		if v.value < time.Millisecond || v.value > domain.MaxValidFor {
			r.add(key+v.name, "%s: use 1ms to %s", v.value, short(domain.MaxValidFor))
		}
	}
}

// parts takes joined errors apart.
func parts(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		return joined.Unwrap()
	}
	return []error{err}
}
