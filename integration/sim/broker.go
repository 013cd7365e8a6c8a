package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/election"
)

// Times of the loops around the machines.
const (
	controlTimeout = time.Second
	appendTimeout  = 2 * time.Second
	fetchWait      = 500 * time.Millisecond
	fetchGrace     = 1500 * time.Millisecond
	maxFetched     = 64 // records of one partition in one answer
	manyWaiting    = 32 // requests of a partition, among them answered ones
)

var (
	errTimeout = fmt.Errorf("no answer in time: %w", domain.ErrTransient)
	errRefused = fmt.Errorf("connection refused: %w", domain.ErrTransient)
	errInvalid = fmt.Errorf("the broker refuses this batch: %w", domain.ErrInvalid)
	errAway    = fmt.Errorf("this partition is away: %w", domain.ErrTransient)
)

// message is a record on its way: as bytes, or as what it decodes to.
type message struct {
	record domain.Record
	bytes  domain.Message
}

// stored is a message in the log.
type stored struct {
	message
	offset   int64
	appended domain.Instant
}

type batch struct {
	kind      domain.TopicKind
	partition int32
	messages  []message
}

// part is one partition.
type part struct {
	kind    domain.TopicKind
	number  int32
	records []stored
	start   int64 // what is before has been dropped by retention
	waiting []*fetch
	away    bool
	short   bool  // it does not show all of it
	shown   int64 // but up to here
}

// broker is the log. What it has taken, it keeps.
type broker struct {
	w     *world
	parts [4][]*part
	down  bool // for all
	mute  bool // it does not even refuse
	slow  time.Duration
	views []int64 // where they stand in control
}

func newBroker(w *world, partitions int32) *broker {
	b := &broker{w: w}
	for kind := range b.parts {
		n := int32(1)
		if domain.TopicKind(kind) == domain.TopicLog {
			n = partitions
		}
		for p := range n {
			b.parts[kind] = append(b.parts[kind], &part{kind: domain.TopicKind(kind), number: p})
		}
	}
	return b
}

// way is how long a message takes to or from the broker.
func (b *broker) way() time.Duration {
	p := &b.w.plan.Latency
	d := b.w.between(p.Low, p.High)
	if b.slow > 0 {
		d += b.w.between(b.slow/4, b.slow)
	}
	return d
}

// fate is what becomes of one append.
type fate int

const (
	normal   fate = iota
	lost          // it never lands
	late          // it lands after its sender has given it up
	twice         // it lands, and once more later
	unsaid        // it lands, and nobody says so
	unsaidDu      // it lands twice, and nobody says so
	fates
)

// produce appends batches for a program, and tells it once how that went. The
// time of an answer that never comes is that of the timeout.
func (b *broker) produce(p *program, batches []batch, timeout time.Duration, done func(error)) {
	w, h := b.w, p.host
	deadline := h.trueTime(p.mono() + timeout)
	fail := func() { p.at(deadline, func() { done(errTimeout) }) }
	if h.cut.refuse && (h.cut.in || h.cut.out) || b.down && !b.mute {
		p.after(w.between(100*time.Microsecond, 2*time.Millisecond), func() { done(errRefused) })
		return
	}
	if h.cut.out || b.down {
		fail()
		return
	}
	if h.refused > 0 && len(batches) > 0 && batches[0].kind == domain.TopicLog && batches[0].messages[0].record.Epoch > 0 && w.chance(h.refused) {
		p.after(2*b.way(), func() { done(errInvalid) })
		return
	}
	control := b.parts[domain.TopicControl][0]
	w.after(b.way(), func() {
		if b.down || batches[0].kind == domain.TopicControl && b.parts[domain.TopicControl][0] != control {
			fail()
			return
		}
		answered := true
		for i := range batches {
			bt := &batches[i]
			to := b.parts[bt.kind][bt.partition]
			f := normal
			if h.uncertain > 0 && w.chance(h.uncertain) {
				f = fate(1 + w.rnd.IntN(int(fates)-1))
			}
			if to.away {
				f = lost
			}
			if f != normal {
				w.stats.fates[f]++
			}
			switch f {
			case normal, twice, unsaid, unsaidDu:
				b.land(to, bt.messages)
			case late:
				w.after(w.between(time.Millisecond, 2*timeout), func() { b.landLate(to, bt.messages) })
			}
			if f == twice || f == unsaidDu {
				w.after(w.between(time.Millisecond, 2*timeout), func() { b.landLate(to, bt.messages) })
			}
			answered = answered && (f == normal || f == twice)
		}
		at := pointInLog
		if batches[0].kind == domain.TopicControl {
			at = pointLanded
		}
		if !p.dead && !p.frozen {
			p.reach(at)
		}
		if h.cut.in || !answered {
			fail()
			return
		}
		back := w.now + b.way()
		if back > deadline {
			fail()
			return
		}
		p.at(back, func() { done(nil) })
	})
}

