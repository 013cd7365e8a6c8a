package sim

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/reader"
	"github.com/understudy-io/understudy/integration/oracle"
)

// longestLease is a lease of the longest length by the slowest clock.
const longestLease = election.DefaultMaxTTL * 100 / 85

// checks judges a history while it is played. What it knows it has from the world
// itself: true time, what stands in the log, who wrote to which device when.
type checks struct {
	w           *world
	control     *election.State          // the fold of control, up to its end
	states      []*partition.State       // the fold of the log, up to its end
	hashes      [][]domain.Hash          // the state's hash behind each record
	out         map[string]bool          // incarnations of which a death or farewell stands in control
	removed     map[string]time.Duration // incarnations that an operator has removed, and when
	won         map[uint64]string        // who holds which epoch
	wrote       uint64                   // the highest epoch of a write to a device
	writer      string                   // who did that
	opener      string                   // who opened an epoch last
	controlLost bool                     // once at least
	paused      bool                     // what operators have decided, as the records say
	drained     map[string]bool
	banned      map[string]bool // members that were removed for good
	last        string          // who was given an epoch last
	outreach    domain.Instant  // when a primary was contested last because of devices; 0 for never
	beat        int64           // the last heartbeat that counts, unless a claim has followed it or it was copied; -1 for none

	orders  map[orderKey]*order
	known   []orderKey                          // in log order
	first   map[string]int64                    // by device: the latest command that was written a first time
	targets map[string]map[domain.Target]*order // by device and target: the latest command that was written

	repeats map[domain.Position]orderKey // that were not answered yet
	strays  map[domain.Position]orderKey // commands in a wrong partition
	dead    map[domain.Position]domain.Defect
	letters map[domain.Position]bool
	toCopy  map[int64]domain.Type // control records that belong into elections and are not there yet
	files   []savedFile
	oracles []*oracle.Oracle
}

type orderKey struct{ device, uid string }

// order is what the log and the devices say of one command.
type order struct {
	at      domain.Position
	landed  time.Duration
	effect  domain.Effect
	wishes  []domain.Value
	refused domain.Reason
	written int
	ended   *domain.Ended
	endedAt time.Duration
	unsent  string // who says that it was not sent
}

type savedFile struct {
	of    string
	bytes []byte
}

func newChecks(w *world) *checks {
	c := &checks{
		w: w, control: election.NewState(), beat: -1, out: make(map[string]bool), removed: make(map[string]time.Duration), won: make(map[uint64]string),
		orders: make(map[orderKey]*order), first: make(map[string]int64), targets: make(map[string]map[domain.Target]*order),
		repeats: make(map[domain.Position]orderKey), strays: make(map[domain.Position]orderKey), dead: make(map[domain.Position]domain.Defect),
		letters: make(map[domain.Position]bool), toCopy: make(map[int64]domain.Type),
		drained: make(map[string]bool), banned: make(map[string]bool),
	}
	for p := range w.plan.Partitions {
		c.states = append(c.states, partition.New(p, w.plan.Partitions, partition.DefaultLimits()))
		c.hashes = append(c.hashes, nil)
		if w.plan.Oracle {
			c.oracles = append(c.oracles, oracle.New(p, w.plan.Partitions, partition.DefaultLimits()))
		}
	}
	return c
}

// landed sees each record as it lands.
func (c *checks) landed(to *part, s *stored) {
	r := c.w.broker.decode(to.kind, to.number, s)
	switch to.kind {
	case domain.TopicLog:
		c.inLog(to.number, &r)
	case domain.TopicControl:
		c.inControl(&r)
	case domain.TopicElections:
		if v, ok := r.Payload.(domain.Copied); ok {
			delete(c.toCopy, v.Control)
			if v.Control == c.beat {
				c.beat = -1
			}
			if c.w.telling() {
				c.w.tell("    copied: %d of control", v.Control)
			}
		}
	case domain.TopicDeadLetter:
		if v, ok := r.Payload.(domain.DeadLetter); ok {
			c.letters[v.Record] = true
		}
	}
}

