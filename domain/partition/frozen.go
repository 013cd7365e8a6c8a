package partition

import (
	"iter"
	"slices"
)

// Frozen is a state at one moment, for writing it down while the fold goes on:
//
//	f := s.Freeze()
//	for !f.Step() { // the owner of the state, between records
//	}
//	// from here on any goroutine
//	x := f.Export()
//	for e := range f.Entries() { ... }
//
// To freeze a state takes microseconds, and besides what the hashing of all that has
// changed takes since its hash was asked for: of 1,000 values ten times as long, of a
// long log that was folded without asking as long as that of all UIDs. Devices are
// copied one by one by Step, or when a record is about to change them; UIDs a few
// hundred at a time, when one of them is about to change.
type Frozen struct {
	of     *State
	head   Export
	live   []*Device // by id; nil: copied
	copies []*ExportedDevice
	next   int // of live, for Step

	index packed
	order [][]uint32 // the slots of the index as they will be forgotten
	count int
}

// Freeze begins a copy of the state. An earlier one whose Step has not ended is
// of no use any more.
func (s *State) Freeze() *Frozen {
	s.settle() // or the first hash would copy what it shares
	s.frozen = s.frozenAs(s.index.freeze())
	return s.frozen
}

func (s *State) frozenAs(index packed) *Frozen {
	return &Frozen{
		of: s, head: s.exportHead(), live: slices.Clone(s.sorted), copies: make([]*ExportedDevice, len(s.sorted)),
		index: index, order: s.index.queue.freeze(), count: s.index.len(),
	}
}

// Step copies a device. It says whether all are copied.
func (f *Frozen) Step() (done bool) {
	for ; f.next < len(f.live); f.next++ {
		if f.live[f.next] != nil {
			f.keep(f.next)
			break
		}
	}
	if done = f.next == len(f.live); done && f.of.frozen == f {
		f.of.frozen = nil
	}
	return done
}

func (f *Frozen) keep(i int) {
	x := f.live[i].export()
	f.live[i], f.copies[i] = nil, &x
}

// preserve copies a device that the next record may change; no record changes
// more than one.
func (s *State) preserve(id string) {
	f := s.frozen
	if d := s.devices[id]; d != nil {
		if i := slices.Index(f.live, d); i >= 0 {
			f.keep(i)
		}
	}
}

// Export is the state without its entries.
func (f *Frozen) Export() Export {
	x := f.head
	for _, d := range f.copies {
		x.Devices = append(x.Devices, *d)
	}
	return x
}

// Len is the number of entries.
func (f *Frozen) Len() int { return f.count }

// Entries are what Export leaves out.
func (f *Frozen) Entries() iter.Seq[ExportedEntry] {
	return func(yield func(ExportedEntry) bool) {
		for _, run := range f.order {
			for _, n := range run {
				e := f.index.entry(n)
				if !yield(e.export()) {
					return
				}
			}
		}
	}
}
