// Package oracle is the fold of a partition once more, slow and plain, for tests:
// feed both the same records, and [Oracle.Compare] names the first difference. It
// knows the kinds of devices that the tests have, and takes much longer with each
// record.
package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
)

// Oracle is the fold of one partition: everything lies in lists, in
// log order, and is searched from one end to the other. It shares no code with
// the fold, keeps no running sums, and knows nothing of hashes.
type Oracle struct {
	limits     partition.Limits
	number     int32
	partitions int32
	log        []*line
	forgotten  []domain.Instant
	commands   []*order // remembered ones
	doubts     []*order
	chores     []partition.Chore
	devices    []*machine
	lost       int // answers, outcomes and dead letters that were not owed
	foreign    int
}

// New is the fold of a partition before its first record.
func New(number, partitions int32, limits partition.Limits) *Oracle {
	return &Oracle{number: number, partitions: partitions, limits: limits}
}

func (o *Oracle) at(offset int64) domain.Position {
	return domain.Position{Partition: o.number, Offset: offset}
}

// line is a record with what became of it.
type line struct {
	domain.Record
	verdict partition.Verdict
	reason  domain.Reason
	defect  domain.Defect
}

// order is a command.
type order struct {
	device, uid string
	offset      int64
	indexed     domain.Instant
	asked       string
	accepted    bool
	oneShot     bool
	started     bool
	gone        bool // its device is, and there is another one of that name
	wishes      []domain.Value
	done        bool
	outcome     domain.Outcome
	reason      domain.Reason
	payload     domain.Payload
	repeats     []repeat
	conflicts   int
	resolved    domain.Resolution
}

type repeat struct {
	offset   int64
	conflict bool
}

// machine is a device.
type machine struct {
	def       domain.Definition
	removed   bool
	connected bool
	targets   []*thing
}

// thing is a target: all claims to its value since it was last empty, oldest
// first. The desired value is the last claim that still stands.
type thing struct {
	target   domain.Target
	claims   []*claim
	asked    []string // since a desired value was last reported or adopted
	has      bool
	reported string
	at       int64
	foreign  bool
}

type claim struct {
	value, uid string
	at         int64
	settled    bool
	gone       bool
	hidden     bool   // of before a removal of its device
	by         *order // nil if adopted
	until      int64  // the next newer wish, if there was a one-shot to be sent before it
}

func (t *thing) top() *claim {
	for _, c := range slices.Backward(t.claims) {
		if !c.gone && !c.hidden {
			return c
		}
	}
	return nil
}

// clear forgets all values of a device that is removed, or becomes another one. What is
// pending was perhaps sent, and may come true: it is hidden until a newer wish comes to nothing.
func (o *Oracle) clear(m *machine) {
	m.targets = nil
	for _, c := range o.pending(m.def.Device) {
		for _, w := range c.wishes {
			t := m.thing(w.Target)
			t.claims = append(t.claims, &claim{value: w.Value, uid: c.uid, at: c.offset, by: c, hidden: true})
		}
	}
}

// cameTrue takes a hidden wish that was confirmed after all: it is what held before the
// wishes that are on their way.
func (t *thing) cameTrue(c *claim) {
	for _, o := range t.claims {
		if !o.gone && o.settled && (o == t.top() || o.at > c.at) {
			c.gone = true
			return
		}
	}
	t.settle(c)
}

// show brings out what is hidden, when the newest wish has come to nothing.
func (t *thing) show() {
	for _, c := range t.claims {
		c.hidden = c.by != nil && c.by.gone
	}
}

// shield notes where the newest wish for a thing is replaced, if there is a one-shot
// to be sent between the two.
func (o *Oracle) shield(t *thing, at int64) {
	top := t.top()
	if top != nil && top.by != nil && !top.by.done && t.lastAsked() == top.by && o.oneShotWithin(top.by, at) {
		top.until = at
	}
}

func (o *Oracle) oneShotWithin(from *order, until int64) bool {
	return slices.ContainsFunc(o.pending(from.device), func(c *order) bool {
		return c.oneShot && !c.started && c.offset > from.offset && c.offset < until
	})
}

