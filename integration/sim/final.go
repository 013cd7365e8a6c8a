package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// Bounds of the end of a history, after all faults are healed.
const (
	// actsWithin is how long it may take until somebody acts when nothing is wrong any more: the longest lease that
	// a standby waits for that has lost the log, by the slowest clock, and what
	// starting and catching up take.
	actsWithin = 4 * time.Second
	// quietWithin is how long it may take until nothing is owed any more, from when it
	// last became less, or a device had last to do: thousands of dead letters and a slow
	// device take their time, but not for ever.
	quietWithin = 15 * time.Second
	quietAtLast = 2 * time.Minute
	// maxDecisions is how often an operator decides who is right.
	maxDecisions = 3
	settle       = 700 * time.Millisecond // the devices are read once more
)

// finish heals all faults and judges what has become of everything.
func (c *checks) finish() {
	w := c.w
	w.heal()
	healed := w.now
	first, last, decided := time.Duration(0), healed, 0 // when somebody acted
	progress, owed := healed, 0
	for !w.quiet() && w.wrong == nil {
		w.run(w.now + 50*time.Millisecond)
		if s := c.holder(); s != nil && s.coreMachine != nil && s.coreMachine.Acting() && s.mayAct() {
			last = w.now
			if first == 0 {
				first = w.now
				w.stats.slowest = max(w.stats.slowest, first-healed)
			}
		}
		if before := owed; c.owed() < before || w.busy() {
			progress = min(w.now, healed+quietAtLast)
		}
		owed = c.owed()
		switch {
		case decided < maxDecisions && w.now-last > actsWithin && w.decide():
			decided++
			healed, last = w.now, w.now
		case first == 0 && w.now-healed > actsWithin:
			w.failf("nobody acts %s after all was healed", actsWithin)
		case w.now-max(healed, progress) > quietWithin:
			w.failf("%s after all was healed there is still something to do: %s", quietWithin, c.left())
		}
	}
	w.run(w.now + settle)
	for !w.quiet() && w.wrong == nil && w.now-max(healed, progress) <= quietWithin {
		w.run(w.now + 20*time.Millisecond)
	}
	if w.wrong != nil {
		return
	}
	c.outcomes()
	c.devices()
	c.duties()
	c.revisions()
	c.sameControl()
	if w.plan.Audit {
		c.audit()
	}
}

// liveness sees that somebody acts whenever nothing has been wrong for a while.
func (c *checks) liveness() {
	w := c.w
	if w.healed {
		return
	}
	if s := c.holder(); s != nil && s.coreMachine != nil && s.coreMachine.Acting() && s.mayAct() {
		w.acted = w.now
	}
	if calm := w.now - max(w.acted, w.trouble); calm > actsWithin && len(w.tainted) == 0 {
		w.failf("nobody acts, and nothing has been wrong for %s", calm)
	}
	w.after(250*time.Millisecond, c.liveness)
}

// owed counts what is still to be appended.
func (c *checks) owed() (n int) {
	for _, state := range c.states {
		n += len(state.Chores())
	}
	return n
}

