package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/infra/guard"
)

// begin starts the landscape and puts the plan into the queue.
func (w *world) begin() {
	for i, h := range w.hosts {
		if !h.twin {
			w.after(time.Duration(i)*w.between(0, 50*time.Millisecond), h.on)
		}
	}
	for _, f := range w.plan.Faults {
		w.at(f.At, func() { w.happen(f) })
	}
	for _, wish := range w.plan.Traffic {
		w.at(wish.At, func() { w.publish(wish) })
	}
	w.after(actsWithin, w.checks.liveness)
	if w.plan.Loses {
		w.after(3*time.Second, w.broker.lose)
	}
	if w.plan.Lies {
		w.after(2*time.Second, w.lie)
	}
}

// troubled notes that something goes wrong, and for how long.
func (w *world) troubled(f Fault) { w.trouble = max(w.trouble, w.now+f.For) }

// victim is the host that a fault is meant for.
func (w *world) victim(f Fault) *host {
	if f.Host >= 0 {
		return w.hosts[f.Host]
	}
	if s := w.checks.holder(); s != nil {
		return s.host
	}
	return w.hosts[f.Arg%w.plan.Servers]
}

// happen has a fault happen.
func (w *world) happen(f Fault) {
	if w.healed {
		return
	}
	if f.Point != "" {
		w.armed = append(w.armed, &armed{f, point(slices.Index(points, f.Point))})
		return
	}
	h := w.victim(f)
	if w.telling() {
		w.tell("FAULT: %s %s for %s", f.Do, h.name, f.For)
	}
	w.stats.faults[f.Do]++
	w.troubled(f)
	if w.onServer(h, f) || w.onLog(h, f) || w.onDevice(h, f) {
		return
	}
	w.byOperator(h, f)
}

// onServer does what happens to a host and what runs there.
func (w *world) onServer(h *host, f Fault) bool {
	switch f.Do {
	case "kill":
		if h.server != nil {
			h.killProgram(&h.server.program)
		}
	case "kill host":
		h.crash()
		w.after(f.For, h.on)
	case "kill guard":
		if h.guard != nil && !h.guard.dead {
			h.killGuard(f.For)
		}
	case "freeze":
		if h.server != nil {
			h.server.freeze(f.For)
		}
	case "freeze guard":
		if h.guard != nil {
			h.guard.freeze(f.For)
		}
	case "freeze host":
		if h.server != nil {
			h.server.freeze(f.For)
		}
		if h.guard != nil {
			h.guard.freeze(f.For)
		}
	case "twin":
		if twin := w.hosts[len(w.hosts)-1]; twin.twin {
			twin.on()
			w.after(f.For, func() {
				twin.crash()
				for _, h := range w.hosts {
					h.on() // the older one of the two has ended for good
				}
				twin.crash()
			})
		}
	case "misread":
		h.misread()
	case "idle":
	case "starve":
		h.starved = time.Duration(1+f.Arg%40) * time.Millisecond
		w.after(f.For, func() { h.starved = 0 })
	case "wall step":
		h.wallOff += time.Duration(f.Arg%1200-600) * time.Second
	case "snapshot torn":
		h.disk.damage(f.Arg)
	case "disk image":
		h.disk.saveImage()
	case "disk of old":
		if h.disk.image != nil {
			h.crash()
			h.disk.restoreImage()
			w.after(f.For, h.on)
		}
	case "disk full":
		h.disk.full = true
		w.after(f.For, func() { h.disk.full = false })
	default:
		return false
	}
	return true
}