// keeps says that what c wishes of a thing is to be sent before a one-shot.
func (o *Oracle) keeps(t *thing, c *order) bool {
	return slices.ContainsFunc(t.claims, func(cl *claim) bool { return cl.by == c && o.oneShotWithin(c, cl.until) })
}

// lastAsked is the last command that wished something of it, whatever became of it.
func (t *thing) lastAsked() *order {
	for _, c := range slices.Backward(t.claims) {
		if c.by != nil {
			return c.by
		}
	}
	return nil
}

func (t *thing) settle(c *claim) {
	for _, o := range t.claims {
		if o == c {
			c.settled = true
			return
		}
		o.gone = true
	}
}

func (t *thing) adopt() {
	for _, o := range t.claims {
		o.gone = true
	}
	t.claims = append(t.claims, &claim{value: t.reported, at: t.at, settled: true})
}

func (t *thing) lockTaken() bool {
	c := t.top()
	return c != nil && c.value == "owned" && t.reported == "locked" && strings.HasPrefix(string(t.target), "lock/")
}

// Times. They are found anew from the whole history.

func (o *Oracle) logTime() (now domain.Instant, suspect bool) {
	for i, l := range o.log {
		switch {
		case i == 0:
			now = l.Appended
		case l.Appended > now && l.Appended-now <= domain.Instant(10*time.Minute):
			now, suspect = l.Appended, false
		case l.Appended > now:
			suspect = true
		}
		var says domain.Instant
		switch v := l.Payload.(type) {
		case domain.EpochOpened:
			says = v.Time
		case domain.Tick:
			says = v.Time
		}
		if l.verdict == partition.Applied && says != 0 && says.Sub(l.Appended).Abs() <= 10*time.Minute && l.Appended > now {
			now, suspect = l.Appended, false
		}
	}
	return now, suspect
}

func (o *Oracle) epoch() (epoch, sequence uint64, opener string) {
	for _, l := range o.log {
		if l.Type == domain.TypeEpochOpened && l.verdict == partition.Applied {
			epoch, opener = l.Epoch, l.Payload.(domain.EpochOpened).Incarnation
		}
	}
	for _, l := range o.log {
		counted := l.verdict == partition.Applied || l.verdict == partition.Dead && l.defect != domain.DefectSequence && l.defect != domain.DefectEpoch
		if l.Signed && l.Epoch == epoch && l.Sequence == sequence+1 && counted && domain.ClassOf(l.Type) == domain.ClassPrimary {
			sequence = l.Sequence
		}
	}
	return epoch, sequence, opener
}

func (o *Oracle) newestForgotten() (domain.Instant, bool) {
	if len(o.forgotten) == 0 {
		return 0, false
	}
	return slices.Max(o.forgotten), true
}

func (o *Oracle) find(device, uid string) *order {
	for _, c := range o.commands {
		if c.device == device && c.uid == uid {
			return c
		}
	}
	return nil
}

func (o *Oracle) machine(id string) *machine {
	for _, m := range o.devices {
		if m.def.Device == id {
			return m
		}
	}
	return nil
}

func (o *Oracle) pending(device string) (out []*order) {
	for _, c := range o.commands {
		if c.device == device && c.accepted && !c.done {
			out = append(out, c)
		}
	}
	return out
}

// Chores.

func (o *Oracle) room(k partition.ChoreKind) bool {
	n := len(o.chores)
	for _, c := range o.commands {
		n += len(c.repeats)
	}
	if k == partition.GiveAnswer || k == partition.DeadLetter {
		return n < (o.limits.Chores+1)/2
	}
	return n < o.limits.Chores
}

func (o *Oracle) owe(k partition.ChoreKind, offset int64, device, uid string, reason domain.Reason) bool {
	if !o.room(k) {
		if k != partition.Forward && k != partition.Again {
			o.lost++
		}
		return false
	}
	o.chores = append(o.chores, partition.Chore{Kind: k, Position: o.at(offset), Device: device, UID: uid, Reason: reason})
	return true
}

func (o *Oracle) finish(match func(c partition.Chore) bool) bool {
	i := slices.IndexFunc(o.chores, match)
	if i < 0 {
		return false
	}
	o.chores = slices.Delete(o.chores, i, i+1)
	return true
}