// left says what keeps a history from being quiet.
func (c *checks) left() string {
	var out []string
	say := func(s string) { out = append(out, s) }
	s := c.holder()
	switch {
	case s == nil:
		say("nobody holds an epoch")
	case s.coreMachine == nil || !s.coreMachine.Acting():
		say(s.incarnation + " holds the epoch and does not act")
	case s.term != nil && s.term.machine.Since() > 0:
		say(s.incarnation + " waits for an append")
	}
	if who := c.unacknowledged(); who != "" {
		say(who + " has not acknowledged the active revision")
	}
	for p, state := range c.states {
		if active := c.states[domain.PartitionOfRevisions].ActiveRevision(); state.AppliedRevision() != active {
			say(fmt.Sprintf("partition %d has revision %d, not %d", p, state.AppliedRevision(), active))
		}
		for _, ch := range state.Chores() {
			say("owed: " + ch.Kind.String() + " at " + ch.Position.String())
		}
		for _, d := range state.Devices() {
			for _, x := range d.Pending() {
				say("pending: " + d.ID() + " " + x.UID)
			}
			if !d.Connected && !d.Removed {
				say("not connected: " + d.ID())
			}
		}
		for _, h := range c.w.hosts {
			if x := h.server; x != nil && (x.coreMachine == nil || x.coreMachine.States()[p].Next() != state.Next()) {
				say(x.incarnation + " has not read all")
			} else if x != nil && x.coreMachine.States()[p].Hash() != state.Hash() {
				say(x.incarnation + " has another state")
			}
		}
	}
	for at, kind := range c.toCopy {
		say(fmt.Sprintf("not copied to elections: %s at %d (G7)", kind, at))
	}
	return strings.Join(out[:min(len(out), 8)], "; ")
}

