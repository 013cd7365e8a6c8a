package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// P2: who asks when a device was not watched gets it from the log alone.
func TestTheTimelineTellsWhenADeviceWasNotWatched(t *testing.T) {
	l, later := newLog(t), func() { time.Sleep(2 * time.Millisecond) }
	a := l.primary(1)
	a.of("videohub-1", domain.Connection{Up: true})
	a.of("videohub-1", domain.Connection{Detail: "connection refused"})
	later() // gaps that begin in one millisecond are told by device
	a.of("videohub-1", domain.Connection{Up: true})
	a.of("gate-1", domain.Connection{Detail: "no route"})
	later()
	l.primary(2)
	var got []struct {
		Device, Cause string
		From, To      string
		Took          *int64 `json:"took_ms"`
	}
	if err := json.Unmarshal([]byte(l.past(t, "timeline", "--gaps", "-o", "json")), &got); err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, g := range got {
		words = append(words, g.Device+": "+g.Cause)
		if g.From == "" || g.Took == nil || (g.To == "") != (g.Device == "gate-1") {
			t.Errorf("%+v", g)
		}
	}
	if text := strings.Join(words, "; "); text != "videohub-1: not connected: connection refused; : primacy moved to A, epoch 2; gate-1: not connected: no route" {
		t.Errorf("it tells %q", text)
	}
	if text := l.past(t, "timeline", "--gaps", "--device", "videohub-1"); !strings.Contains(text, "connection refused") || !strings.Contains(text, "primacy moved") || strings.Contains(text, "no route") {
		t.Errorf("of one device:\n%s", text)
	}
	if code, _, errOut := command(t, "timeline", "--gaps", "--user", "anna", "--kafka", l.address); code != exitUsage || !strings.Contains(errOut, "--gaps goes with") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}