// Apply folds a record and says what became of it.
func (o *Oracle) Apply(r domain.Record) (partition.Verdict, domain.Reason, domain.Defect) {
	l := &line{Record: r}
	epoch, sequence, opener := o.epoch()
	o.log = append(o.log, l)
	o.decide(l, epoch, sequence, opener)
	o.tidy()
	o.forget()
	return l.verdict, l.reason, l.defect
}

func (o *Oracle) dead(l *line, d domain.Defect) {
	l.verdict, l.defect = partition.Dead, d
	o.owe(partition.DeadLetter, l.Position.Offset, "", "", "")
}

func (o *Oracle) decide(l *line, epoch, sequence uint64, opener string) {
	isPrimary := strings.Contains(" epoch.opened.v1 log.tick.v1 device.configured.v1 device.connection.v1 device.reported.v1 "+
		"action.started.v1 action.outcome.v1 command.answer.v1 record.handled.v1 configuration.applied.v1 ", " "+string(l.Type)+" ")
	if isPrimary && l.Signed {
		switch e, ok := l.Payload.(domain.EpochOpened); {
		case l.Epoch == 0:
			o.dead(l, domain.DefectEpoch)
			return
		case l.Epoch < epoch:
			l.verdict, l.defect = partition.Fenced, domain.DefectEpoch
			return
		case l.Type == domain.TypeEpochOpened && l.Defect != "":
			o.dead(l, l.Defect)
			return
		case l.Type == domain.TypeEpochOpened && !ok:
			o.dead(l, domain.DefectPayload)
			return
		case ok && l.Sequence == 1 && l.Epoch == epoch && e.Incarnation == opener:
			l.verdict = partition.Repeated
			return
		case ok && l.Sequence == 1 && l.Epoch == epoch:
			l.verdict, l.defect = partition.Fenced, domain.DefectEpoch
			return
		case ok && l.Sequence == 1:
			l.verdict = partition.Applied
			return
		case ok || l.Epoch > epoch || l.Sequence == 0 || l.Sequence > sequence+1:
			o.dead(l, domain.DefectSequence)
			return
		case l.Sequence <= sequence:
			l.verdict = partition.Repeated
			return
		}
	}
	switch {
	case l.Defect != "":
		o.dead(l, l.Defect)
	case (isPrimary || l.Type == domain.TypeResolve || isRevision(l.Type)) && !l.Signed:
		o.dead(l, domain.DefectUnsigned)
	case l.Payload == nil || l.Payload.Type() != l.Type:
		o.dead(l, domain.DefectPayload)
	case isPrimary:
		if !o.fact(l) {
			o.dead(l, domain.DefectState)
			return
		}
		l.verdict = partition.Applied
	case l.UID == "" || len(l.UID) > 128 || !utf8.ValidString(l.UID):
		o.dead(l, domain.DefectUID)
	case isRevision(l.Type):
		o.revise(l)
	default:
		o.command(l)
	}
}

