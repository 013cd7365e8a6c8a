package sim

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/adapters/snapshotfile"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/clerk"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/copier"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/journal"
	"github.com/understudy-io/understudy/domain/server/lease"
	"github.com/understudy-io/understudy/domain/server/reader"
	"github.com/understudy-io/understudy/infra/guard"
)

// Times and bounds of the loops around the machines, as the product has them.
const (
	controlInFlight = 8
	standbyStride   = 3 * time.Millisecond
	exitUnusable    = 78
)

// server is one process of a server: its machines and their loops.
type server struct {
	program
	incarnation string
	guard       *guardProgram
	configured  []domain.Definition // in its file
	store       *snapshotfile.Store
	scribe      domain.Scribe
	lease       struct { // as the election has moved it, for the judges
		epoch uint64
		until domain.Mono
	}
	held  *lease.Lease // as the writers and the valve know it
	valve valve

	control        *actor[control.Input, control.Effect]
	controlMachine *control.Machine
	core           *actor[coreInput, core.Effect]
	coreMachine    *core.Machine
	copier         *actor[copier.Input, copier.Effect]
	copierMachine  *copier.Machine
	readers        [2]*readerLoop // of the log and of control
	devices        map[string]*deviceLoop
	names          []string // of all devices there ever were, in order
	term           *term

	read     domain.Record // that control is being fed
	sending  int           // appends to control under way
	waiting  []func()      // those that wait for a place
	reigning bool
	leaving  bool
	last     []domain.Fingerprint
	since    int // records since the last snapshot
	saving   bool
	role     election.Role
	misreads bool          // it will read a command otherwise than it is
	differed time.Duration // when its state was first seen to be wrong
	wrong    bool          // it has, or begun with a snapshot of such a state
}

// coreInput is an input of the core, with the last record of what was read, or
// something that its loop is to do in between.
type coreInput struct {
	in   core.Input
	last domain.Fingerprint
	call func()
}

type readerLoop struct {
	machine *reader.Machine
	loop    *actor[reader.Input, reader.Effect]
}

// term is one epoch of primacy: what lives as long as it does.
type term struct {
	epoch   uint64
	journal *actor[journal.Input, journal.Effect]
	machine *journal.Machine
	clerk   *actor[clerk.Input, clerk.Effect]
}

func newServer(h *host, incarnation string) *server {
	s := &server{
		program: program{w: h.w, host: h, label: incarnation}, incarnation: incarnation,
		scribe: domain.Scribe{Server: h.name, UID: h.w.uid}, devices: make(map[string]*deviceLoop),
	}
	s.held = lease.New(&s.valve)
	h.w.tell("%s starts", incarnation)
	return s
}

// open prepares the folds and waits for control to be there.
func (s *server) open() {
	w, h := s.w, s.host
	if h.cut.in || h.cut.out || w.broker.down {
		s.after(20*time.Millisecond, s.open)
		return
	}
	if !s.openStore() {
		return
	}
	n := w.plan.Partitions
	s.configured = w.configured()
	states := make([]*partition.State, n)
	s.last = make([]domain.Fingerprint, n)
	for p := range n {
		states[p] = partition.New(p, n, partition.DefaultLimits())
	}
	if restored, ok := s.load(); ok {
		for p, state := range restored.States {
			states[p], s.last[p] = state, restored.Snapshot.Log[p].Last
		}
	}
	s.coreMachine = core.New(core.Config{Server: h.name, Incarnation: s.incarnation, Devices: s.configured}, states)
	cfg := w.plan.Hosts[h.index].Election
	cfg.Member, cfg.Incarnation, cfg.Guarded = h.name, s.incarnation, true
	if w.plan.Seed%2 == 0 { // the others are of 0.1.0, and have no identity
		cfg.Identity, cfg.Proof = election.Prove(folderKey(h.name), h.name, s.incarnation)
	}
	state := s.findView()
	if state == nil {
		s.fail(fmt.Errorf("control holds no view to start from: %w", domain.ErrCorrupt))
		return
	}
	next := state.Next()
	if heard := state.Heard(); heard >= w.broker.parts[domain.TopicControl][0].start {
		next = heard // for the copier
	}
	s.controlMachine = control.New(control.Config{Landscape: landscape, Server: h.name, Incarnation: s.incarnation, ViewEvery: w.plan.ViewEvery}, election.NewServerFrom(cfg, state))
	toCopy := codec.Copy
	if w.codec == nil {
		toCopy = func(m domain.Stored) domain.Copied { return domain.Copied{Control: m.Offset, Time: m.Appended} }
	}
	s.copierMachine = copier.New(s.scribe, toCopy)
	s.loops(next)
}

