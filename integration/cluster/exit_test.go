package cluster_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-io/understudy/infra/up"
	"github.com/understudy-io/understudy/integration/cluster"
)

// TestExitCodes: as documented, each with a message.
func TestExitCodes(t *testing.T) {
	s := common(t)
	s.no(s.GateFault(t.Context(), `{"mode":"late","delay":"300ms","times":1}`))
	for _, c := range []struct {
		code int
		says string
		line []string
	}{
		{0, "", []string{"route", "set", up.VideohubID, "--dest", "8", "--source", "8"}},
		{5, "command status", []string{"command", "send", up.GateID, "pulse", "--timeout", "50ms"}},
		{1, "24 h", []string{"command", "status", "never-asked"}},
		{1, "state list", []string{"state", "get", "videohub-9"}},
		{2, "--help", []string{"route", "set", up.VideohubID}},
		{3, "out_of_range", []string{"route", "set", up.VideohubID, "--dest", "41", "--source", "1"}},
		{1, "not in doubt", []string{"indoubt", "resolve", "never-asked", "--as", "done", "--reason", "x"}},
	} {
		if said := s.cli(c.code, c.line...); !strings.Contains(said.Err, c.says) {
			t.Errorf("the error does not say %q: %s", c.says, said)
		}
	}
	nowhere := cluster.Run(t.Context(), program(), "cluster", "status", "--dir", filepath.Join(folder, "nowhere"))
	if nowhere.Code != 1 || !strings.Contains(nowhere.Err, "understudy up") && !strings.Contains(nowhere.Err, " up --dir") {
		t.Errorf("no landscape: %s", nowhere)
	}
}

// TestAnUnknownThingEndsWithOne: whatever it is, and whichever command is asked about it.
// Only what was logged for it, and refused by the fold, ends as refused.
func TestAnUnknownThingEndsWithOne(t *testing.T) {
	s := common(t)
	file := filepath.Join(t.TempDir(), "nothing")
	for _, c := range []struct {
		says string
		line []string
	}{
		{"give one of", []string{"state", "get", up.VideohubID, "--server", "Z"}},
		{"give one of", []string{"cluster", "status", "--server", "Z"}},
		{"give one of", []string{"takeover", "--force", "--reason", "x", "--server", "Z"}},
		{"no server", []string{"switchover", "--to", "Z"}},
		{"no server", []string{"cluster", "drain", "Z", "--reason", "x"}},
		{"no server", []string{"cluster", "undrain", "Z", "--reason", "x"}},
		{"no server", []string{"cluster", "remove", "Z", "--force", "--reason", "x"}},
		{"no server", []string{"cluster", "leave", "Z", "--force", "--reason", "x"}},
		{"is configured", []string{"state", "get", "gate-9"}},
		{"no device", []string{"state", "at", "--time", "0s", "--device", "gate-9"}},
		{"no record", []string{"log", "tail", "--device", "gate-9"}},
		{"is it spelt so", []string{"timeline", "--device", "gate-9"}},
		{"24 h", []string{"command", "status", "never-asked"}},
		{"not in doubt", []string{"indoubt", "resolve", "never-asked", "--as", "done", "--reason", "x"}},
		{"is it spelt so", []string{"explain", "never-asked"}},
		{"nobody has claimed", []string{"explain", "epoch", "999"}},
		{"has partitions", []string{"state", "at", "--position", "99:1"}},
		{"up to, not including", []string{"state", "at", "--position", "0:99999999"}},
		{"revision 99", []string{"config", "show", "99"}},
		{"revision", []string{"config", "activate", "99"}},
		{"revision 98", []string{"config", "diff", "98", "99"}},
		{"manifest.json", []string{"audit", "verify", "--file", file}},
		{"manifest.json", []string{"state", "at", "--time", "0s", "--file", file}},
		{"manifest.json", []string{"import", "--from", file}},
		{"no such file", []string{"audit", "verify", "--checkpoint", file}},
	} {
		if said := s.cli(1, c.line...); !strings.Contains(said.Err, c.says) {
			t.Errorf("%v does not say %q: %s", c.line, c.says, said)
		}
	}
	if said := s.cli(3, "command", "send", "gate-9", "pulse"); !strings.Contains(said.Err+said.Out, "refused") {
		t.Errorf("a command for a device that nobody has configured: %s", said)
	}
}

// TestTheExitCodeOfNoPrimary: with real processes, all of which have lost the
// log.
func TestTheExitCodeOfNoPrimary(t *testing.T) {
	s := common(t)
	for _, server := range s.Run.Servers {
		s.no(s.Steer(t.Context(), "/relay/"+server.Name, `{"mode":"drop"}`))
	}
	var said cluster.Said
	s.eventually("the status ends with the code of no primary", func() error {
		if said = s.CLI(t.Context(), "cluster", "status"); said.Code != 4 {
			return fmt.Errorf("%s", said)
		}
		return nil
	})
	if !strings.Contains(said.Out, "NO PRIMARY") || !strings.Contains(said.Err, "nobody acts") {
		t.Errorf("it does not say it: %s", said)
	}
	if said := s.cli(4, "switchover"); !strings.Contains(said.Err, "no other server could take over") {
		t.Errorf("the switchover does not say why: %s", said)
	}
	s.heal()
	s.cli(0, "cluster", "status")
}