func (o *Oracle) command(l *line) {
	asked := fmt.Sprintf("%#v", l.Payload)
	off := l.Position.Offset
	if was := o.find(l.Subject, l.UID); was != nil {
		o.arrived(l)
		l.verdict = partition.Duplicate
		rep := repeat{offset: off, conflict: was.asked != asked}
		if rep.conflict {
			l.verdict = partition.Conflict
			was.conflicts++
		}
		if was.done {
			o.owe(partition.GiveAnswer, off, l.Subject, l.UID, was.reason)
		} else if len(was.repeats) < 64 && o.room(partition.GiveAnswer) {
			was.repeats = append(was.repeats, rep)
		} else {
			o.lost++
		}
		return
	}
	now, _ := o.logTime()
	m := o.machine(l.Subject)
	created := l.Created
	if created == 0 {
		created = now
	}
	c := &order{device: l.Subject, uid: l.UID, offset: off, indexed: created, asked: asked, payload: l.Payload}
	if m == nil && domain.Partition(l.Subject, o.partitions) != o.number {
		if o.owe(partition.Forward, off, l.Subject, l.UID, "") {
			l.verdict = partition.Misplaced
			return
		}
		c.indexed = min(created, now)
		o.refuse(l, c, domain.ReasonOverloaded)
		return
	}
	o.arrived(l)
	newest, some := o.newestForgotten()
	if some && created <= newest || len(o.commands) >= 2*o.limits.UIDs {
		l.verdict, l.reason = partition.Refused, domain.ReasonOverloaded
		if some && created <= newest {
			l.reason = domain.ReasonTooOld
		}
		o.owe(partition.GiveAnswer, off, l.Subject, l.UID, l.reason)
		return
	}
	if created > now+domain.Instant(time.Minute) {
		c.indexed = now
		o.refuse(l, c, domain.ReasonFromFuture)
		return
	}
	if v, ok := l.Payload.(domain.Resolve); ok {
		o.resolve(l, c, v)
		return
	}
	if m == nil || m.removed {
		o.refuse(l, c, domain.ReasonUnknownDevice)
		return
	}
	var reason domain.Reason
	c.wishes, c.oneShot, reason = m.understand(l.Payload)
	switch {
	case c.oneShot && l.Created == 0:
		o.refuse(l, c, domain.ReasonNoTime)
	case reason != "":
		o.refuse(l, c, reason)
	case len(o.pending(l.Subject)) >= o.limits.Pending:
		o.refuse(l, c, domain.ReasonOverloaded)
	default:
		l.verdict, c.accepted = partition.Accepted, true
		for _, w := range c.wishes {
			t := m.thing(w.Target)
			if top := t.top(); top != nil && !top.settled && (top.by == nil || top.by.done) {
				top.gone = true // ended in doubt, and now there is a newer wish
			}
			o.shield(t, off)
			t.claims = append(t.claims, &claim{value: w.Value, uid: c.uid, at: off, by: c})
			t.asked = append(t.asked, w.Value)
			t.foreign = false
		}
		o.commands = append(o.commands, c)
	}
}

func (o *Oracle) arrived(l *line) {
	o.finish(func(c partition.Chore) bool {
		return c.Kind == partition.Again && c.Device == l.Subject && c.UID == l.UID
	})
}

func (o *Oracle) refuse(l *line, c *order, reason domain.Reason) {
	l.verdict, l.reason = partition.Refused, reason
	c.outcome, c.reason = domain.Refused, reason
	c.done = !o.owe(partition.Refuse, c.offset, c.device, c.uid, reason)
	c.wishes = nil
	o.commands = append(o.commands, c)
}

func (o *Oracle) resolve(l *line, c *order, v domain.Resolve) {
	if o.machine(l.Subject) == nil {
		o.refuse(l, c, domain.ReasonUnknownDevice)
		return
	}
	if !slices.Contains([]domain.Resolution{"done", "not-done", "again"}, v.As) {
		o.refuse(l, c, domain.ReasonBadArguments)
		return
	}
	i := slices.IndexFunc(o.doubts, func(d *order) bool { return d.device == l.Subject && d.uid == v.UID })
	if i < 0 {
		o.refuse(l, c, domain.ReasonNotInDoubt)
		return
	}
	uid := domain.DerivedUID(v.UID, "again")
	already := slices.ContainsFunc(o.chores, func(c partition.Chore) bool {
		return c.Kind == partition.Again && c.Device == l.Subject && c.UID == uid
	})
	if v.As == "again" && !already && !o.owe(partition.Again, c.offset, c.device, uid, "") {
		o.refuse(l, c, domain.ReasonOverloaded)
		return
	}
	o.doubts[i].resolved = v.As
	o.doubts = slices.Delete(o.doubts, i, i+1)
	c.done, c.outcome = true, domain.Confirmed
	o.commands = append(o.commands, c)
	l.verdict = partition.Applied
}

