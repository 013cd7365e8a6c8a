package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
	"github.com/understudy-io/understudy/domain/emission"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/domain/server/clerk"
	"github.com/understudy-io/understudy/domain/server/control"
	"github.com/understudy-io/understudy/domain/server/core"
	"github.com/understudy-io/understudy/domain/server/device"
	"github.com/understudy-io/understudy/domain/server/journal"
)

const (
	partitions = 3
	gate       = "gate"
	morning    = domain.Instant(1_700_000_000_000_000_000)
)

// world is a log that takes every append at once, one device that does what it is
// told at once, and the servers. Everything happens in one goroutine, in order.
type world struct {
	t       *testing.T
	now     domain.Mono
	log     [partitions][]domain.Record
	control []domain.Record
	servers []*host
	todo    []func()
	uids    int
	pulses  []string // UIDs, as the device has got them, with the server
}

func (w *world) clocks() domain.Now { return domain.Now{Mono: w.now, Wall: morning.Add(w.now)} }

func (w *world) later(f func()) { w.todo = append(w.todo, f) }

func (w *world) uid() string {
	w.uids++
	return fmt.Sprint("uid-", w.uids)
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	for until := w.now + d; ; {
		for len(w.todo) > 0 {
			next := w.todo[0]
			w.todo = w.todo[1:]
			next()
		}
		wake := until
		for _, h := range w.servers {
			wake = min(wake, h.nextWake())
		}
		if wake >= until {
			w.now = until
			return
		}
		w.now = max(w.now+time.Microsecond, wake)
		for _, h := range w.servers {
			h.wake()
		}
	}
}

func (w *world) append(p int32, r domain.Record) {
	r.Position = domain.Position{Partition: p, Offset: int64(len(w.log[p]))}
	r.Type, r.Appended = r.Payload.Type(), morning.Add(w.now)
	w.log[p] = append(w.log[p], r)
	for _, h := range w.servers {
		h.read(p)
	}
}

func (w *world) appendControl(r domain.Record) {
	r.Position.Offset, r.Signed = int64(len(w.control)), true
	r.Type, r.Appended = r.Payload.Type(), morning.Add(w.now)
	w.control = append(w.control, r)
	for _, h := range w.servers {
		h.readControl()
	}
}

// host is one server: its machines, and what they have been given so far.
type host struct {
	w          *world
	name       string
	scribe     domain.Scribe
	control    *control.Machine
	core       *core.Machine
	journal    *journal.Machine
	clerk      *clerk.Machine
	devices    map[string]*device.Machine
	folded     [partitions]int
	heard      int
	leaseEpoch uint64
	leaseUntil domain.Mono
	dead       bool
}

func (w *world) start(name string) *host {
	h := &host{w: w, name: name, scribe: domain.Scribe{Server: name, UID: w.uid}, devices: make(map[string]*device.Machine)}
	states := make([]*partition.State, partitions)
	for p := range states {
		states[p] = partition.New(int32(p), partitions, partition.DefaultLimits())
	}
	h.core = core.New(core.Config{Server: name, Incarnation: name + "1", Devices: []domain.Definition{{
		Device: gate, Driver: domain.DriverHTTP, StandbyPolling: true, ConfirmWithin: time.Second,
		Verbs: []domain.Verb{{Name: "pulse", Effect: domain.OneShot}},
	}}}, states)
	h.control = control.New(control.Config{Landscape: "test", Server: name, Incarnation: name + "1"},
		election.NewServer(election.Config{Member: name, Incarnation: name + "1", TTL: 100 * time.Millisecond}))
	w.servers = append(w.servers, h)
	h.toCore(core.Begin{})
	h.toControl(control.Begin{})
	for p := range int32(partitions) {
		h.read(p)
	}
	h.readControl()
	return h
}

func (h *host) later(f func()) {
	h.w.later(func() {
		if !h.dead {
			f()
		}
	})
}

func (h *host) read(p int32) {
	h.later(func() {
		records := h.w.log[p][h.folded[p]:]
		h.folded[p] = len(h.w.log[p])
		h.toCore(core.Read{At: h.w.now, Partition: p, Records: records, High: int64(len(h.w.log[p]))})
	})
}

func (h *host) readControl() {
	h.later(func() {
		records := h.w.control[h.heard:]
		h.heard = len(h.w.control)
		h.toControl(control.Read{Records: records, High: int64(len(h.w.control))})
	})
}

func (h *host) nextWake() domain.Mono {
	if h.dead {
		return election.Never
	}
	at := min(h.core.NextWake(), h.control.NextWake())
	for _, d := range h.devices {
		if t := d.NextWake(); t > 0 {
			at = min(at, t)
		}
	}
	return min(at, h.w.now+30*time.Millisecond) // the log answers at least so often
}

func (h *host) wake() {
	if h.dead {
		return
	}
	for p := range int32(partitions) {
		h.read(p)
	}
	h.readControl()
	h.later(func() { h.toControl(control.Timer{}) })
	h.later(func() { h.toCore(core.Timer{}) })
	for name := range h.devices {
		h.later(func() { h.toDevice(name, device.Timer{}) })
	}
}