// inOrder are the keys of a map, in order.
func inOrder[V any](m map[domain.Position]V) []domain.Position {
	return slices.SortedFunc(maps.Keys(m), func(a, b domain.Position) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
}

// outcomes: every command has exactly one, and it is true.
func (c *checks) outcomes() {
	w := c.w
	for _, key := range c.known {
		o := c.orders[key]
		st := w.stationOrNil(key.device)
		switch {
		case o.ended == nil && o.refused != "":
			if e, known := c.states[o.at.Partition].Lookup(key.device, key.uid); known && !e.Done {
				w.failf("%s %s was refused, and has no outcome", key.device, key.uid)
			}
		case o.ended == nil:
			w.failf("%s %s was accepted at %s, and has no outcome (G1)", key.device, key.uid, o.at)
		case o.refused != "":
		case o.effect == domain.OneShot:
			c.trueOneShot(st, key, o)
		default:
			c.coalesced(key, o)
			c.trueWish(st, key, o)
		}
	}
	for _, at := range inOrder(c.repeats) {
		key := c.repeats[at]
		if _, known := c.states[at.Partition].Lookup(key.device, key.uid); known && c.states[at.Partition].Counters().Unanswered == 0 {
			w.failf("the repeat of %s %s at %s has no answer (G4)", key.device, key.uid, at)
		}
	}
	for _, at := range inOrder(c.strays) {
		key := c.strays[at]
		if c.orders[key] == nil {
			w.failf("%s %s stood at %s, in a wrong partition, and was not forwarded (G1)", key.device, key.uid, at)
		}
	}
}

// coalesced sees that no wish was left out for one behind a one-shot that was sent.
func (c *checks) coalesced(key orderKey, o *order) {
	if o.written > 0 || o.ended.Outcome != domain.Superseded {
		return
	}
	open := make(map[domain.Target]bool) // and not asked for again yet
	for _, w := range o.wishes {
		open[w.Target] = true
	}
	for _, other := range c.known { // in the order of the log
		x := c.orders[other]
		switch {
		case other.device != key.device || x.at.Offset <= o.at.Offset || x.refused != "":
		case x.effect == domain.OneShot && x.written > 0 && len(open) > 0:
			c.w.failf("%s of %s was left out, and the one-shot %s behind it was sent before anything newer (G3)", key.uid, key.device, other.uid)
			return
		default:
			for _, w := range x.wishes {
				delete(open, w.Target)
			}
		}
	}
}

func (c *checks) trueOneShot(st *station, key orderKey, o *order) {
	n := st.pulses[key.uid]
	switch o.ended.Outcome {
	case domain.Confirmed:
		if n != 1 {
			c.w.failf("the one-shot %s of %s is confirmed, and was done %d times", key.uid, key.device, n)
		}
	case domain.InDoubt:
		if o.unsent != "" && n != 0 {
			c.w.failf("%s says that the one-shot %s of %s was not sent, and it was done %d times (G4)", o.unsent, key.uid, key.device, n)
		}
	default:
		if n != 0 {
			c.w.failf("the one-shot %s of %s ended as %s, and was done %d times", key.uid, key.device, o.ended.Outcome, n)
		}
	}
}

// trueWish: what is confirmed the device has had, since it was asked for.
func (c *checks) trueWish(st *station, key orderKey, o *order) {
	for _, wish := range o.wishes {
		outcome := o.ended.Outcome
		for _, item := range o.ended.Items {
			if item.Target == wish.Target {
				outcome = item.Outcome
			}
		}
		if outcome == domain.Confirmed && !c.w.tainted[key.uid] && !st.had(wish, o.landed, o.endedAt) {
			c.w.failf("%s of %s is confirmed, and %s never had the value %s", key.uid, key.device, wish.Target, wish.Value)
		}
	}
}

// had says whether a target had a value at some moment.
func (st *station) had(v domain.Value, from, to time.Duration) bool {
	trace := st.trace[v.Target]
	for i, m := range trace {
		until := to
		if i+1 < len(trace) {
			until = trace[i+1].at
		}
		if m.value == v.Value && m.at <= to && until >= from {
			return true
		}
	}
	return false
}

func (w *world) stationOrNil(name string) *station {
	i := slices.IndexFunc(w.devices, func(st *station) bool { return st.name == name })
	if i < 0 {
		return nil
	}
	return w.devices[i]
}

// devices: what the log says of each is what it has.
func (c *checks) devices() {
	for _, st := range c.w.devices {
		state := c.states[domain.Partition(st.name, c.w.plan.Partitions)]
		d, ok := state.Device(st.name)
		if !ok || d.Removed {
			if !c.w.tookOut {
				c.w.failf("%s is not configured", st.name)
			}
			continue
		}
		for _, t := range st.order {
			cell, _ := d.Cell(t)
			if !cell.HasReported || cell.Reported != st.values[t] {
				c.w.failf("%s of %s is %q, and the log says %q", t, st.name, st.values[t], cell.Reported)
			}
		}
	}
}

// duties: dead letters are where they belong.
func (c *checks) duties() {
	for _, at := range inOrder(c.dead) {
		defect := c.dead[at]
		if !c.letters[at] && c.states[at.Partition].Counters().Unlettered == 0 {
			c.w.failf("the record at %s is dead (%s), and has no dead letter", at, defect)
		}
	}
}

// sameControl: all servers have the same members, epoch and holder.
func (c *checks) sameControl() {
	want := c.control.Export()
	for _, h := range c.w.hosts {
		if s := h.server; s != nil && s.controlMachine != nil {
			if state := s.controlMachine.Election().State(); state.Next() == c.control.Next() && !bytes.Equal(state.Export(), want) {
				c.w.failf("%s has another state of control than the log gives (G5)", s.incarnation)
			}
		}
	}
}

// audit folds all again, from zero and from every snapshot that was kept.
func (c *checks) audit() {
	w := c.w
	fold := func(s *partition.State, from string) {
		p := s.Partition()
		records := w.broker.parts[domain.TopicLog][p].records
		for i := s.Next(); i < int64(len(records)); i++ {
			s.Apply(w.broker.decode(domain.TopicLog, p, &records[i]))
		}
		if s.Hash() != c.states[p].Hash() {
			w.failf("partition %d folded again from %s gives another state (G5)", p, from)
		}
	}
	for p := range w.plan.Partitions {
		fold(partition.New(p, w.plan.Partitions, partition.DefaultLimits()), "zero")
	}
	for _, f := range c.files {
		restored, err := snapshot.Open(f.bytes, landscape, w.plan.Partitions)
		if err != nil {
			w.failf("a snapshot of %s cannot be opened: %v", f.of, err)
			return
		}
		for _, s := range restored.States {
			fold(s, "a snapshot of "+f.of)
		}
	}
	w.stats.audits += 1 + len(c.files)
}
