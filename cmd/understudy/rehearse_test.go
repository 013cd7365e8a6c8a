package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/adapters/videohub"
)

// TestWhatWasSentIsPlayedIntoASimulator: in its order, and to nothing that a device of
// the landscape has.
func TestWhatWasSentIsPlayedIntoASimulator(t *testing.T) {
	past := newPast(t)
	sim, err := videohub.NewSimulator(videohub.SimOptions{Addr: "127.0.0.1:0", Inputs: 20, Outputs: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	time.Sleep(5 * time.Millisecond) // so that all of it was before now
	base := []string{"replay", "--device", "videohub-1", "--from", "1h", "--to", "0s", "--cache", "none"}
	var said rehearsal
	if err := json.Unmarshal([]byte(past.past(t, append(base, "--into", sim.Addr(), "--speed", "max", "-o", "json")...)), &said); err != nil {
		t.Fatal(err)
	}
	if said.Report == nil || said.Sent != 2 || said.Acknowledged != 2 || said.NotSent != 0 {
		t.Errorf("it says %+v", said.Report)
	}
	if got := sim.Source(5); got != 13 {
		t.Errorf("destination 5 has source %d, not 13", got)
	}
	at := []string{"--kafka", past.address, "--landscape", "main", "--keys-file", past.keys}
	if _, _, errOut := command(t, append(append(base, "--into", sim.Addr(), "--progress"), at...)...); !strings.Contains(errOut, "replay: 2 commands of videohub-1 go to "+sim.Addr()+" at 1x, for ") {
		t.Errorf("how far it is: %s", errOut)
	}
	// What is wrong with the address is said before anything is read: these brokers are not there.
	for into, says := range map[string]string{"tcp://" + sim.Addr(): "is no scheme of a device", "127.0.0.1": "names no port", "http://": "give host:port"} {
		code, _, errOut := command(t, append(base, "--into", into, "--kafka", "127.0.0.1:1", "--landscape", "main", "--keys-file", past.keys)...)
		if code != exitUsage || !strings.Contains(errOut, says) {
			t.Errorf("into %s: exit %d: %s", into, code, errOut)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		// as it is defined now; that nothing was sent then is not found out first
		{[]string{"replay", "--device", "videohub-1", "--from", "2h", "--to", "1h", "--into", "http://" + sim.Addr(), "--cache", "none"}, exitUsage, "give host:port"},
		{append(base, "--into", "localhost:9990"), exitRefused, "is the address of a device of the landscape (127.0.0.1:9990)"},
		{append(base, "--into", sim.Addr(), "--speed", "fast"), exitUsage, "give 1x, 10x or another factor"},
		{append(base, "--into", "127.0.0.1:1"), exitError, "did not answer as such a device"},
		{append(base, "--into", "http://"+sim.Addr()), exitUsage, "give host:port"},
		{base, exitUsage, "--into"},
		{[]string{"replay", "--device", "gate-9", "--from", "1h", "--to", "0s", "--into", sim.Addr(), "--cache", "none"}, exitError, "there was no device"},
		{[]string{"replay", "--device", "videohub-1", "--from", "2h", "--to", "1h", "--into", sim.Addr(), "--cache", "none"}, exitError, "before the first record"},
		{[]string{"replay", "nonsense"}, exitUsage, `no command "nonsense"`},
	} {
		code, out, errOut := command(t, append(c.args, at...)...)
		if code != c.code || !strings.Contains(errOut, c.says) {
			t.Errorf("%v: exit %d: %s%s", c.args, code, out, errOut)
		}
	}
}