func (c *checks) inLog(p int32, r *domain.Record) {
	w, s := c.w, c.states[p]
	change := s.Apply(*r)
	c.hashes[p] = append(c.hashes[p], s.Hash())
	w.stats.verdicts[verdictKey{r.Type, change.Verdict}]++
	if w.telling() && change.Verdict != partition.Accepted {
		w.tell("    %s %s of %s, epoch %d: %s", r.Position, r.Type, r.Subject, r.Epoch, change.Verdict)
	}
	key := orderKey{r.Subject, r.UID}
	switch change.Verdict {
	case partition.Accepted, partition.Refused:
		if c.orders[key] != nil && c.orders[key].refused == "" {
			w.failf("%s %s is %s at %s, and was accepted at %s (G4)", r.Subject, r.UID, change.Verdict, r.Position, c.orders[key].at)
		}
		o := &order{at: r.Position, landed: w.now, refused: change.Reason}
		if change.Pending != nil {
			o.effect, o.wishes = change.Pending.Effect, slices.Clone(change.Pending.Wishes)
		}
		c.orders[key] = o
		c.known = append(c.known, key)
	case partition.Duplicate, partition.Conflict:
		c.repeats[r.Position] = key
	case partition.Misplaced:
		c.strays[r.Position] = key
	case partition.Dead:
		c.dead[r.Position] = change.Defect
	}
	switch a := change.Counted.(type) {
	case domain.Ended:
		c.ended(orderKey{r.Subject, a.UID}, &a)
	case domain.Answer:
		key := orderKey{r.Subject, a.UID}
		if o := c.orders[key]; o == nil || o.ended == nil || o.ended.Outcome != a.Outcome || o.ended.Reason != a.Reason {
			if o != nil {
				w.failf("the answer to the repeat of %s %s at %s is %s, and not its outcome (G4)", r.Subject, a.UID, a.Repeat, a.Outcome)
			}
		}
		delete(c.repeats, a.Repeat)
	}
	if c.oracles != nil {
		c.compare(p, r, change)
	}
}

func (c *checks) ended(key orderKey, e *domain.Ended) {
	w := c.w
	o := c.orders[key]
	switch {
	case o == nil:
		w.failf("%s %s ends as %s, and nobody has asked for it", key.device, key.uid, e.Outcome)
		return
	case o.ended != nil:
		w.failf("%s %s has a second outcome, %s after %s (G4)", key.device, key.uid, e.Outcome, o.ended.Outcome)
		return
	}
	o.ended, o.endedAt = e, w.now
	w.stats.outcomes[string(e.Outcome)+" "+string(e.Reason)+" "+string(o.effect)]++
	if w.telling() {
		w.tell("    outcome of %s %s: %s %s %s", key.device, key.uid, e.Outcome, e.Reason, e.Detail)
	}
}

func (c *checks) inControl(r *domain.Record) {
	w := c.w
	_, before, held := c.control.Holder()
	epoch := c.control.Epoch()
	subject, _ := c.control.Member(r.Subject)
	stood := decisions{c.paused, c.drained, c.control.Successor(), c.last}
	contested := c.control.Contested()
	ruling := c.control.Apply(*r)
	if v, ok := r.Payload.(domain.Contest); ok && ruling.Counts && !contested && len(v.Devices) > 0 {
		c.outreached(r, &v)
	}
	c.decided(r, stood, ruling.Counts)
	if w.telling() && r.Type != domain.TypeHeartbeat && r.Type != domain.TypeCheckpoint {
		w.tell("    control %d: %s of %s %+v %s", r.Position.Offset, r.Type, r.Subject, r.Payload, ruling.Void)
	}
	switch v := r.Payload.(type) {
	case domain.Heartbeat:
		if ruling.Counts {
			c.beat = r.Position.Offset
		}
	case domain.RevisionAcknowledged:
		c.toCopy[r.Position.Offset] = r.Type
		c.acknowledged(r, &v, ruling)
	case domain.Checkpoint:
	case domain.View:
		w.broker.views = append(w.broker.views, r.Position.Offset)
	case domain.Claim:
		c.toCopy[r.Position.Offset] = r.Type
		if c.beat >= 0 {
			c.toCopy[c.beat] = domain.TypeHeartbeat
			c.beat = -1
		}
		w.stats.claims++
		if !ruling.Counts {
			w.stats.void++
			break
		}
		// One that began with a log that did not show its end gives it back unused.
		if v.Epoch <= c.wrote && !c.controlLost {
			w.failf("epoch %d is given, and epoch %d has written to a device (G2)", v.Epoch, c.wrote)
		}
		if v.Epoch <= epoch {
			w.failf("epoch %d follows on %d (G2)", v.Epoch, epoch)
		}
		if _, removed := c.removed[v.Incarnation]; removed || c.out[v.Incarnation] {
			w.failf("%s is out, and its claim of epoch %d counts", v.Incarnation, v.Epoch)
		}
		c.won[v.Epoch] = v.Incarnation
		if held && before == v.Incarnation {
			w.stats.again++
		}
	case domain.Removed:
		c.toCopy[r.Position.Offset] = r.Type
		if ruling.Counts {
			c.removed[subject.Incarnation] = w.now
		}
	case domain.Died:
		c.toCopy[r.Position.Offset] = r.Type
		c.out[v.Incarnation] = true
	case domain.Left:
		c.toCopy[r.Position.Offset] = r.Type
		c.out[v.Incarnation] = true
	default:
		c.toCopy[r.Position.Offset] = r.Type
	}
}