func (h *host) toControl(in control.Input) {
	for _, e := range h.control.Step(h.w.now, in) {
		switch e := e.(type) {
		case control.Append:
			h.publish(e.Payload)
		case control.View:
			h.publish(e.View)
		case control.Lease:
			h.leaseEpoch, h.leaseUntil = e.Epoch, e.Until
		case control.Core:
			h.later(func() { h.toCore(e.Input) })
		case control.Quit:
			h.w.t.Errorf("%s quits: %v", h.name, e.Cause)
		}
	}
}

func (h *host) publish(p domain.Payload) {
	r := h.scribe.Record(h.w.clocks().Wall, h.name, p)
	h.w.later(func() { h.w.appendControl(r) })
}

func (h *host) toCore(in core.Input) {
	for _, e := range h.core.Step(h.w.clocks(), in) {
		switch e := e.(type) {
		case core.Control:
			h.later(func() { h.toControl(control.Election{Input: e.Input}) })
		case core.Publish:
			h.publish(e.Payload)
		case core.BeginTerm:
			h.journal = journal.New(h.scribe, e.Epoch, partitions)
			h.clerk = clerk.New(h.scribe, func(_ domain.Stored, r domain.Record) domain.DeadLetter {
				return domain.DeadLetter{Record: r.Position}
			})
		case core.EndTerm:
			h.journal, h.clerk = nil, nil
		case core.Journal:
			h.toJournal(journal.Add{Entries: e.Entries})
		case core.Flush:
			h.toJournal(journal.Flush{ID: e.ID})
		case core.Clerk:
			h.toClerk(clerk.Do{Errand: e.Errand})
		case core.OpenDevice:
			h.devices[e.Settings.Definition.Device] = device.New(e.Settings)
			h.toDevice(e.Settings.Definition.Device, device.Begin{})
		case core.CloseDevice:
			delete(h.devices, e.Device)
		case core.Device:
			h.later(func() { h.toDevice(e.Device, e.Input) })
		case core.Quit:
			h.w.t.Errorf("%s quits: %v", h.name, e.Cause)
		}
	}
}

func (h *host) toJournal(in journal.Input) {
	if h.journal == nil {
		return
	}
	mine := h.journal
	for _, e := range mine.Step(h.w.clocks(), in) {
		switch e := e.(type) {
		case journal.Append:
			h.later(func() {
				for _, b := range e.Batches {
					for _, r := range b.Records {
						r.Signed = true
						h.w.append(b.Partition, r)
					}
				}
				if h.journal == mine {
					h.toJournal(journal.Landed{})
				}
			})
		case journal.Flushed:
			h.later(func() { h.toCore(core.Flushed{ID: e.ID}) })
		case journal.Broken:
			h.w.t.Errorf("the journal of %s is broken: %s", h.name, e.Cause)
		}
	}
}

func (h *host) toClerk(in clerk.Input) {
	if h.clerk == nil {
		return
	}
	for _, e := range h.clerk.Step(h.w.clocks(), in) {
		switch e := e.(type) {
		case clerk.Fetch:
			r := h.w.log[e.At.Partition][e.At.Offset]
			h.later(func() { h.toClerk(clerk.Fetched{Record: r}) })
		case clerk.Append:
			h.later(func() {
				if e.Topic == domain.TopicLog {
					h.w.append(e.Partition, e.Record)
				}
				h.toClerk(clerk.Appended{})
			})
		case clerk.Journal:
			h.toJournal(journal.Add{Entries: []journal.Entry{e.Entry}})
		}
	}
}

func (h *host) toDevice(name string, in device.Input) {
	d := h.devices[name]
	if d == nil {
		return
	}
	for _, e := range d.Step(h.w.now, in) {
		switch e := e.(type) {
		case device.Append:
			h.toJournal(journal.Add{Entries: e.Entries})
		case device.Open:
			h.later(func() { h.toDevice(name, device.Up{Opening: e.Opening}) })
		case device.Read:
			h.later(func() { h.answer(name, e.Ref, domain.Fresh) })
		case device.Emit:
			h.later(func() { h.emit(name, e) })
		case device.Settled:
			h.later(func() { h.toCore(core.Settled{Device: name, Settle: e.Settle}) })
		}
	}
}

// emit asks the lease and sends: the device does it and says so.
func (h *host) emit(name string, e device.Emit) {
	out := emission.Emitted{Ref: e.Action.Ref, Result: emission.Fenced}
	if h.leaseEpoch == e.Epoch && h.w.now < h.leaseUntil {
		out.Result = emission.Sent
		h.w.pulses = append(h.w.pulses, e.Action.UID+"@"+h.name)
		h.later(func() { h.answer(name, e.Action.Ref, domain.Done) })
	}
	h.toDevice(name, device.Emitted{Emitted: out})
}

func (h *host) answer(name string, ref uint64, v domain.Verdict) {
	// The one link of a device that is never closed is its first.
	h.toDevice(name, device.Answered{Opening: 1, Answered: domain.Answered{Ref: ref, Verdict: v}})
}
