package auditpage

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/audit"
)

func TestThePageTellsEverythingAndBelievesNobody(t *testing.T) {
	at := audit.Moment(domain.InstantOf(time.Date(2026, 3, 1, 20, 14, 7, 0, time.UTC)))
	here := audit.Place{Topic: "log", Partition: 3, Offset: 81}
	r := &audit.Report{
		Verdicts: []audit.Verdict{{
			Rule: audit.RuleOneShot, Status: audit.Violated, Violations: 1,
			Violated: []audit.Finding{{Says: `<script>alert("x")</script>`, At: at, Records: []audit.Place{here}}},
		}},
		Terms: []audit.Term{
			{Epoch: 1, Server: "A", Opened: at, Ended: at + 5e9, End: "A left", Marks: 8},
			{Epoch: 2, Server: "B", Opened: at + 6e9, Marks: 8},
		},
		Topics:  []audit.Topic{{Place: here, Records: 12, First: at, Last: at + 9e9}},
		Latency: audit.Histogram{Count: 3, Max: time.Millisecond, Bins: []audit.Bin{{Below: time.Millisecond, N: 2}, {Below: 2 * time.Millisecond, N: 1}}},
		Doubts:  []audit.Doubt{{Device: "gate-1", UID: "u7", Command: here, Outcome: here, Since: at}},
		Refused: []audit.Refusal{{Device: "gate-9", UID: "u8", Record: here, At: at, Reason: domain.ReasonUnknownDevice}},
	}
	var b strings.Builder
	if err := Write(&b, "main", r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"Violated: the log does not keep", "log/3:81", "2026-03-01 20:14:07.000", "u7", "gate-9", "unknown_device", "A left", "not yet",
		`class="term" x="120"`, "&lt;script&gt;",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	for _, never := range []string{"<script", "src=", "@import", "http"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
}
