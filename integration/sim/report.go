package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Fired is how many points have fired at least so many times.
func (s *Stats) Fired(atLeast int) (n int) {
	for _, fired := range s.fired {
		if fired >= atLeast {
			n++
		}
	}
	return n
}

// Refused is how many writes the kernel has refused to servers that went on.
func (s *Stats) Refused() int { return s.valved }

// NeverFired are the points at which no fault ever happened.
func (s *Stats) NeverFired() (out []string) {
	for p, fired := range s.fired {
		if fired == 0 {
			out = append(out, point(p).String())
		}
	}
	return out
}

// Report tells what histories have been through.
func (s *Stats) Report(took time.Duration) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%d histories, %s simulated, %d events, %d takeovers: %.0f takeovers a minute", s.Histories,
		s.Simulated.Round(time.Second), s.Events, s.Takeovers, float64(s.Takeovers)/took.Minutes())
	line("%d claims, %d of them void, %d by the holder itself; %d writes to devices, %d refused by the lease; after a healing somebody acted within %s",
		s.claims, s.void, s.again, s.writes, s.fenced, s.slowest)
	line("%d freezes between the lease's check and the write, %d of those writes refused by the kernel", s.gaps, s.valved)
	line("%d snapshots written, %d begun with, %d refused, %d renames and removals undone by a crash; %d audits; %d records compared with the oracle",
		s.saved, s.loaded, s.refusedFiles, s.undone, s.audits, s.compared)
	line("configuration: %d histories end with a revision, acknowledged %d times by servers, %d times they could not", s.revisions, s.acknowledged, s.unable)
	line("control: %d starts with a view, its beginning dropped %d times", s.views, s.cuts)
	line("%d primaries contested because of devices that a standby reached", s.Outreached)
	line("%d commands misread by a server, %d of them taken out for it, %d times an operator had to decide", s.misread, s.quarantined, s.decided)
	line("appends: %d lost, %d late, %d twice, %d unacknowledged, %d both", s.fates[lost], s.fates[late], s.fates[twice], s.fates[unsaid], s.fates[unsaidDu])
	line("points: %d reached, %d fired, %d of them at least 100 times", reached(s.reached), s.Fired(1), s.Fired(100))
	if never := s.NeverFired(); len(never) > 0 {
		line("never fired: %s", strings.Join(never, ", "))
	}
	line("claims that counted: %s", tally(s.causes, func(k string) string { return k }))
	line("faults: %s", tally(s.faults, func(k string) string { return k }))
	line("roles: %s", tally(s.roles, func(k [2]string) string { return k[0] + " > " + k[1] }))
	line("outcomes: %s", tally(s.outcomes, func(k string) string { return k }))
	line("verdicts: %s", tally(s.verdicts, func(k verdictKey) string { return string(k.kind) + " " + k.verdict.String() }))
	return b.String()
}

// Table lists all points with how often each was reached and has fired.
func (s *Stats) Table() string {
	var b strings.Builder
	for p := range s.reached {
		fmt.Fprintf(&b, "%10d %7d  %s\n", s.reached[p], s.fired[p], point(p))
	}
	return b.String()
}

func reached(counts []int) (n int) {
	for _, c := range counts {
		if c > 0 {
			n++
		}
	}
	return n
}

// tally lists counts, the highest first.
func tally[K comparable](counts map[K]int, name func(K) string) string {
	var out []string
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(name(a), name(b)))
	}) {
		out = append(out, fmt.Sprintf("%s %d", name(k), counts[k]))
	}
	return strings.Join(out, ", ")
}