// Of a primary that reached all that it is said to miss, the word is as old as this at
// most: a log that is slow or away for a while holds heartbeats up.
const reachedLately = 8 * time.Second

// outreached judges a contest because of devices: there are few, and each for a reason.
func (c *checks) outreached(r *domain.Record, v *domain.Contest) {
	w := c.w
	w.stats.Outreached++
	if c.outreach > 0 && r.Appended.Sub(c.outreach) < time.Minute {
		w.failf("control %d: the primary is contested because of devices, %s after the one before (P16)", r.Position.Offset, r.Appended.Sub(c.outreach))
	}
	c.outreach = r.Appended
	s := c.holder()
	if s == nil {
		return
	}
	for _, name := range v.Devices {
		if d := s.devices[name]; d == nil || d.link == nil || !d.link.up || w.now < d.link.upSince+reachedLately {
			return
		}
	}
	w.failf("control %d: %s is contested because of %v, and has long been connected to them all (P16)", r.Position.Offset, s.incarnation, v.Devices)
}

// holder is the server that holds the epoch, if it lives.
func (c *checks) holder() *server {
	_, incarnation, held := c.control.Holder()
	if !held {
		return nil
	}
	for _, h := range c.w.hosts {
		if h.server != nil && h.server.incarnation == incarnation {
			return h.server
		}
	}
	return nil
}

// leased sees each move of a lease: no two of them may live at one moment of true
// time.
func (c *checks) leased(s *server) {
	if s.mayAct() {
		c.alone(s)
	}
}

func (c *checks) alone(s *server) {
	for _, h := range c.w.hosts {
		if o := h.server; o != nil && o != s && o.mayAct() {
			c.w.failf("%s of epoch %d and %s of epoch %d may both act: their leases live for another %s and %s by their own clocks (G2)",
				s.incarnation, s.lease.epoch, o.incarnation, o.lease.epoch, s.lease.until-s.mono(), o.lease.until-o.mono())
		}
	}
}

// wonBy sees that a server takes itself for an epoch's primary.
func (c *checks) wonBy(s *server, epoch uint64) {
	if c.won[epoch] != s.incarnation {
		c.w.failf("%s takes itself for the primary of epoch %d, which is %q's (G2)", s.incarnation, epoch, c.won[epoch])
	}
}

// opened sees that a primary has folded all its marks.
func (c *checks) opened(s *server, epoch uint64) {
	w := c.w
	w.tell("%s has opened epoch %d", s.incarnation, epoch)
	if c.opener != "" && c.opener != s.incarnation {
		w.stats.Takeovers++
	}
	c.opener = s.incarnation
}

// folded compares a server's state with the log's own, at the same position.
func (c *checks) folded(s *server, state *partition.State) {
	p, next := state.Partition(), state.Next()
	if next == 0 {
		return
	}
	want := c.hashes[p][next-1]
	switch {
	case state.Hash() == want:
	case s.wrong:
		s.differed = cmp.Or(s.differed, c.w.now)
	default:
		c.w.failf("%s has another state of partition %d at %d than the log gives (G5)", s.incarnation, p, next)
	}
}