// onLog does what happens to the log, or to a host's way to it.
func (w *world) onLog(h *host, f Fault) bool {
	b := w.broker
	switch f.Do {
	case "cut log":
		h.cutLog(cut{out: true, in: true, refuse: f.Arg%2 == 0}, f.For)
	case "deaf log":
		h.cutLog(cut{in: true}, f.For)
	case "mute log":
		h.cutLog(cut{out: true}, f.For)
	case "broker down", "broker hangs":
		b.fail(f.Do == "broker hangs", f.For, f.Arg)
	case "partition away":
		part := b.parts[domain.TopicLog][f.Arg%len(b.parts[domain.TopicLog])]
		part.away = true
		w.after(f.For, func() { part.away = false })
	case "retention":
		b.retain(f.Arg)
	case "control lost":
		w.loseControl(f.For)
	case "appends refused":
		h.refused = 0.5
		w.after(f.For, func() { h.refused = 0 })
	case "slow log":
		b.slow = time.Duration(1+f.Arg%60) * time.Millisecond
		w.after(f.For, func() { b.slow = 0 })
	case "slow fetch":
		h.slowFetch = time.Duration(1+f.Arg%200) * time.Millisecond
		w.after(f.For, func() { h.slowFetch = 0 })
	case "uncertain appends":
		share := []float64{0.02, 0.1, 0.3}[f.Arg%3]
		hosts := w.hosts
		if f.Host >= 0 {
			hosts = []*host{h}
		}
		for _, h := range hosts {
			h.uncertain = share
			w.after(f.For, func() { h.uncertain = 0 })
		}
	default:
		return false
	}
	return true
}

// onDevice does what happens to a device, or to a host's way to one.
func (w *world) onDevice(h *host, f Fault) bool {
	st := w.devices[f.Arg%len(w.devices)]
	until := w.now + f.For
	switch f.Do {
	case "cut devices":
		for _, st := range w.devices {
			h.cutDevice(st, f.For)
		}
	case "cut device":
		h.cutDevice(st, f.For)
	case "device restarts":
		st.restart(f.For, f.Arg%2 == 0)
	case "device hangs up":
		st.hangUp(f.For)
	case "device is silent":
		st.silence(f.For)
	case "device is deaf":
		st.deafUntil = until
	case "device does nothing":
		st.idleUntil = until
	case "device refuses":
		st.nakUntil = until
	case "device is slow":
		st.slowUntil, st.slow = until, time.Duration(1+f.Arg%300)*time.Millisecond
	case "by hand":
		st.byHand(f.Arg)
	default:
		return false
	}
	return true
}

func (h *host) cutDevice(st *station, d time.Duration) {
	h.devCut[st] = true
	h.w.after(d, func() { h.mendDevice(st) })
}

func (h *host) mendDevice(st *station) {
	if !h.devCut[st] {
		return
	}
	delete(h.devCut, st)
	for _, c := range st.conns {
		if c.host == h {
			c.release()
		}
	}
}

// byOperator does what operators ask for.
func (w *world) byOperator(h *host, f Fault) {
	s := h.server
	switch f.Do {
	case "switchover":
		if s = w.checks.holder(); s != nil && s.core != nil {
			to := ""
			if f.Host >= 0 && w.hosts[f.Host] != s.host {
				to = w.hosts[f.Host].name
			}
			s.core.tell(coreInput{in: core.Finish{Then: []core.Effect{core.Control{Input: election.Release{To: to, Reason: "switchover"}}}}})
		}
	case "takeover":
		if s != nil && s.control != nil {
			s.takeover(w.hosts[f.Arg%w.plan.Servers])
		}
	case "leave":
		if h.guard != nil && !h.guard.dead {
			h.guard.loop.tell(guard.Stop{})
			g := h.guard
			w.after(f.For, func() { w.onAgain(h, g) })
		}
	case "remove":
		scribe := domain.Scribe{Server: "ops", UID: w.uid}
		m := w.encode(domain.TopicControl, 0, scribe.Record(w.wall(), h.name, domain.Removed{By: "ann", Reason: "removed"}))
		w.external(domain.TopicControl, 0, m)
	case "resolve":
		w.resolve(f)
	case "reconfigure":
		w.reconfigure(h, f.Arg)
	default:
		w.decides(h, f)
	}
}