// findView gives the control state to begin with, as the product looks for it; nil
// if there is none.
func (s *server) findView() *election.State {
	b := s.w.broker
	control := b.parts[domain.TopicControl][0]
	for _, at := range slices.Backward(b.views) {
		if at < control.start {
			break
		}
		r := b.decode(domain.TopicControl, 0, &control.records[at])
		if state, ok := election.FromView(r, control.start); ok {
			s.w.tell("%s begins with the view at %d", s.incarnation, at)
			s.w.stats.views++
			return state
		}
	}
	if control.start > 0 {
		return nil
	}
	return election.NewState()
}

// loops starts all loops.
func (s *server) loops(nextControl int64) {
	p := &s.program
	s.control = &actor[control.Input, control.Effect]{
		p: p, step: s.stepControl, perform: s.performControl, point: controlPoint,
		wake: s.controlMachine.NextWake, timer: func() control.Input { return control.Timer{} },
	}
	s.core = &actor[coreInput, core.Effect]{
		p: p, step: s.stepCore, perform: s.performCore, point: corePoint,
		wake: s.coreMachine.NextWake, timer: s.coreTimer,
	}
	s.copier = &actor[copier.Input, copier.Effect]{
		p: p, step: func(in copier.Input) []copier.Effect { return s.copierMachine.Step(s.clocks(), in) },
		perform: s.performCopier, point: copierPoint,
		wake: s.copierMachine.NextWake, timer: func() copier.Input { return copier.Timer{} },
	}
	s.readers[0] = s.newReader(domain.TopicLog, reader.New(s.last, false))
	s.readers[1] = s.newReader(domain.TopicControl, reader.New(make([]domain.Fingerprint, 1), true))
	s.readers[1].machine.Skip(0, nextControl)
	for _, r := range s.readers {
		r.loop.tell(reader.Begin{})
	}
	s.core.tell(coreInput{in: core.Begin{}})
	s.control.tell(control.Begin{})
	if s.w.plan.SaveEvery > 0 {
		s.after(s.w.plan.SaveEvery, s.saveIfDue)
	}
}

func (s *server) newReader(kind domain.TopicKind, m *reader.Machine) *readerLoop {
	r := &readerLoop{machine: m}
	r.loop = &actor[reader.Input, reader.Effect]{
		p: &s.program, step: func(in reader.Input) []reader.Effect { return m.Step(s.mono(), in) }, point: readerPoint,
		wake: m.NextWake, timer: func() reader.Input { return reader.Timer{} },
	}
	r.loop.perform = func(e reader.Effect) {
		switch e := e.(type) {
		case reader.Fetch:
			s.fetch(r, kind, e)
		case reader.Hand:
			s.hand(kind, &e)
		case reader.Lost:
			if s.w.telling() {
				s.w.tell("%s has lost %s: %v", s.incarnation, kind, e.Cause)
			}
			if kind == domain.TopicLog {
				s.core.tell(coreInput{in: core.LogLost{}})
			} else {
				s.elect(election.LogLost{})
			}
		case reader.Back:
			if kind == domain.TopicControl {
				s.elect(election.LogBack{})
			}
		case reader.Stop:
			s.fail(fmt.Errorf("read %s: %w", kind, e.Err))
		}
	}
	return r
}

func (s *server) fetch(r *readerLoop, kind domain.TopicKind, f reader.Fetch) {
	r.loop.busy = true
	wait := fetchWait
	if kind == domain.TopicControl {
		wait = s.controlMachine.Election().PollEvery()
	}
	if f.Within > 0 {
		wait = min(wait, f.Within)
	}
	s.w.broker.fetch(&s.program, kind, append([]int64(nil), f.Offsets...), wait, func(answers []domain.Fetched, err error) {
		if err != nil {
			r.loop.answer(reader.Failed{Err: err})
			return
		}
		rest := time.Duration(0)
		if kind == domain.TopicLog && !s.reigning && s.coreMachine.CaughtUp() {
			rest = standbyStride
		}
		r.loop.answer(reader.Fetched{Answers: answers, Rest: rest})
	})
}

