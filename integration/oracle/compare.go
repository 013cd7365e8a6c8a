package oracle

import (
	"fmt"
	"slices"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Compare names the first difference between this and the fold; devices are all that there may be.
func (o *Oracle) Compare(s *partition.State, devices []string) string {
	now, suspect := o.logTime()
	epoch, sequence, _ := o.epoch()
	if s.LogTime() != now || s.ClockSuspect() != suspect {
		return fmt.Sprintf("log time %v %v, want %v %v", s.LogTime(), s.ClockSuspect(), now, suspect)
	}
	if s.Epoch() != epoch || s.Sequence() != sequence {
		return fmt.Sprintf("epoch %d/%d, want %d/%d", s.Epoch(), s.Sequence(), epoch, sequence)
	}
	if newest, _ := o.newestForgotten(); s.Forgotten() != newest {
		return fmt.Sprintf("forgotten %v, want %v", s.Forgotten(), newest)
	}
	counters := s.Counters()
	if n := counters.Unanswered + counters.Unlettered; n != uint64(o.lost) || counters.Foreign != uint64(o.foreign) || counters.Evicted != uint64(len(o.forgotten)) {
		return fmt.Sprintf("counters %+v, want lost %d, foreign %d, forgotten %d", counters, o.lost, o.foreign, len(o.forgotten))
	}
	var chores, wanted []string
	for _, c := range s.Chores() {
		chores = append(chores, fmt.Sprint(c.Kind, c.Position, c.Device, c.UID, c.Reason))
	}
	for _, c := range o.chores {
		wanted = append(wanted, fmt.Sprint(c.Kind, c.Position, c.Device, c.UID, c.Reason))
	}
	if !slices.Equal(chores, wanted) {
		return fmt.Sprintf("chores\n %v, want\n %v", chores, wanted)
	}
	if diff := compareRevisions(s, o); diff != "" {
		return diff
	}
	if len(s.Devices()) != len(o.devices) {
		return fmt.Sprintf("%d devices, want %d", len(s.Devices()), len(o.devices))
	}
	for _, id := range devices {
		if diff := compareDevice(s, o, id); diff != "" {
			return id + ": " + diff
		}
	}
	return compareEntries(s, o, devices)
}

func compareDevice(s *partition.State, o *Oracle, id string) string {
	m := o.machine(id)
	d, ok := s.Device(id)
	if m == nil || !ok {
		if ok || m != nil {
			return fmt.Sprintf("there: %v, want %v", ok, m != nil)
		}
		return ""
	}
	if d.Connected != m.connected || d.Removed != m.removed {
		return fmt.Sprintf("connected %v, removed %v, want %v, %v", d.Connected, d.Removed, m.connected, m.removed)
	}
	var pending, wanted, doubts, wantedDoubts []string
	for _, p := range d.Pending() {
		pending = append(pending, fmt.Sprint(p.UID, p.Command.Offset, p.Started, p.Gone, p.Wishes, s.Newest(id, p)))
	}
	for _, c := range o.pending(id) {
		var newest []domain.Value
		for _, w := range c.wishes {
			if t := m.thing(w.Target); t.top() != nil && t.top().by == c && t.lastAsked() == c || o.keeps(t, c) {
				newest = append(newest, w)
			}
		}
		wanted = append(wanted, fmt.Sprint(c.uid, c.offset, c.started, c.gone, c.wishes, newest))
	}
	o.tidy() // thing() makes what it does not find
	for _, q := range d.Doubts() {
		doubts = append(doubts, fmt.Sprint(q.UID, q.Command.Offset, q.Payload))
	}
	for _, c := range o.doubts {
		if c.device == id {
			wantedDoubts = append(wantedDoubts, fmt.Sprint(c.uid, c.offset, c.payload))
		}
	}
	if !slices.Equal(pending, wanted) || !slices.Equal(doubts, wantedDoubts) {
		return fmt.Sprintf("pending\n %v, want\n %v; doubts\n %v, want\n %v", pending, wanted, doubts, wantedDoubts)
	}
	var cells, things []string
	for _, c := range d.Cells() {
		cells = append(cells, fmt.Sprint(c.Target, c.HasDesired, c.Desired, c.DesiredUID, c.DesiredAt.Offset, c.Settled, c.HasReported, c.Reported, c.Foreign))
	}
	for _, t := range m.targets {
		top := t.top()
		if top == nil {
			top = &claim{}
		}
		if t.top() != nil || t.has {
			things = append(things, fmt.Sprint(t.target, t.top() != nil, top.value, top.uid, top.at, top.settled, t.has, t.reported, t.foreign))
		}
	}
	slices.Sort(cells)
	slices.Sort(things)
	if !slices.Equal(cells, things) {
		return fmt.Sprintf("cells\n %v, want\n %v", cells, things)
	}
	return ""
}

func compareEntries(s *partition.State, o *Oracle, devices []string) string {
	found := 0
	for _, c := range o.commands {
		e, ok := s.Lookup(c.device, c.uid)
		got := fmt.Sprint(ok, e.Command.Offset, e.Done, e.Outcome, e.Reason, e.Conflicts, e.Waiting)
		want := fmt.Sprint(true, c.offset, c.done, c.outcome, c.reason, c.conflicts, len(c.repeats))
		if got != want {
			return fmt.Sprintf("entry %s %s: %s, want %s", c.device, c.uid, got, want)
		}
		if (e.Resolved != nil) != (c.resolved != "") || e.Resolved != nil && e.Resolved.As != c.resolved {
			return fmt.Sprintf("entry %s %s resolved %+v, want %q", c.device, c.uid, e.Resolved, c.resolved)
		}
		found++
	}
	if n := len(s.Export().Entries); n != found {
		return fmt.Sprintf("%d entries, want %d", n, found)
	}
	return ""
}
