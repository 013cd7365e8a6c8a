package server

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-io/understudy/adapters/httpapi"
	"github.com/understudy-io/understudy/domain"
)

// serverRecord is a record of this server about a device or a member.
func serverRecord(server, subject string, p domain.Payload) domain.Record {
	return domain.Record{
		Type:    p.Type(),
		UID:     uuid.NewString(),
		Source:  source(server),
		Subject: subject,
		Created: domain.InstantOf(time.Now()), // for people; no rule looks at it
		Payload: p,
	}
}

func source(server string) string { return "/understudy/server/" + server }

func sortValues(values []domain.Value) {
	slices.SortFunc(values, func(a, b domain.Value) int { return cmp.Compare(a.Target, b.Target) })
}

func sortDevices(list []httpapi.Device) {
	slices.SortFunc(list, func(a, b httpapi.Device) int { return cmp.Compare(a.ID, b.ID) })
}