// hand decodes what was read of one partition and gives it to its owner.
func (s *server) hand(kind domain.TopicKind, h *reader.Hand) {
	b := s.w.broker
	records := make([]domain.Record, len(h.Messages))
	for i := range records {
		records[i] = b.decode(kind, h.Partition, &b.parts[kind][h.Partition].records[h.Messages[i].Offset])
	}
	if kind == domain.TopicLog {
		if s.misreads {
			s.misreadOne(records)
		}
		s.core.tell(coreInput{last: h.Last, in: core.Read{At: h.At, Since: h.Since, Partition: h.Partition, Records: records, High: h.High}})
		return
	}
	if len(records) == 0 {
		s.control.tell(control.Read{High: h.High})
	}
	for i := range records {
		s.control.tell(control.Read{Records: records[i : i+1], High: h.High})
	}
}

// misreadOne changes the first take among records, for this server alone: one that
// another server has misread before is left as it is, for nobody finds servers that
// are wrong alike.
func (s *server) misreadOne(records []domain.Record) {
	for i := range records {
		if take, ok := records[i].Payload.(domain.Take); ok && records[i].Defect == domain.DefectNone && !s.w.tainted[records[i].UID] {
			take.Source = 1 + take.Source%4
			records[i].Payload = take
			s.misreads, s.wrong = false, true
			s.w.tainted[records[i].UID] = true
			s.w.stats.misread++
			s.w.tell("%s misreads %s at %s", s.incarnation, records[i].UID, records[i].Position)
			return
		}
	}
}

// Control.

// elect hands the election an input.
func (s *server) elect(in election.Input) { s.control.tell(control.Election{Input: in}) }

func (s *server) stepControl(in control.Input) []control.Effect {
	if in, ok := in.(control.Read); ok && len(in.Records) > 0 {
		s.read = in.Records[0]
	}
	effects := s.controlMachine.Step(s.mono(), in)
	if now := s.controlMachine.Election().Role(); now != s.role {
		s.w.stats.roles[[2]string{string(s.role), string(now)}]++
		s.role = now
	}
	return effects
}

func (s *server) performControl(e control.Effect) {
	switch e := e.(type) {
	case control.Lease:
		s.lease.epoch, s.lease.until = e.Epoch, e.Until
		if e.Until == 0 {
			s.held.Revoke()
		} else {
			s.held.Extend(e.Epoch, e.Until)
		}
		s.w.checks.leased(s)
	case control.Append:
		s.append(e.Payload, e.N)
	case control.Core:
		if won, ok := e.Input.(core.Won); ok {
			s.w.checks.wonBy(s, won.Epoch)
		}
		s.core.tell(coreInput{in: e.Input})
	case control.Reign:
		s.reigning = true
		s.readers[0].loop.tell(reader.Hurry{})
		s.copier.tell(copier.Reign{Is: true})
	case control.Over:
		s.held.Over()
		s.reigning = false
		s.copier.tell(copier.Reign{})
	case control.Copy:
		s.copier.tell(s.saw(e))
	case control.Copied:
		s.copier.tell(copier.Copied{Through: e.Through})
	case control.View:
		s.copier.tell(copier.View{View: e.View})
	case control.Role:
		if s.w.telling() {
			s.w.tell("%s: %s to %s of epoch %d: %s", s.incarnation, e.Old, e.New, e.Epoch, e.Cause)
		}
	case control.Quit:
		s.fail(e.Cause)
	}
}

func (s *server) saw(e control.Copy) copier.Saw {
	r := &s.read
	at := &s.w.broker.parts[domain.TopicControl][0].records[r.Position.Offset]
	return copier.Saw{
		Member: r.Subject, Heard: e.Heard,
		Stored: domain.Stored{Message: at.bytes, Offset: at.offset, Appended: at.appended},
	}
}

// testify has a resolution appended, as the server that knows how a doubt ends.
func (s *server) testify(e core.Testify) {
	w, p := s.w, domain.Partition(e.Device, s.w.plan.Partitions)
	w.checks.testified(s, e)
	r := s.scribe.Record(s.host.wall(), e.Device, e.Resolve)
	r.UID, r.User = domain.DerivedUID(e.UID, "not-sent"), domain.ServerSource(s.host.name)
	m := w.encode(domain.TopicLog, p, r)
	w.broker.produce(&s.program, []batch{{kind: domain.TopicLog, partition: p, messages: []message{m}}}, controlTimeout, func(error) {})
}