// testified judges a server's word that a one-shot was not sent.
func (c *checks) testified(s *server, e core.Testify) {
	o := c.orders[orderKey{e.Device, e.UID}]
	if o == nil || o.ended == nil || o.ended.Outcome != domain.InDoubt || o.written > 0 {
		c.w.failf("%s says that %s of %s is in doubt and was not sent, and it is %+v (G4)", s.incarnation, e.UID, e.Device, o)
		return
	}
	o.unsent = s.incarnation
}

// write judges a write to a device at the moment at which it is made.
func (c *checks) write(s *server, st *station, e device.Emit) {
	w, a := c.w, &e.Action
	w.stats.writes++
	if w.telling() {
		w.tell("%s writes %s to %s as the primary of epoch %d: %v %s", s.incarnation, a.UID, st.name, e.Epoch, a.Wishes, a.Effect)
	}
	switch {
	case !s.mayAct():
		w.failf("%s writes %s to %s without a live lease (G2)", s.incarnation, a.UID, st.name)
	case c.out[s.incarnation]:
		w.failf("%s writes %s to %s, and control says that it is gone", s.incarnation, a.UID, st.name)
	case c.removed[s.incarnation] > 0 && w.now > c.removed[s.incarnation]+longestLease:
		w.failf("%s writes %s to %s, and was removed long ago", s.incarnation, a.UID, st.name)
	case c.won[e.Epoch] != s.incarnation:
		w.failf("%s writes %s to %s for epoch %d, which is %q's", s.incarnation, a.UID, st.name, e.Epoch, c.won[e.Epoch])
	case e.Epoch == c.wrote && c.writer != s.incarnation:
		w.failf("%s writes %s to %s for epoch %d, in which %s has written (G2)", s.incarnation, a.UID, st.name, e.Epoch, c.writer)
	case e.Epoch < c.wrote:
		w.failf("%s writes %s to %s for epoch %d, and epoch %d has written before (G2)", s.incarnation, a.UID, st.name, e.Epoch, c.wrote)
	}
	c.alone(s)
	c.wrote, c.writer = max(c.wrote, e.Epoch), s.incarnation
	o := c.orders[orderKey{st.name, a.UID}]
	if o == nil || o.refused != "" || o.at != a.Command {
		w.failf("%s writes %s of %s to %s, and no such command was accepted (G6)", s.incarnation, a.UID, a.Command, st.name)
		return
	}
	// A device that is configured anew may be sent anything again but a one-shot, if the
	// outcome was on its way: a queryable one is decided by what the device says now.
	again := a.Effect != domain.OneShot && w.reconfigured
	if o.ended != nil && !again {
		w.failf("%s writes %s to %s, and its outcome stands in the log: %s", s.incarnation, a.UID, st.name, o.ended.Outcome)
	}
	if a.Effect == domain.OneShot {
		c.oneShot(s, st, o, e)
	}
	c.order(s, st, o, e)
	o.written++
}

// oneShot: it is written ahead, in this epoch, and never sent twice.
func (c *checks) oneShot(s *server, st *station, o *order, e device.Emit) {
	if o.written > 0 {
		c.w.failf("%s writes the one-shot %s to %s a second time (G3)", s.incarnation, e.Action.UID, st.name)
	}
	d, _ := c.states[o.at.Partition].Device(st.name)
	for _, p := range d.Pending() {
		if p.UID == e.Action.UID && p.Started && p.StartedEpoch == e.Epoch {
			return
		}
	}
	c.w.failf("%s writes the one-shot %s to %s, and it was not written ahead in epoch %d (G3)", s.incarnation, e.Action.UID, st.name, e.Epoch)
}

// order: actions leave in log order, and no wish overtakes a newer one.
func (c *checks) order(s *server, st *station, o *order, e device.Emit) {
	w, at := c.w, e.Action.Command.Offset
	if o.written == 0 {
		if last, ok := c.first[st.name]; ok && at < last {
			w.failf("%s writes %s at %d to %s after a command at %d (G3)", s.incarnation, e.Action.UID, at, st.name, last)
		}
		c.first[st.name] = at
	}
	targets := c.targets[st.name]
	if targets == nil {
		targets = make(map[domain.Target]*order)
		c.targets[st.name] = targets
	}
	for _, v := range e.Action.Wishes {
		if last := targets[v.Target]; last != nil && at < last.at.Offset {
			w.failf("%s writes %s at %d to %s of %s after a newer wish at %d (G3)", s.incarnation, e.Action.UID, at, v.Target, st.name, last.at.Offset)
		}
		targets[v.Target] = o
	}
}

