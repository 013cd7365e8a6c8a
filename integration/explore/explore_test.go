package explore

import (
	"flag"
	"strings"
	"testing"
)

var (
	long   = flag.Bool("long", false, "explore with more faults in one history (many minutes)")
	states = flag.Int("states", 0, "stop each scene after so many states; 0 for the whole space")
)

// All servers' clocks are off by as much as the margin allows. TTLs that are far
// apart show faults that close ones hide; a TTL of 0 is measured.
var (
	slowest, fastest = 1 - 0.15, 1 + 0.15
	three            = []Server{{"a", slowest, 2 * unit}, {"b", fastest, 6 * unit}, {"c", 1, 2 * unit}}
	two              = three[:2]
	longHolder       = []Server{{"a", slowest, 6 * unit}, {"b", fastest, 2 * unit}}
	measured         = []Server{{"a", slowest, 0}, {"b", fastest, 0}}
)

func landscape(servers []Server, faults ...Fault) Landscape {
	return Landscape{Servers: servers, MinTTL: 2 * unit, MaxTTL: 6 * unit, Faults: faults}
}

func young(servers []Server, faults ...Fault) Landscape {
	l := landscape(servers, faults...)
	l.Young = true
	return l
}

// scenes are the landscapes that are explored, each with its bounds for every test
// run and for the long one.
var scenes = []struct {
	name                  string
	land                  Landscape
	ticks, faults         int
	longTicks, longFaults int
}{
	{"three servers, one of all faults", landscape(three, AllFaults[1:]...), 5, 1, 7, 1},
	{"three servers, late", landscape(three, Pause, Deaf, Hold, Twice, TimeOut, Cut), 5, 1, 5, 2},
	{"three servers, moves", landscape(three, Release, Contest, Remove, Leave, Quarantine, Hold, Twice), 6, 1, 5, 2},
	{"three servers, restarts", landscape(three, Kill, Restart, View, Twin, Pause, Hold), 6, 1, 5, 2},
	{"two servers, late", landscape(two, Pause, Deaf, Hold, Twice, TimeOut, Cut), 6, 1, 6, 2},
	{"two servers, moves", landscape(two, Release, Contest, Twice), 5, 1, 5, 3},
	{"two servers, restarts", landscape(two, Kill, Restart, View, Twin, Release, Remove), 5, 1, 5, 3},
	{"two servers, a long lease", landscape(longHolder, Pause, Deaf, Hold), 9, 1, 9, 2},
	{"two servers, measured and young", young(measured, Pause, Deaf, Hold), 3, 1, 5, 2},
	{"two servers, decisions", landscape(two, append(Decisions, Twin, Restart, Twice, Pause)...), 5, 1, 6, 2},
	{"three servers, decisions", landscape(three, append(Decisions, Kill, Release, Hold)...), 5, 1, 5, 2},
	{"two servers, as late as they like", landscape(two, Slow), 4, 1, 6, 1},
}

func TestNoHistoryLetsTwoServersAct(t *testing.T) {
	total := 0
	for _, scene := range scenes {
		t.Run(strings.ReplaceAll(scene.name, ",", ""), func(t *testing.T) {
			bounds := Bounds{Ticks: scene.ticks, Faults: scene.faults, Records: 60, States: *states, Healing: 16}
			if *long {
				bounds.Ticks, bounds.Faults, bounds.Healing = scene.longTicks, scene.longFaults, 64
			}
			r := Explore(scene.land, bounds)
			total += r.States
			if r.Violation != nil {
				t.Fatal(r.Violation)
			}
			if r.Takeovers == 0 {
				t.Error("no history had a takeover: what was explored?")
			}
			t.Logf("%d servers, %d ticks, %d faults: %s", len(scene.land.Servers), bounds.Ticks, bounds.Faults, r)
		})
	}
	if !t.Failed() {
		t.Logf("%d states", total)
	}
}

// An explorer that finds nothing where something is wrong would prove nothing
// where all is well. The rules themselves are taken away by integration/mutants.
func TestTheExplorerFindsWhatIsWrong(t *testing.T) {
	off := []Server{{"a", 0.75, 2 * unit}, {"b", 1.3, 6 * unit}}
	noMargin := landscape(two, Pause)
	noMargin.Margin = 1e-9
	for _, test := range []struct {
		name string
		land Landscape
		play []string // what the play has to tell, in this order
	}{
		{"clocks off by more than the margin", landscape(off, Pause), []string{"a1 is paused", "b2 claims epoch 2", "WRONG: a1 and b2 may both act"}},
		{"no margin", noMargin, []string{"a1 is paused", "b2 claims epoch 2", "WRONG: a1 and b2 may both act"}},
		{"a guard that takes a living process for dead", landscape(two, Suspect), []string{"takes it for dead", "a1 died: counts", "b2 claims epoch 2", "WRONG: a1 and b2 may both act"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Explore(test.land, Bounds{Ticks: 5, Faults: 2, Records: 60})
			if r.Violation == nil {
				t.Fatalf("nothing was found in %s", r)
			}
			play := r.Violation.String()
			t.Log(play)
			for _, line := range test.play {
				_, rest, found := strings.Cut(play, line)
				if !found {
					t.Fatalf("the play does not tell %q in its place", line)
				}
				play = rest
			}
		})
	}
}