// append sends a record to control without waiting for it.
func (s *server) append(payload domain.Payload, n uint64) {
	if view, ok := payload.(domain.View); ok && s.w.telling() {
		s.w.tell("%s writes a view as of %d", s.incarnation, view.At)
	}
	m := s.w.encode(domain.TopicControl, 0, s.scribe.Record(s.host.wall(), s.host.name, payload))
	send := func() {
		s.w.broker.produce(&s.program, []batch{{kind: domain.TopicControl, messages: []message{m}}}, controlTimeout, func(err error) {
			s.sending--
			if err != nil {
				s.elect(election.AppendFailed{N: n})
			}
			if len(s.waiting) > 0 {
				next := s.waiting[0]
				s.waiting = s.waiting[1:]
				s.sending++
				next()
			}
		})
	}
	if s.sending >= controlInFlight {
		s.waiting = append(s.waiting, send)
		return
	}
	s.sending++
	send()
}

// Core.

func (s *server) stepCore(in coreInput) []core.Effect {
	if in.call != nil {
		in.call()
		return nil
	}
	if read, ok := in.in.(core.Read); ok {
		if len(read.Records) > 0 {
			s.last[read.Partition] = in.last
			s.since += len(read.Records)
		}
		effects := s.coreMachine.Step(s.clocks(), read)
		if len(read.Records) > 0 {
			s.w.checks.folded(s, s.coreMachine.States()[read.Partition])
		}
		return effects
	}
	return s.coreMachine.Step(s.clocks(), in.in)
}

// coreTimer is the timer, with what this server has kept waiting.
func (s *server) coreTimer() coreInput {
	var in core.Timer
	for _, d := range s.devices {
		if since := d.machine.IdleSince(); since > 0 {
			in.Idle = max(in.Idle, s.mono()-since)
		}
	}
	if s.term != nil {
		in.Appending = s.term.machine.Since()
	}
	return coreInput{in: in}
}

func (s *server) performCore(e core.Effect) {
	switch e := e.(type) {
	case core.Device:
		if d := s.devices[e.Device]; d != nil {
			in := deviceInput{at: s.mono(), in: e.Input}
			if _, ok := e.Input.(device.Promote); ok {
				in.term = s.term
			}
			d.loop.tell(in)
		}
	case core.Journal:
		s.term.journal.tell(journal.Add{Entries: e.Entries})
	case core.Flush:
		s.term.journal.tell(journal.Flush{ID: e.ID})
	case core.Clerk:
		s.term.clerk.tell(clerk.Do{Errand: e.Errand})
	case core.Control:
		s.elect(e.Input)
	case core.Publish:
		if cp, ok := e.Payload.(domain.Checkpoint); ok {
			cp.Copied = s.copierMachine.Through()
			s.append(cp, 0)
		} else {
			s.append(e.Payload, 0)
		}
	case core.Testify:
		s.testify(e)
	case core.BeginTerm:
		s.beginTerm(e.Epoch)
	case core.EndTerm:
		if s.term != nil {
			s.term.journal.over, s.term.clerk.over = true, true
			s.term = nil
		}
	case core.OpenDevice:
		s.openDevice(e.Settings)
	case core.CloseDevice:
		if d := s.devices[e.Device]; d != nil {
			delete(s.devices, e.Device)
			d.loop.over = true
			d.closeLink()
		}
	case core.Opened:
		s.w.checks.opened(s, e.Epoch)
	case core.Refold:
		s.after(s.w.between(time.Millisecond, 20*time.Millisecond), func() {
			s.core.tell(coreInput{in: core.Refolded{Err: s.examine(e.Statements)}})
		})
	case core.Load:
		s.loadRevision(e.Revision)
	case core.Keep:
		s.keepRevision(e.Revision)
	case core.Planned:
	case core.Left:
		s.left()
	case core.Quit:
		s.quit(e.Cause, s.w.now+time.Second)
	case core.Notice:
		s.w.checks.notice(s, e)
	}
}

