package server

import (
	"cmp"
	"slices"
	"time"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// serverRecord is a record of this server about a device or a member.
func serverRecord(server, subject string, p domain.Payload) domain.Record {
	return newScribe(server).Record(domain.InstantOf(time.Now()), subject, p)
}

func sortDevices(list []httpapi.Device) {
	slices.SortFunc(list, func(a, b httpapi.Device) int { return cmp.Compare(a.ID, b.ID) })
}