// takeover is what an operator asks of one server, for itself or another one.
func (s *server) takeover(to *host) {
	if to == s.host {
		s.core.tell(coreInput{in: core.Vouch{User: "ann", Reason: "forced"}})
		s.elect(election.Clear{By: "ann", Reason: "forced"})
	}
	s.elect(election.Contest{By: "ann", Reason: "forced", To: to.name})
}

// decide is what an operator does where nobody acts, because all were quarantined, or
// the primary that they differ from is there and does not say whether it was wrong: a
// server that has begun anew, or whose state the log gives, is to take over. It says
// whether there was one.
func (w *world) decide() bool {
	for _, h := range w.hosts {
		s := h.server
		if s == nil || s.coreMachine == nil {
			continue
		}
		if _, right := s.coreMachine.Differs(); right || s.controlMachine.Election().MayClear() {
			w.stats.decided++
			w.tell("an operator forces a takeover by %s", s.incarnation)
			s.takeover(h)
			return true
		}
	}
	return false
}

// onAgain starts a host again whose guard has been asked to end, once it has.
func (w *world) onAgain(h *host, g *guardProgram) {
	switch {
	case h.guard != g:
	case !g.dead:
		w.after(50*time.Millisecond, func() { w.onAgain(h, g) })
	case h.server == nil:
		h.on()
	}
}

// resolve ends the first doubt that there is.
func (w *world) resolve(f Fault) {
	for p, state := range w.checks.states {
		for _, d := range state.Devices() {
			for _, x := range d.Doubts() {
				as := []domain.Resolution{domain.ResolvedDone, domain.ResolvedNotDone, domain.ResolvedAgain}[f.Arg%3]
				scribe := domain.Scribe{Server: "ops", UID: w.uid}
				r := scribe.Record(w.wall(), d.ID(), domain.Resolve{UID: x.UID, As: as, Reason: "seen"})
				r.User = "ann"
				w.external(domain.TopicLog, int32(p), w.encode(domain.TopicLog, int32(p), r))
				return
			}
		}
	}
}

// loseControl ends all servers, and gives them an empty control topic: a landscape
// that is restored without it.
func (w *world) loseControl(d time.Duration) {
	for _, h := range w.hosts {
		h.crash()
	}
	b := w.broker
	b.parts[domain.TopicControl][0] = &part{kind: domain.TopicControl}
	b.views = nil
	w.checks.loseControl()
	for _, h := range w.hosts {
		h.removed = false // nothing is left that says so
		if !h.twin {
			w.after(d, h.on)
		}
	}
}

// reconfigure changes the definition of a device in the configuration, takes it out, or
// puts it in again: in a new revision of the landscape's, or in the servers' own files.
// Then one server is restarted, which reads it; the others have the old one until they
// start again.
func (w *world) reconfigure(h *host, arg int) {
	w.defs, w.reconfigured = slices.Clone(w.defs), true
	def := &w.defs[arg%len(w.defs)]
	switch {
	case w.without[def.Device]:
		delete(w.without, def.Device)
	case arg>>16%3 == 0 && len(w.without) < len(w.defs)-1:
		if w.without == nil {
			w.without = make(map[string]bool)
		}
		w.without[def.Device], w.tookOut = true, true
	case arg/64%2 == 0:
		def.StandbyPolling = !def.StandbyPolling
	default:
		def.ConfirmWithin = time.Duration(200+arg%300) * time.Millisecond
	}
	if arg/128%2 == 0 {
		w.publishRevision(h, arg/256)
		return
	}
	if h.server != nil {
		h.killProgram(&h.server.program)
	}
}

// configured are the definitions that the configuration has now.
func (w *world) configured() []domain.Definition {
	return slices.DeleteFunc(slices.Clone(w.defs), func(def domain.Definition) bool { return w.without[def.Device] })
}