// lose is a negative control: a log that comes back without what it had acknowledged.
func (b *broker) lose() {
	for _, part := range b.parts[domain.TopicLog] {
		part.records = part.records[:len(part.records)/2]
	}
	b.fail(false, 20*time.Millisecond, 0)
}

// retain drops the beginning of control, as retention does: what a start from the
// newest view does not need, and only what has been copied to elections.
func (b *broker) retain(arg int) {
	control := b.parts[domain.TopicControl][0]
	limit := int64(-1)
	for _, at := range b.views {
		if state, ok := election.FromView(b.decode(domain.TopicControl, 0, &control.records[at]), control.start); ok {
			limit = max(limit, state.Next())
		}
	}
	for at := range b.w.checks.toCopy {
		limit = min(limit, at)
	}
	if beat := b.w.checks.beat; beat >= 0 {
		limit = min(limit, beat)
	}
	if limit <= control.start {
		return
	}
	control.start += 1 + int64(arg)%(limit-control.start)
	b.w.stats.cuts++
	b.w.tell("control begins at %d now", control.start)
}

// landLate is the landing of what nobody waits for any more.
func (b *broker) landLate(to *part, messages []message) {
	if b.parts[to.kind][to.number] != to {
		return
	}
	if b.down || to.away {
		b.w.after(100*time.Millisecond, func() { b.landLate(to, messages) })
		return
	}
	b.land(to, messages)
}

// land puts messages into a partition.
func (b *broker) land(to *part, messages []message) {
	appended := domain.Millis(int64(b.w.wall()) / int64(time.Millisecond))
	for _, m := range messages {
		to.records = append(to.records, stored{m, int64(len(to.records)), appended})
		b.w.checks.landed(to, &to.records[len(to.records)-1])
	}
	to.wake()
}

// wake answers who waits at the end of a partition.
func (p *part) wake() {
	waiting := p.waiting
	p.waiting = nil
	for _, f := range waiting {
		if !f.served {
			f.serve()
		}
	}
}

// fetch is one request that waits at the broker.
type fetch struct {
	b        *broker
	p        *program
	kind     domain.TopicKind
	from     []int64
	done     func([]domain.Fetched, error)
	deadline time.Duration // true time at which the client gives up
	served   bool
}

// fetch reads all partitions of a topic from an offset each.
func (b *broker) fetch(p *program, kind domain.TopicKind, from []int64, wait time.Duration, done func([]domain.Fetched, error)) {
	w, h := b.w, p.host
	f := &fetch{b: b, p: p, kind: kind, from: from, done: done, deadline: h.trueTime(p.mono() + wait + fetchGrace)}
	if h.cut.refuse && (h.cut.in || h.cut.out) || b.down && !b.mute {
		f.refused()
		return
	}
	if h.cut.out || b.down {
		f.timeout()
		return
	}
	w.after(b.way(), func() {
		if f.served {
			return
		}
		if f.ready() {
			f.serve()
			return
		}
		for _, part := range b.parts[kind] {
			if len(part.waiting) >= manyWaiting {
				part.waiting = slices.DeleteFunc(part.waiting, func(f *fetch) bool { return f.served })
			}
			part.waiting = append(part.waiting, f)
		}
		w.after(wait, func() {
			if !f.served {
				f.serve()
			}
		})
	})
}

func (f *fetch) refused() {
	f.served = true
	f.p.after(f.b.w.between(100*time.Microsecond, 2*time.Millisecond), func() { f.done(nil, errRefused) })
}

func (f *fetch) timeout() {
	f.served = true
	f.p.at(f.deadline, func() { f.done(nil, errTimeout) })
}

// ready says whether there is anything to answer with.
func (f *fetch) ready() bool {
	for p, part := range f.b.parts[f.kind] {
		if f.from[p] >= 0 && (part.away || f.from[p] < part.start || part.end() > f.from[p]) {
			return true
		}
	}
	return false
}

