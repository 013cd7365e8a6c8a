package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// TestOnlyWhatADeviceReportsIsItsReport: a one-shot is confirmed by the device's answer,
// since there is nothing that it could report of it.
func TestOnlyWhatADeviceReportsIsItsReport(t *testing.T) {
	route := []domain.Value{{Target: "crosspoint/video/5", Value: "12"}}
	for _, c := range []struct {
		name    string
		pending partition.Pending
		says    bool
	}{
		{"a one-shot", partition.Pending{Effect: domain.OneShot}, false},
		{"a verb whose effect nobody can read", partition.Pending{Effect: domain.Absolute}, false},
		{"a route", partition.Pending{Effect: domain.Absolute, Wishes: route}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			story := NewCommand("gate-1", "u")
			story.Watch(nil, &domain.Record{Type: domain.TypeInvoke, UID: "u", Subject: "gate-1", Payload: domain.Invoke{Verb: "pulse"}},
				&partition.Change{Verdict: partition.Accepted, Pending: &c.pending})
			story.Watch(nil, &domain.Record{Type: domain.TypeOutcome, UID: "f", Subject: "gate-1", Payload: domain.Ended{
				UID: "u", Outcome: domain.Confirmed, Steps: domain.Steps{Sent: time.Millisecond, Answered: 2 * time.Millisecond, Confirmed: 2 * time.Millisecond},
			}}, &partition.Change{Verdict: partition.Applied})
			text := story.Steps[len(story.Steps)-1].Text
			if strings.Contains(text, "report after") != c.says || !strings.Contains(text, "the device's answer after 2ms") {
				t.Error(text)
			}
		})
	}
}