// misread has a server read one of the next commands otherwise than it is, as a
// broken memory would. One server does so at a time, so that another one is right.
func (h *host) misread() {
	w := h.w
	if w.staying(h) < 1 || h.server == nil || h.server.coreMachine == nil {
		return
	}
	for _, o := range w.hosts {
		if s := o.server; s != nil && (s.misreads || s.wrong || s.coreMachine == nil) {
			return
		}
		if m, known := w.checks.control.Member(o.name); known && m.Quarantined {
			return
		}
	}
	h.server.misreads = true
}

// external appends a record of somebody who is no server: it lands soon, unless the
// log is away; then it is tried again.
func (w *world) external(kind domain.TopicKind, partition int32, m message) {
	w.after(w.broker.way(), func() {
		if w.broker.down || w.broker.parts[kind][partition].away {
			w.after(50*time.Millisecond, func() { w.external(kind, partition, m) })
			return
		}
		w.broker.land(w.broker.parts[kind][partition], []message{m})
	})
}

// publish is what a producer does.
func (w *world) publish(x Wish) {
	name := w.defs[x.Device].Device
	owner := domain.Partition(name, w.plan.Partitions)
	r := domain.Record{UID: x.UID, Source: "/panel/1", Subject: name, Created: w.wall(), ValidFor: time.Duration(x.ValidMs) * time.Millisecond}
	isHub := w.defs[x.Device].Driver == domain.DriverVideohub
	value := fmt.Sprint(x.Value)
	switch {
	case x.Kind == "salvo":
		r.Payload = domain.Salvo{Takes: []domain.Take{{Destination: 1 + x.Target, Source: x.Value}, {Destination: 1 + (x.Target+1)%4, Source: x.Value}}}
	case x.Kind == "level" || x.Kind == "switch":
		r.Payload = domain.Invoke{Verb: x.Kind, Args: map[string]string{"value": value}}
	case isHub:
		r.Payload = domain.Take{Destination: 1 + x.Target, Source: x.Value}
	default:
		r.Payload = domain.Invoke{Verb: "pulse"}
	}
	to := owner
	switch x.Kind {
	case "out of range":
		r.Payload = domain.Take{Destination: 99, Source: x.Value}
	case "unknown device":
		r.Subject = "nobody-" + value
	case "no time":
		r.Created = 0
	case "future":
		r.Created = w.wall().Add(2 * time.Minute)
	case "conflict":
		r.UID = "same-" + value
	case "unsigned":
		r.Payload = domain.Ended{UID: "c0", Outcome: domain.Confirmed}
	case "forged epoch":
		r.Payload = domain.EpochOpened{Server: "Z", Incarnation: "Z1", Time: w.wall()}
		r.Epoch, r.Sequence = 1<<40, 1
	}
	if x.Astray {
		to = (owner + 1) % w.plan.Partitions
	}
	r.Type = r.Payload.Type()
	m := w.producerMessage(r)
	if x.Kind == "malformed" {
		m.record.Payload, m.record.Defect = nil, domain.DefectPayload
		m.bytes.Value = []byte{0xc1, 0xff}
	}
	if w.telling() {
		w.tell("a producer appends %s %s of %s: %+v", r.Type, r.UID, r.Subject, r.Payload)
	}
	w.external(domain.TopicLog, to, m)
	if x.Lost {
		w.after(w.between(time.Millisecond, 200*time.Millisecond), func() { w.external(domain.TopicLog, to, m) })
	}
	if x.Again > 0 {
		w.after(x.Again, func() { w.external(domain.TopicLog, to, m) })
	}
}