// serve answers with what is there now.
func (f *fetch) serve() {
	f.served = true
	w, h := f.b.w, f.p.host
	if f.b.down || h.cut.in {
		if h.cut.refuse || f.b.down && !f.b.mute {
			f.refused()
		} else {
			f.timeout()
		}
		return
	}
	answers := make([]domain.Fetched, 0, len(f.from))
	for i, part := range f.b.parts[f.kind] {
		if f.from[i] < 0 {
			continue // not asked for
		}
		a := domain.Fetched{Partition: int32(i), HighWatermark: part.end(), Next: f.from[i]}
		if f.from[i] < part.start {
			a.Err, a.Topic, a.LogStart = domain.ErrNotFound, domain.Topic(landscape, f.kind), part.start
		} else if part.away {
			a.Err, a.HighWatermark = errAway, -1
		} else if n := a.HighWatermark - f.from[i]; n > 0 {
			n = min(n, maxFetched)
			a.Messages = make([]domain.Stored, n)
			for j := range a.Messages {
				s := &part.records[f.from[i]+int64(j)]
				a.Messages[j] = domain.Stored{Message: s.bytes, Offset: s.offset, Appended: s.appended}
			}
			a.Next = f.from[i] + n
		}
		answers = append(answers, a)
	}
	back := w.now + f.b.way()
	if h.slowFetch > 0 {
		back += w.between(0, h.slowFetch)
	}
	if back > f.deadline {
		f.p.at(f.deadline, func() { f.done(nil, errTimeout) })
		return
	}
	f.p.at(back, func() {
		if h.cut.in {
			err := errTimeout
			at := f.deadline
			if h.cut.refuse {
				err, at = errRefused, w.now
			}
			f.p.at(at, func() { f.done(nil, err) })
			return
		}
		f.done(answers, nil)
	})
}

// refuse has the fetches that wait for a host, or for all, fail at once.
func (b *broker) refuse(h *host) {
	for _, parts := range b.parts {
		for _, part := range parts {
			waiting := part.waiting
			part.waiting = nil
			for _, f := range waiting {
				switch {
				case f.served:
				case h == nil || f.p.host == h:
					f.refused()
				default:
					part.waiting = append(part.waiting, f)
				}
			}
		}
	}
}

// fail takes the broker away for a while. What it has taken it still has, but for
// some time after its return it may not show all of it.
func (b *broker) fail(mute bool, d time.Duration, arg int) {
	b.down, b.mute = true, mute
	if !mute {
		b.refuse(nil)
	}
	b.w.after(d, func() {
		if b.down {
			b.down = false
			b.w.tell("the log is back")
			b.hide(int64(arg%hiddenUpTo), time.Duration(arg%4)*100*time.Millisecond)
		}
	})
}

// hiddenUpTo bounds how many records of a partition a broker does not show that
// was started again.
const hiddenUpTo = 8

// hide has each partition end some records earlier than it does, for a while.
func (b *broker) hide(records int64, d time.Duration) {
	for _, parts := range b.parts {
		for _, part := range parts {
			part.shown = max(part.start, int64(len(part.records))-records)
			part.short = true
			b.w.after(d, func() {
				part.short = false
				part.wake()
			})
		}
	}
}

// end is behind the last record that a partition shows.
func (p *part) end() int64 {
	if p.short {
		return max(p.start, min(p.shown, int64(len(p.records)))) // retention takes nothing that is not shown
	}
	return int64(len(p.records))
}

// decode gives the record at a place of the log.
func (b *broker) decode(kind domain.TopicKind, partition int32, s *stored) domain.Record {
	if b.w.codec != nil {
		return b.w.codec.Decode(kind, partition, domain.Stored{Message: s.bytes, Offset: s.offset, Appended: s.appended})
	}
	r := s.record
	r.Position, r.Appended = domain.Position{Partition: partition, Offset: s.offset}, s.appended
	return r
}

// encode makes the message of a server's record.
func (w *world) encode(kind domain.TopicKind, partition int32, r domain.Record) message {
	if w.codec == nil {
		r.Signed = domain.ClassOf(r.Type) != domain.ClassCommand || r.User != "" && (r.Origin == nil || r.Signed)
		return message{record: r}
	}
	m, err := w.codec.Encode(kind, partition, r)
	if err != nil {
		w.failf("a server's record cannot be encoded: %v", err)
	}
	return message{record: r, bytes: m}
}
