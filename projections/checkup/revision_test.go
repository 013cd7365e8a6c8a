package checkup_test

import (
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/checkup"
)

// V23: that only some servers have gone over to a revision is an alarm, after its time or
// as soon as one says that it cannot.
func TestAPartialApplicationIsAnAlarm(t *testing.T) {
	for name, test := range map[string]struct {
		active uint64
		said   domain.RevisionAcknowledged
		waited time.Duration
		want   string
	}{
		"no revision":      {0, domain.RevisionAcknowledged{}, time.Hour, ""},
		"gone over":        {4, domain.RevisionAcknowledged{Revision: 4}, time.Hour, ""},
		"ahead of us":      {4, domain.RevisionAcknowledged{Revision: 5}, time.Hour, ""},
		"still has time":   {4, domain.RevisionAcknowledged{Revision: 3}, checkup.ApplyWithin - 1, ""},
		"too long":         {4, domain.RevisionAcknowledged{Revision: 3}, checkup.ApplyWithin, "B has not gone over to revision 4 of the configuration for 10s"},
		"never":            {4, domain.RevisionAcknowledged{}, time.Minute, "B has not gone over to revision 4 of the configuration for 1m0s"},
		"cannot":           {4, domain.RevisionAcknowledged{Revision: 4, Failure: "the disk is full"}, 0, "B cannot go over to revision 4 of the configuration: the disk is full"},
		"could not before": {4, domain.RevisionAcknowledged{Revision: 3, Failure: "the disk is full"}, 0, ""},
	} {
		if got := checkup.Unapplied("B", test.active, test.said, test.waited); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