// producerMessage is what somebody without a key can make.
func (w *world) producerMessage(r domain.Record) message {
	if w.codec == nil {
		if domain.ClassOf(r.Type) != domain.ClassCommand {
			r.Defect, r.Payload = domain.DefectUnsigned, nil
		}
		return message{record: r}
	}
	m, err := w.codec.Encode(domain.TopicLog, 0, r)
	if err != nil {
		w.failf("a producer's record cannot be encoded: %v", err)
	}
	if domain.ClassOf(r.Type) != domain.ClassCommand {
		m.Value = append(append([]byte(nil), m.Value...), 0) // the MAC is of another value
	}
	return message{record: r, bytes: m}
}

// lie is a negative control: a guard takes a living server for dead.
func (w *world) lie() {
	if w.healed {
		return
	}
	if s := w.checks.holder(); s != nil {
		s.freeze(300 * time.Millisecond)
		scribe := domain.Scribe{Server: s.host.name, UID: w.uid}
		m := w.encode(domain.TopicControl, 0, scribe.Record(w.wall(), s.host.name, domain.Died{Incarnation: s.incarnation, Exit: "signal: killed"}))
		w.external(domain.TopicControl, 0, m)
	}
	w.after(500*time.Millisecond, w.lie)
}

// heal ends all faults. What has ended is started again.
func (w *world) heal() {
	w.tell("all faults are healed")
	w.healed = true
	w.armed = nil
	w.undecide()
	b := w.broker
	b.down, b.slow = false, 0
	for _, part := range b.parts[domain.TopicLog] {
		part.away = false
	}
	for _, st := range w.devices {
		st.downUntil, st.deafUntil, st.idleUntil, st.nakUntil, st.slowUntil = 0, 0, 0, 0, 0
		st.silentUntil = w.now
		st.silence(0)
	}
	for _, h := range w.hosts {
		if h.twin || h.removed {
			h.crash()
			continue
		}
		if h.server != nil {
			h.server.misreads = false
		}
		h.refused = 0
		h.cut, h.uncertain, h.slowFetch, h.starved, h.disk.full = cut{}, 0, 0, 0, false
		for _, st := range w.devices {
			h.mendDevice(st)
		}
		if h.server != nil {
			h.server.thaw()
		}
		if h.guard != nil {
			h.guard.thaw()
		}
		if h.guard == nil || h.guard.dead {
			h.on()
		}
	}
}

// quiet says whether nothing is left to be done.
func (w *world) quiet() bool {
	s := w.checks.holder()
	if s == nil || s.coreMachine == nil || !s.coreMachine.Acting() || !s.mayAct() {
		return false
	}
	if len(w.checks.toCopy) > 0 || w.checks.unacknowledged() != "" {
		return false
	}
	if w.busy() || s.reads() || s.term == nil || s.term.machine.Since() > 0 { // what a device has said may wait for the log
		return false
	}
	for p, state := range w.checks.states {
		if state.AppliedRevision() != w.checks.states[domain.PartitionOfRevisions].ActiveRevision() {
			return false
		}
		if state.Owed() > 0 || len(w.broker.parts[domain.TopicLog][p].records) != int(state.Next()) || !idle(state) {
			return false
		}
		for _, h := range w.hosts {
			if x := h.server; x != nil && (x.coreMachine == nil || x.coreMachine.States()[p].Next() != state.Next() || x.coreMachine.States()[p].Hash() != state.Hash()) {
				return false
			}
		}
	}
	return true
}

// reads says whether a device owes the server its state. If the question was lost, the
// server notices by the silence, and connects anew.
func (s *server) reads() bool {
	for _, d := range s.devices {
		if d.link != nil && d.link.up && d.link.awaited {
			return true
		}
	}
	return false
}

// busy says whether a device still does what it was sent, perhaps by somebody who is
// gone.
func (w *world) busy() bool {
	return slices.ContainsFunc(w.devices, func(st *station) bool { return st.free > w.now })
}

// idle says whether nothing waits for a device, and every one is there.
func idle(s *partition.State) bool {
	for _, d := range s.Devices() {
		if len(d.Pending()) > 0 || !d.Connected && !d.Removed {
			return false
		}
	}
	return true
}