func (s *server) beginTerm(epoch uint64) {
	m := journal.New(s.scribe, epoch, s.w.plan.Partitions)
	c := clerk.New(s.scribe, func(stored domain.Stored, r domain.Record) domain.DeadLetter {
		if s.w.codec != nil {
			return s.w.codec.Bury(domain.TopicLog, stored, r)
		}
		return domain.DeadLetter{Topic: domain.Topic(landscape, domain.TopicLog), Record: r.Position, Reason: r.Defect}
	})
	t := &term{epoch: epoch, machine: m}
	t.journal = &actor[journal.Input, journal.Effect]{
		p: &s.program, all: func(ins []journal.Input) []journal.Effect { return m.Step(s.clocks(), ins...) }, point: journalPoint,
		wake: m.NextWake, timer: func() journal.Input { return journal.Timer{} },
	}
	t.journal.perform = func(e journal.Effect) {
		switch e := e.(type) {
		case journal.Append:
			s.appendLog(t, e)
		case journal.Flushed:
			s.core.tell(coreInput{in: core.Flushed{ID: e.ID}})
		case journal.Broken:
			s.core.tell(coreInput{in: core.Broken{Epoch: epoch, Cause: e.Cause}})
		}
	}
	t.clerk = &actor[clerk.Input, clerk.Effect]{
		p: &s.program, step: func(in clerk.Input) []clerk.Effect { return c.Step(s.clocks(), in) }, point: clerkPoint,
		wake: c.NextWake, timer: func() clerk.Input { return clerk.Timer{} },
	}
	t.clerk.perform = func(e clerk.Effect) { s.performClerk(t, e) }
	s.term = t
}

func (s *server) appendLog(t *term, a journal.Append) {
	t.journal.busy = true
	batches := make([]batch, 0, len(a.Batches))
	for _, b := range a.Batches {
		out := batch{kind: domain.TopicLog, partition: b.Partition, messages: make([]message, len(b.Records))}
		for i, r := range b.Records {
			out.messages[i] = s.w.encode(domain.TopicLog, b.Partition, r)
		}
		batches = append(batches, out)
	}
	s.w.broker.produce(&s.program, batches, appendTimeout, func(err error) {
		if err != nil {
			t.journal.answer(journal.Failed{Invalid: errors.Is(err, domain.ErrInvalid), Cause: err.Error()})
		} else {
			t.journal.answer(journal.Landed{})
		}
	})
}

func (s *server) performClerk(t *term, e clerk.Effect) {
	b := s.w.broker
	switch e := e.(type) {
	case clerk.Fetch:
		t.clerk.busy = true
		from := make([]int64, s.w.plan.Partitions)
		for p := range from {
			from[p] = int64(len(b.parts[domain.TopicLog][p].records)) + 1<<40 // nothing of it
		}
		from[e.At.Partition] = e.At.Offset
		b.fetch(&s.program, domain.TopicLog, from, fetchWait, func(answers []domain.Fetched, err error) {
			if err == nil && answers[e.At.Partition].Err != nil {
				err = answers[e.At.Partition].Err
			}
			if err != nil || len(answers[e.At.Partition].Messages) == 0 {
				t.clerk.answer(clerk.Failed{Cause: fmt.Sprint(err)})
				return
			}
			m := answers[e.At.Partition].Messages[0]
			t.clerk.answer(clerk.Fetched{Stored: m, Record: b.decode(domain.TopicLog, e.At.Partition, &b.parts[domain.TopicLog][e.At.Partition].records[m.Offset])})
		})
	case clerk.Append:
		t.clerk.busy = true
		m := s.w.encode(e.Topic, e.Partition, e.Record)
		b.produce(&s.program, []batch{{kind: e.Topic, partition: e.Partition, messages: []message{m}}}, appendTimeout, func(err error) {
			if err != nil {
				t.clerk.answer(clerk.Failed{Cause: err.Error()})
			} else {
				t.clerk.answer(clerk.Appended{})
			}
		})
	case clerk.Journal:
		t.journal.tell(journal.Add{Entries: []journal.Entry{e.Entry}})
	}
}

func (s *server) performCopier(e copier.Effect) {
	if p, ok := e.(copier.Publish); ok {
		s.append(p.View, 0)
	}
	a, ok := e.(copier.Append)
	if !ok {
		return
	}
	s.copier.busy = true
	out := batch{kind: domain.TopicElections, messages: make([]message, len(a.Records))}
	for i, r := range a.Records {
		out.messages[i] = s.w.encode(domain.TopicElections, 0, r)
	}
	s.w.broker.produce(&s.program, []batch{out}, appendTimeout, func(err error) {
		if err != nil {
			s.copier.answer(copier.Failed{})
		} else {
			s.copier.answer(copier.Landed{})
		}
	})
}