// understand knows the devices of the tests only.
func (m *machine) understand(p domain.Payload) (wishes []domain.Value, oneShot bool, reason domain.Reason) {
	n := func(i int) string { return strconv.Itoa(i) }
	hub := m.def.Driver == "videohub"
	takes := func(list ...domain.Take) domain.Reason {
		for i, t := range list {
			if t.Level != "" && t.Level != "video" || t.Destination < 1 || t.Destination > m.def.Outputs || t.Source < 1 || t.Source > m.def.Inputs {
				return domain.ReasonOutOfRange
			}
			for _, u := range list[:i] {
				if u.Destination == t.Destination {
					return domain.ReasonBadArguments
				}
			}
			wishes = append(wishes, domain.Value{Target: domain.Target("crosspoint/video/" + n(t.Destination)), Value: n(t.Source)})
		}
		return ""
	}
	switch c := p.(type) {
	case domain.Invoke:
		switch {
		case hub || c.Verb != "pulse" && c.Verb != "level" && c.Verb != "switch":
			return nil, false, domain.ReasonUnknownVerb
		case c.Verb == "pulse" && len(c.Args) > 0 || c.Verb != "pulse" && (len(c.Args) != 1 || c.Args["value"] == ""):
			return nil, c.Verb == "pulse", domain.ReasonBadArguments
		case c.Verb != "pulse":
			return []domain.Value{{Target: domain.Target("parameter/" + c.Verb), Value: c.Args["value"]}}, false, ""
		}
		return nil, true, ""
	case domain.Take:
		if hub {
			return wishes, false, takes(c)
		}
	case domain.Salvo:
		if hub && len(c.Takes) == 0 {
			return nil, false, domain.ReasonBadArguments
		}
		if hub {
			reason = takes(c.Takes...)
			return wishes, false, reason
		}
	case domain.SetLock:
		if hub && (c.Destination < 1 || c.Destination > m.def.Outputs) {
			return nil, false, domain.ReasonOutOfRange
		}
		if hub {
			v := map[domain.LockState]string{"lock": "owned", "unlock": "unlocked", "force-unlock": "unlocked"}[c.State]
			return []domain.Value{{Target: domain.Target("lock/video/" + n(c.Destination)), Value: v}}, false, ""
		}
	}
	return nil, false, domain.ReasonUnknownVerb
}

func (m *machine) thing(t domain.Target) *thing {
	for _, x := range m.targets {
		if x.target == t {
			return x
		}
	}
	x := &thing{target: t}
	m.targets = append(m.targets, x)
	return x
}

func (m *machine) adopts() bool { return m.def.OnReconnect == domain.Adopt }

// Facts.

func (o *Oracle) fact(l *line) bool {
	m := o.machine(l.Subject)
	present := m != nil && !m.removed
	switch v := l.Payload.(type) {
	case domain.Configured:
		if v.Removed {
			if present {
				m.removed, m.connected = true, false
				o.clear(m)
			}
			return present
		}
		if m == nil {
			m = &machine{}
			o.devices = append(o.devices, m)
		}
		if m.def.Driver != v.Definition.Driver {
			o.clear(m)
		}
		if m.removed || m.def.Driver != v.Definition.Driver {
			for _, c := range o.pending(l.Subject) {
				c.gone = true
			}
		}
		m.def, m.removed = v.Definition, false
		return true
	case domain.Connection:
		if present {
			m.connected = v.Up
		}
		return present
	case domain.Reported:
		if present {
			o.reported(m, v, l.Position.Offset)
		}
		return present
	case domain.Started:
		c := o.find(l.Subject, v.UID)
		if c == nil || !c.accepted || c.done || c.started || !c.oneShot || c.offset != v.Command.Offset {
			return false
		}
		c.started = true
		return true
	case domain.Ended:
		return o.ended(l, v)
	case domain.Answer:
		return o.finish(func(c partition.Chore) bool {
			return c.Kind == partition.GiveAnswer && c.Position == v.Repeat && c.UID == v.UID && c.Device == l.Subject
		})
	case domain.RevisionApplied:
		_, _, applied := o.revisions()
		return v.Revision > applied
	case domain.Handled:
		return o.finish(func(c partition.Chore) bool {
			return (c.Kind == partition.DeadLetter || c.Kind == partition.Forward) && c.Position == v.Record
		})
	}
	return true
}

