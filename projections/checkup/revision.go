package checkup

import (
	"fmt"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// ApplyWithin is how long a server may take to go over to a revision until that is an
// alarm.
const ApplyWithin = 10 * time.Second

// Unapplied says why a server has not gone over to the active revision, by its own last
// word; empty if it has, or still has time. It has waited since it knows of the revision,
// or since it runs.
func Unapplied(server string, active uint64, said domain.RevisionAcknowledged, waited time.Duration) string {
	switch {
	case active == 0 || said.Revision >= active && said.Failure == "":
		return ""
	case said.Revision == active:
		return fmt.Sprintf("%s cannot go over to revision %d of the configuration: %s", server, active, said.Failure)
	case waited < ApplyWithin:
		return ""
	}
	return fmt.Sprintf("%s has not gone over to revision %d of the configuration for %s", server, active, waited.Round(time.Second))
}