// examine folds again what a server testifies of, from a snapshot where one is of
// use.
func (s *server) examine(statements []core.Testimony) error {
	upTo := make([]int64, s.w.plan.Partitions)
	for i := range statements {
		upTo[statements[i].Partition] = statements[i].Proven.Position.Offset
	}
	bases := s.store.Bases(landscape, s.w.plan.Partitions, upTo)
	for i := range statements {
		err := core.ErrBase
		if base := bases[statements[i].Partition]; base != nil {
			err = s.foldAgain(statements[i], base)
		}
		if errors.Is(err, core.ErrBase) {
			err = s.foldAgain(statements[i], nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *server) foldAgain(t core.Testimony, base *partition.State) error {
	b := s.w.broker
	e := core.Examine(t, base, s.w.plan.Partitions)
	err := e.Judge()
	for err == nil && !e.Done() {
		err = e.Apply(b.decode(domain.TopicLog, t.Partition, &b.parts[domain.TopicLog][t.Partition].records[e.Next()]))
	}
	return err
}

// Ends.

// die ends the process as the kernel does.
func (s *server) die(exit guard.Exit) {
	if s.dead {
		return
	}
	s.dead = true
	s.w.tell("%s has ended: %s %d", s.incarnation, exit.Text, exit.Status)
	for _, name := range s.names {
		if d := s.devices[name]; d != nil {
			d.abandon()
		}
	}
	s.host.server = nil
	if g := s.guard; !g.dead {
		g.after(s.w.between(20*time.Microsecond, 300*time.Microsecond), func() { g.loop.tell(guard.Exited{Exit: exit}) })
	}
}

// fail ends the process because of an error.
func (s *server) fail(cause error) {
	s.w.checks.failed(s, cause)
	status := 1
	if errors.Is(cause, control.ErrReplaced) || errors.Is(cause, control.ErrBarred) {
		status = exitUnusable
	}
	s.w.tell("%s quits: %v", s.incarnation, cause)
	s.die(guard.Exit{Status: status, Text: fmt.Sprintf("exit status %d", status)})
}

// quit ends the process once what it has published is in control.
func (s *server) quit(cause error, by time.Duration) {
	if (s.sending > 0 || s.reigning) && s.w.now < by {
		s.after(time.Millisecond, func() { s.quit(cause, by) })
		return
	}
	if err := s.store.Drop(); err != nil && !s.dead {
		s.w.failf("%s cannot drop its snapshots: %v", s.incarnation, err)
	}
	if !s.dead {
		s.fail(cause)
	}
}

// leave is an end in order.
func (s *server) leave() {
	if s.leaving {
		return
	}
	s.leaving = true
	if s.core == nil {
		s.die(guard.Exit{Status: 0, Text: "exit status 0"})
		return
	}
	s.core.tell(coreInput{in: core.Leave{Then: []core.Effect{core.Left{}}}})
	s.after(core.FinishLimit+time.Second, s.left)
}

// left says farewell, once nothing is under way any more.
func (s *server) left() {
	if !s.leaving {
		return
	}
	s.leaving = false
	s.elect(election.Leave{})
	by := s.w.now + 2*time.Second
	var wait func()
	wait = func() {
		if (s.sending > 0 || len(s.control.inbox) > 0) && s.w.now < by {
			s.after(time.Millisecond, wait)
			return
		}
		if s.saveAtEnd(); s.dead {
			return
		}
		s.die(guard.Exit{Status: 0, Text: "exit status 0"})
	}
	s.after(time.Millisecond, wait)
}

// unguarded tells the server that its guard is gone.
func (s *server) unguarded() {
	s.after(time.Millisecond, func() {
		if s.control != nil {
			s.elect(election.Guarded{Is: false})
		}
	})
}

// mayAct says whether the lease lives at this very moment, in true time.
func (s *server) mayAct() bool { return !s.dead && s.lease.until > 0 && s.mono() < s.lease.until }

// folderKey is the key in the data folder of a server, and in any copy of that.
func folderKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}
