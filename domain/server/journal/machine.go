// Package journal appends the primary's records of one epoch. Each carries
// (epoch, sequence); one append is under way at a time, and one whose fate is
// unknown is sent again with the same sequences until it is known to have landed,
// so that the fold can drop repeats and never sees a gap.
//
// A [Machine] is one epoch's: feed it inputs with the time, and carry out its
// effects in order. It has no clock, goroutine or I/O. What it still holds when
// the epoch ends is dropped with it: nothing that the epoch still says would count.
package journal

import (
	"slices"
	"time"

	"github.com/understudy-io/understudy/domain"
)

// Bounds of the journal.
const (
	MaxBatch = 512 // records of one partition in one append
	retry    = 20 * time.Millisecond
)

// Entry is what the primary has to say about a device, a server or the log, in
// one partition.
type Entry struct {
	Partition int32
	Subject   string
	Payload   domain.Payload
}

// Batch is a run of records for one partition, in order.
type Batch struct {
	Partition int32
	Records   []domain.Record
}

// Machine is the journal of one epoch.
type Machine struct {
	scribe   domain.Scribe
	epoch    uint64
	waiting  [][]domain.Record // by partition
	sequence []uint64          // given last, by partition
	landed   []uint64          // of these, by partition
	underWay []Batch           // the append that has not landed yet; nil for none
	attempt  int               // of it
	since    domain.Mono       // when its first attempt began
	retryAt  domain.Mono       // the last attempt failed; zero for it is under way
	flushes  []flush           // not answered yet
	broken   bool
	effects  []Effect
}

// flush waits for what had been added when it came, and for nothing later: on a
// busy log something is always under way.
type flush struct {
	id   uint64
	upTo []uint64 // by partition, the last sequence that it waits for
}

// New is the journal of an epoch that has appended nothing yet.
func New(scribe domain.Scribe, epoch uint64, partitions int32) *Machine {
	return &Machine{
		scribe: scribe, epoch: epoch,
		waiting: make([][]domain.Record, partitions), sequence: make([]uint64, partitions),
		landed: make([]uint64, partitions),
	}
}

// Input is what can happen to a journal.
type Input interface{ input() }

type (
	// Add queues entries, in order.
	Add struct{ Entries []Entry }
	// Flush is answered by Flushed once all that was added before has landed.
	Flush struct{ ID uint64 }
	// Landed says that the append under way was acknowledged as a whole.
	Landed struct{}
	// Failed says that it was not: some of it may have landed, or still may.
	// Invalid means that no attempt can ever succeed.
	Failed struct {
		Invalid bool
		Cause   string
	}
	// Timer says that NextWake has come.
	Timer struct{}
)

func (Add) input()    {}
func (Flush) input()  {}
func (Landed) input() {}
func (Failed) input() {}
func (Timer) input()  {}

// Effect is what the caller must do.
type Effect interface{ effect() }

type (
	// Append appends the batches to the log topic, to be answered by Landed or
	// Failed. Records of one partition stay in order; a batch may go in parts, one
	// after the other. Attempt counts from 1 and repeats the very same records.
	Append struct {
		Attempt int
		Batches []Batch
	}
	// Flushed answers Flush.
	Flushed struct{ ID uint64 }
	// Broken says that the journal cannot go on: the epoch is to be given up.
	Broken struct{ Cause string }
)

func (Append) effect()  {}
func (Flushed) effect() {}
func (Broken) effect()  {}

// Step takes inputs that came together, so that what they add is one append, and
// returns what is to be done, in order. The slice is valid until the next step.
func (m *Machine) Step(now domain.Now, ins ...Input) []Effect {
	m.effects = m.effects[:0]
	if m.broken {
		return nil
	}
	for _, in := range ins {
		m.take(now, in)
	}
	m.answer() // first: to append takes its time
	switch {
	case m.broken:
	case m.underWay == nil:
		m.next(now)
	case m.retryAt > 0 && now.Mono >= m.retryAt:
		m.attempt++
		m.append()
	}
	return m.effects
}

// answer answers the flushes whose records have all landed.
func (m *Machine) answer() {
	m.flushes = slices.DeleteFunc(m.flushes, func(f flush) bool {
		for p, last := range f.upTo {
			if m.landed[p] < last {
				return false
			}
		}
		m.do(Flushed{ID: f.id})
		return true
	})
}

func (m *Machine) take(now domain.Now, in Input) {
	switch in := in.(type) {
	case Add:
		for _, e := range in.Entries {
			m.waiting[e.Partition] = append(m.waiting[e.Partition], m.scribe.Record(now.Wall, e.Subject, e.Payload))
		}
	case Flush:
		f := flush{id: in.ID, upTo: slices.Clone(m.sequence)}
		for p, records := range m.waiting {
			f.upTo[p] += uint64(len(records))
		}
		m.flushes = append(m.flushes, f)
	case Landed:
		m.underWay = nil
		copy(m.landed, m.sequence)
	case Failed:
		m.failed(now, in)
	case Timer:
	}
}

// failed tries again with the same sequences: whether it has landed or not, the
// fold then has each record once.
func (m *Machine) failed(now domain.Now, in Failed) {
	if in.Invalid {
		m.broken, m.underWay = true, nil
		m.do(Broken{Cause: in.Cause})
		return
	}
	m.retryAt = now.Mono + retry
}

// next takes what waits and gives each record its sequence.
func (m *Machine) next(now domain.Now) {
	for p, records := range m.waiting {
		if len(records) == 0 {
			continue
		}
		n := min(len(records), MaxBatch)
		batch := make([]domain.Record, n)
		copy(batch, records)
		for i := range batch {
			m.sequence[p]++
			batch[i].Epoch, batch[i].Sequence = m.epoch, m.sequence[p]
		}
		rest := copy(records, records[n:])
		clear(records[rest:])
		m.waiting[p] = records[:rest]
		m.underWay = append(m.underWay, Batch{Partition: int32(p), Records: batch})
	}
	if m.underWay != nil {
		m.attempt, m.since = 1, now.Mono
		m.append()
	}
}

func (m *Machine) append() {
	m.retryAt = 0
	m.do(Append{Attempt: m.attempt, Batches: m.underWay})
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

// NextWake is when the journal wants a Timer; zero if never.
func (m *Machine) NextWake() domain.Mono {
	if m.underWay == nil {
		return 0
	}
	return m.retryAt
}

// Since is when the append under way began, its first attempt; zero for none.
func (m *Machine) Since() domain.Mono {
	if m.underWay == nil {
		return 0
	}
	return m.since
}
