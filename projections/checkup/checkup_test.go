package checkup_test

import (
	"strings"
	"testing"
	"time"

	"github.com/understudy-io/understudy/projections/checkup"
)

func well(name string) checkup.Answer {
	return checkup.Answer{
		Server: name, Address: "http://" + name, Primary: "A", Epoch: 7, Ready: true, Hash: "ok", Build: "1", Guarded: true, Valve: "kernel", Signs: []string{"k1"},
	}
}

func TestServersThatAreWellAreFoundToBe(t *testing.T) {
	findings := checkup.Of([]checkup.Answer{well("A"), well("B")})
	if checkup.Worst(findings) != checkup.OK || len(findings) < 20 {
		t.Errorf("%+v", findings)
	}
}

// A server that was stopped in good order is a warning, whatever the others say, and no more.
func TestAServerThatHasLeftIsAWarning(t *testing.T) {
	findings := checkup.Of([]checkup.Answer{well("A"), well("B"), {Server: "C", Left: true}})
	last := findings[len(findings)-1]
	if checkup.Worst(findings) != checkup.Warns || last.Server != "C" || !strings.Contains(last.Detail, "stopped in good order") || !strings.Contains(last.Detail, "cluster remove C") {
		t.Errorf("it is said %+v", last)
	}
	for _, f := range findings[:len(findings)-1] {
		if f.State != checkup.OK {
			t.Errorf("of another one: %+v", f)
		}
	}
}

// V36: each thing that can be wrong is found, and said in words.
func TestWhatIsWrongIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*checkup.Answer)
		state checkup.State
		words string
	}{
		"away":           {func(a *checkup.Answer) { a.Failure = "connection refused" }, checkup.Fails, "B does not answer at http://B: connection refused"},
		"another world":  {func(a *checkup.Answer) { a.Primary, a.Epoch = "C", 6 }, checkup.Fails, "it sees C, others see A"},
		"nobody":         {func(a *checkup.Answer) { a.Primary = "" }, checkup.Fails, "it sees nobody as the primary, others see A"},
		"not ready":      {func(a *checkup.Answer) { a.Ready, a.Reasons = false, []string{"the log does not answer"} }, checkup.Fails, "the log does not answer"},
		"replaying":      {func(a *checkup.Answer) { a.SyncMode = 2 }, checkup.Fails, "sync_mode 2"},
		"blind":          {func(a *checkup.Answer) { a.Lag = -1 }, checkup.Fails, "cannot read some of the log"},
		"another state":  {func(a *checkup.Answer) { a.Hash = "differs" }, checkup.Fails, "its state differs"},
		"another build":  {func(a *checkup.Answer) { a.Build = "2" }, checkup.Warns, "several builds: 1, 2"},
		"a copy":         {func(b *checkup.Answer) { b.Identity = "one" }, checkup.Fails, "it has the identity of A: one of the data folders is a copy"},
		"no guard":       {func(a *checkup.Answer) { a.Guarded = false }, checkup.Warns, "it has no guard"},
		"no valve":       {func(a *checkup.Answer) { a.Valve, a.ValveWhy = "process", "no CAP_BPF" }, checkup.Warns, "process: no CAP_BPF"},
		"a wrong clock":  {func(a *checkup.Answer) { a.Clock = -time.Minute }, checkup.Warns, "its wall clock is -1m0s off"},
		"wrong producer": {func(a *checkup.Answer) { a.Suspect = true }, checkup.Warns, "too far ahead"},
		"maintenance":    {func(a *checkup.Answer) { a.Drained, a.DrainedBy = true, "ann: new disks" }, checkup.Warns, "it is drained by ann: new disks"},
		"too many":       {func(a *checkup.Answer) { a.Members, a.Limit = 4, 3 }, checkup.Fails, "4 servers take part, and the policy allows 3"},
		"a full disk":    {func(a *checkup.Answer) { a.Checks = []checkup.SelfCheck{{Check: "disk", Failure: "no space left"}} }, checkup.Warns, "no space left"},
		"paused":         {func(a *checkup.Answer) { a.Paused = "ann" }, checkup.Warns, "paused by ann"},
		"flapping":       {func(a *checkup.Answer) { a.Falls = 3 }, checkup.Warns, "unasked 3 times"},
		"cut off":        {func(a *checkup.Answer) { a.Missing = 2 }, checkup.Warns, "not connected to 2 of the devices"},
		"behind":         {func(a *checkup.Answer) { a.Behind = "B has not gone over to revision 4" }, checkup.Fails, "B has not gone over to revision 4"},
		"signs nothing":  {func(a *checkup.Answer) { a.Signs = nil }, checkup.Warns, "nothing is signed while it is primary"},
		"another key":    {func(a *checkup.Answer) { a.Signs = []string{"k2"} }, checkup.Warns, "with another key than A"},
		"deaf":           {func(a *checkup.Answer) { a.Heard = map[string]string{"C": "5s"} }, checkup.Fails, "it does not hear C (for 5s)"},
	} {
		a, b := well("A"), well("B")
		a.Identity, b.Identity = "one", "two"
		test.spoil(&b)
		findings := checkup.Of([]checkup.Answer{a, b})
		if checkup.Worst(findings) != test.state {
			t.Errorf("%s is %s, want %s", name, checkup.Worst(findings), test.state)
		}
		found := false
		for _, f := range findings {
			found = found || f.Server == "B" && f.State == test.state && strings.Contains(f.Detail, test.words)
		}
		if !found {
			t.Errorf("%s: nobody says %q in %+v", name, test.words, findings)
		}
	}
}

func TestTheWorstStandsFirst(t *testing.T) {
	a := well("A")
	a.Guarded, a.Ready = false, false
	findings := checkup.Of([]checkup.Answer{a})
	if findings[0].State != checkup.Fails || findings[1].State != checkup.Warns || findings[2].State != checkup.OK {
		t.Errorf("%+v", findings[:3])
	}
}
