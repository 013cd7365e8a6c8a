package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/adapters/archive"
	"github.com/understudy-io/understudy/domain"
)

// TestTheExampleReadsWhatExportWrites: lines as they are, also of what is no event.
func TestTheExampleReadsWhatExportWrites(t *testing.T) {
	var in []byte
	for i, kind := range []string{"crosspoint.take.v1", "action.outcome.v1", "crosspoint.take.v1", ""} {
		m := domain.Stored{Offset: int64(i)}
		if kind != "" {
			for _, h := range [][2]string{{"ce_specversion", "1.0"}, {"ce_id", "u"}, {"ce_source", "/x"}, {"ce_type", kind}, {"ce_subject", "videohub-1"}} {
				m.Headers = append(m.Headers, domain.Header{Key: h[0], Value: []byte(h[1])})
			}
		}
		in = archive.AppendLine(in, "understudy.main.log", 3, &m)
	}
	var out strings.Builder
	if err := run(bytes.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"videohub-1\tcrosspoint.take.v1\t2\n", "videohub-1\taction.outcome.v1\t1\n", "partition 3 up to 3\n", "4 records, hash "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if err := run(strings.NewReader("{"), &out); err == nil {
		t.Error("half a line is read")
	}
}
