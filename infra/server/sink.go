package server

import (
	"errors"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/infra/clock"
)

// sink hears one link of a device, as the opening that it is.
type sink struct {
	device  *deviceLoop
	opening uint64
}

var (
	_ domain.Sink       = sink{}
	_ domain.Doorkeeper = sink{}
)

func (s sink) put(in device.Input) { s.device.put(deviceInput{at: clock.Boot(), in: in}) }

// Up implements domain.Sink.
func (s sink) Up(detail string) { s.put(device.Up{Opening: s.opening, Detail: detail}) }

// Down implements domain.Sink.
func (s sink) Down(cause string) { s.put(device.Down{Opening: s.opening, Cause: cause}) }

// Reported implements domain.Sink.
func (s sink) Reported(values []domain.Value, full bool) {
	s.put(device.Reported{Opening: s.opening, Values: values, Full: full})
}

// Answered implements domain.Sink.
func (s sink) Answered(a domain.Answered) { s.put(device.Answered{Opening: s.opening, Answered: a}) }

var errNoLease = errors.New("only the primary connects, and this server has no lease")

// MayConnect implements domain.Doorkeeper.
func (s sink) MayConnect() error {
	if d := s.device; !d.settings.Definition.StandbyPolling && d.lease != nil && clock.Boot() >= d.lease.End() {
		return errNoLease
	}
	return nil
}