// pulsed sees each one-shot that a device has done.
func (c *checks) pulsed(st *station, r *request) {
	if c.w.telling() {
		c.w.tell("%s does the one-shot %s", st.name, r.action.UID)
	}
	if n := st.pulses[r.action.UID]; n > 1 {
		c.w.failf("%s has done the one-shot %s %d times (G3)", st.name, r.action.UID, n)
	}
}

// longAgo is longer than a server needs to fold again, with a pause in it.
const longAgo = 3 * time.Second

// same says whether a server's state is what the log gives.
func (c *checks) same(s *server) bool {
	for p, state := range s.coreMachine.States() {
		if next := state.Next(); next > 0 && state.Hash() != c.hashes[p][next-1] {
			return false
		}
	}
	return true
}

// notice hears what a server has found: no two of them are ever to differ, unless one
// has misread a command; and then that one is wrong.
func (c *checks) notice(s *server, n core.Notice) {
	w := c.w
	w.tell("%s notices: event %d, incarnation %s, %s, %v", s.incarnation, n.Event, n.Incarnation, n.Position, n.Cause)
	switch n.Event {
	case core.Undecided:
	case core.InQuarantine:
		w.stats.quarantined++
		if !s.wrong {
			w.failf("%s takes itself out, and its state is what the log gives: %v (G5)", s.incarnation, n.Cause)
		}
	case core.Right:
		if w.chance(0.2) {
			w.after(w.between(0, 20*time.Millisecond), func() { w.decide() }) // an operator who is quick
		}
		// It folds again what it had when it was asked, which may be a while ago.
		if s.differed > 0 && w.now > s.differed+longAgo && !c.same(s) {
			w.failf("%s takes its state for right, and it has misread a command (G5)", s.incarnation)
		}
	case core.Differs, core.Disputed, core.Reconciled:
		if len(w.tainted) == 0 {
			w.failf("%s finds the states to differ: event %d, incarnation %s, %s", s.incarnation, n.Event, n.Incarnation, n.Position)
		}
	case core.Unreadable: // it is tried again
	case core.Removing:
		if !w.tookOut {
			w.failf("%s takes %s away, which all are configured to have", s.incarnation, n.Device)
		}
	default:
		w.failf("%s finds the states to differ: event %d, incarnation %s, %s, %v", s.incarnation, n.Event, n.Incarnation, n.Position, n.Cause)
	}
}

// failed hears why a server ends itself. That it is out of the landscape is a reason,
// and that it is wrong, or was away for longer than control is kept.
func (c *checks) failed(s *server, cause error) {
	switch {
	case errors.Is(cause, control.ErrBarred) && c.banned[s.host.name]:
	case errors.Is(cause, domain.ErrFenced), errors.Is(cause, control.ErrReplaced), errors.Is(cause, reader.ErrOvertaken):
	case s.wrong && errors.Is(cause, domain.ErrCorrupt):
	default:
		c.w.failf("%s quits: %v", s.incarnation, cause)
	}
}

// loaded sees what a server begins with.
func (c *checks) loaded(s *server, states []*partition.State) {
	for _, state := range states {
		if next := state.Next(); next > 0 && c.w.stats.misread > 0 && c.hashes[state.Partition()][next-1] != state.Hash() {
			s.wrong = true
		}
		c.folded(s, state)
	}
}

// loseControl forgets what the control topic held.
func (c *checks) loseControl() {
	c.control, c.beat, c.controlLost = election.NewState(), -1, true
	c.paused, c.last, c.outreach = false, "", 0
	clear(c.drained)
	clear(c.banned)
	clear(c.toCopy)
}

// saved keeps snapshots for the auditor.
func (c *checks) saved(s *server, bytes []byte) {
	c.w.stats.saved++
	if c.w.plan.Audit && !s.wrong && len(c.files) < 20 {
		c.files = append(c.files, savedFile{s.incarnation, bytes})
	}
}