func (o *Oracle) ended(l *line, v domain.Ended) bool {
	c := o.find(l.Subject, v.UID)
	if c == nil || c.done || c.offset != v.Command.Offset || v.Outcome == "" {
		return false
	}
	if c.accepted == (v.Outcome == domain.Refused) || !c.accepted && c.reason != v.Reason {
		return false
	}
	c.done, c.outcome, c.reason = true, v.Outcome, v.Reason
	if !c.accepted {
		o.finish(func(x partition.Chore) bool { return x.Kind == partition.Refuse && x.Position.Offset == c.offset })
	}
	m := o.machine(c.device)
	for _, w := range c.wishes {
		if m != nil {
			outcome := v.Outcome
			for _, item := range v.Items {
				if item.Target == w.Target {
					outcome = item.Outcome
				}
			}
			o.endWish(m, m.thing(w.Target), c, outcome)
		}
	}
	if v.Outcome == domain.InDoubt {
		var mine []*order
		for _, d := range o.doubts {
			if d.device == c.device {
				mine = append(mine, d)
			}
		}
		if len(mine) >= o.limits.Doubts {
			o.doubts = slices.DeleteFunc(o.doubts, func(d *order) bool { return d == mine[0] })
		}
		o.doubts = append(o.doubts, c)
	}
	for _, rep := range c.repeats {
		o.chores = append(o.chores, partition.Chore{Kind: partition.GiveAnswer, Position: o.at(rep.offset), Device: c.device, UID: c.uid, Reason: c.reason})
	}
	c.repeats = nil
	return true
}

func (o *Oracle) endWish(m *machine, t *thing, c *order, outcome domain.Outcome) {
	for _, cl := range t.claims {
		if cl.by != c || cl.gone {
			continue
		}
		newest := t.top() == cl
		switch {
		case outcome == domain.Confirmed && cl.hidden:
			t.cameTrue(cl)
		case outcome == domain.Confirmed:
			t.settle(cl)
		case cl.settled || newest && outcome == domain.InDoubt:
		default:
			cl.gone = true
			if !newest {
				break
			}
			t.show()
			if top := t.top(); top != nil && !top.settled {
				break
			}
			if top := t.top(); m.adopts() && t.has && !t.lockTaken() && (top == nil || top.value != t.reported) {
				t.claims = append(t.claims, &claim{value: t.reported, at: t.at, settled: true})
			}
		}
	}
}

func (o *Oracle) reported(m *machine, v domain.Reported, at int64) {
	for _, x := range v.Values {
		t := m.thing(x.Target)
		had, was := t.has, t.reported
		t.has, t.reported, t.at = true, x.Value, at
		changed := !had || was != x.Value
		if top := t.top(); top != nil && top.value == x.Value {
			t.settle(top)
			t.asked = nil
			if changed {
				t.foreign = false
			}
			continue
		}
		wanted, awaited := slices.Contains(t.asked, x.Value), false
		for _, c := range o.pending(m.def.Device) {
			for _, w := range c.wishes {
				awaited = awaited || w.Target == t.target
				wanted = wanted || w == x
			}
		}
		if changed {
			t.foreign = had && !wanted && (!v.Full || !t.lockTaken())
			if t.foreign {
				o.foreign++
			}
		}
		if m.adopts() && !awaited && (v.Full || changed) && !t.lockTaken() {
			t.adopt()
			t.asked = nil
		}
	}
	for _, t := range m.targets {
		if v.Full && t.at != at {
			t.has, t.reported, t.foreign = false, "", false
		}
	}
}

// tidy drops what is empty.
func (o *Oracle) tidy() {
	o.devices = slices.DeleteFunc(o.devices, func(m *machine) bool {
		doubts := slices.ContainsFunc(o.doubts, func(d *order) bool { return d.device == m.def.Device })
		return m.removed && !doubts && len(o.pending(m.def.Device)) == 0
	})
	for _, m := range o.devices {
		m.targets = slices.DeleteFunc(m.targets, func(t *thing) bool {
			for _, c := range o.pending(m.def.Device) {
				if slices.ContainsFunc(c.wishes, func(w domain.Value) bool { return w.Target == t.target }) {
					return false
				}
			}
			return t.top() == nil && !t.has
		})
	}
}

// forget drops one command after the other, the oldest first.
func (o *Oracle) forget() {
	now, _ := o.logTime()
	for len(o.commands) > 0 {
		oldest := o.commands[0]
		for _, c := range o.commands {
			if c.indexed < oldest.indexed {
				oldest = c
			}
		}
		if !oldest.done || now-oldest.indexed <= domain.Instant(o.limits.Window) && len(o.commands) <= o.limits.UIDs {
			return
		}
		o.forgotten = append(o.forgotten, oldest.indexed)
		o.commands = slices.DeleteFunc(o.commands, func(c *order) bool { return c == oldest })
	}
}
